"""Every limit of a question, and what breaks if it changes. Those that it shares with SQL are in `limits`."""

from typing import Final

QUESTION_SECONDS_MAX: Final = 30
"""Run time of one statement of a question of the API. Higher: one page keeps the engine from the others."""

QUESTION_ROWS_READ_MAX: Final = 2_000_000_000
"""Rows that one statement of a question may read. Higher: it would not end in its time anyway."""

QUESTION_GROUPS_MAX: Final = 1_000
"""Groups that one answer may hold (parameter limit)."""

QUESTION_POINTS_MAX: Final = 20_000
"""Points of all series of one answer, and cells of a heatmap. Higher: seconds of JSON on the one thread of the page."""

QUESTION_DIMENSIONS_MAX: Final = 5
"""Dimensions in one group_by, and quantiles of one question."""

QUESTION_VALUES_MAX: Final = 50
"""Values of all filters of one question. Each is up to three query parameters, of which the store takes 200."""

QUESTION_VALUES_BYTES_MAX: Final = 7_000
"""Bytes of the names and values of all filters. They travel to the store in a URL of 64 KB, up to six times as long."""

QUESTION_VALUE_BYTES_MAX: Final = 2_000
"""Bytes of each of the two values that are compared; in the same URL, beside the filters."""

QUESTION_TEXTS_BYTES_MAX: Final = 1_000
"""Bytes of all texts that are searched for; in the same URL, up to eleven times as long."""

QUESTION_NAME_CHARS_MAX: Final = 256
"""Characters of one dimension's name; in the same URL."""

TRACES_PAGE_MAX: Final = 200
"""Traces of one page of the search."""

TRACE_SPANS_MAX: Final = 20_000
"""Spans shown of one trace; further ones are counted and left out. Higher: an answer of tens of MB."""

TRACE_CONTENT_CHARS_MAX: Final = 1_000_000
"""Characters of messages and documents in the view of a trace; the rest is in the view of its spans."""

SESSION_TRACES_MAX: Final = 1_000
"""Traces of one session's timeline. Their ids travel to the store in a URL of 64 KB."""

SESSION_SCORES_MAX: Final = 10_000
"""Judgements shown in one timeline. Higher: an answer of tens of MB."""

USER_DAYS_MAX: Final = 400
"""Days of one user's series, the earliest; `Window.whole_days` is as long."""

USER_MODELS_MAX: Final = 100
"""Models of one user, those with the most requests."""

USER_SESSIONS_MAX: Final = 100
"""Sessions of one user that are shown, the newest; the rest is in the list of sessions filtered by ``user``."""

FAILURES_MAX: Final = 100
"""Groups of failed requests in one answer, the greatest."""

ATTRIBUTE_SPANS_MAX: Final = 200_000
"""Spans of which attribute keys are read, the newest. Higher: a menu that takes seconds to open."""

SPAN_TEXT_CHARS_MAX: Final = 1_000_000
"""Characters of one text in the view of a span; its whole length is told. Higher: an answer of tens of MB."""

SPAN_ATTRIBUTES_MAX: Final = 1_000
"""Attributes of each type in the view of a span; the number of those left out is told."""

SPAN_ATTRIBUTE_CHARS_MAX: Final = 10_000
"""Characters of one attribute in the view of a span. With the above: 40 MB of an answer at most, for a hostile span."""

SPAN_SCORES_MAX: Final = 1_000
"""Judgements shown of one span."""

LIST_PAGE_MAX: Final = 200
"""Sessions, users or requests of one page."""

REPORT_TEXT_REQUESTS_MAX: Final = 200_000
"""Requests whose texts a report reads, the newest of the window. Higher: it would not end in its time."""

REPORT_TEXT_TOKENS_MAX: Final = 100_000_000
"""Input tokens of those requests, about 400 MB of text, which are read four times."""

REPORT_PROMPTS_MAX: Final = 20
"""Groups of requests with the same beginning, of each of which two texts of 64 KiB are fetched."""

REPORT_OF_A_KIND_MAX: Final = 10
"""Recommendations of one kind."""

REPORT_RECOMMENDATIONS_MAX: Final = 50
"""Recommendations of one report."""
