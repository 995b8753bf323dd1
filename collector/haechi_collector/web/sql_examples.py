"""Queries to begin with, as the SQL page offers them. Each is run in a test."""

from collections.abc import Sequence
from typing import Final

from haechi_collector.web import words_sql as words
from haechi_collector.web.language import Word

_BY_MODEL: Final = """SELECT request_model, count() AS calls,
       quantile(0.95)(duration_ns) / 1e6 AS p95_ms, sum(cost_usd) AS usd
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND request_model != ''
GROUP BY request_model
ORDER BY usd DESC NULLS LAST"""

_BY_HOUR: Final = """SELECT toStartOfHour(start_time) AS hour, request_model, sum(cost_usd) AS usd
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND cost_usd > 0
GROUP BY hour, request_model
ORDER BY hour"""

_BY_PROMPT: Final = """SELECT prompt_name, prompt_version, count() AS calls,
       quantiles(0.5, 0.95)(ttft_ns / 1e6) AS p50_p95_ttft_ms, sum(cost_usd) AS usd
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND operation = 'chat' AND prompt_name != ''
GROUP BY ALL
ORDER BY 1, 2"""

_DEAREST: Final = """SELECT trace_id, request_model, cost_usd, input_tokens, output_tokens,
       left(input_messages, 200) AS asked
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND cost_usd IS NOT NULL
ORDER BY cost_usd DESC
LIMIT 50"""

_HALLUCINATED: Final = """SELECT s.trace_id, s.prompt_version, c.value, c.explanation
FROM scores AS c INNER JOIN spans AS s USING (trace_id, span_id)
WHERE c.name = 'hallucination' AND c.value > 0.5 AND c.timestamp > now() - INTERVAL 1 DAY
LIMIT 100"""

_FAILED: Final = """SELECT error_type, request_model, count() AS errors, any(status_message) AS message
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND status_code = 'error'
GROUP BY ALL
ORDER BY errors DESC"""

_SAID: Final = """SELECT start_time, trace_id, request_model, left(input_messages, 300) AS asked
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND positionCaseInsensitiveUTF8(input_messages, '환불') > 0
ORDER BY start_time DESC
LIMIT 50"""

_UNPRICED: Final = """SELECT provider, request_model, count() AS calls,
       sum(input_tokens) AS tokens_in, sum(output_tokens) AS tokens_out
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND cost_source = 'unpriced'
GROUP BY ALL
ORDER BY calls DESC"""

_LANGUAGES: Final = """SELECT attributes_string['demo.language'] AS language, count() AS spans, sum(cost_usd) AS usd
FROM spans
WHERE start_time > now() - INTERVAL 1 DAY
GROUP BY language
ORDER BY spans DESC"""

EXAMPLES: Final[Sequence[tuple[Word, str]]] = (
    (words.BY_MODEL, _BY_MODEL),
    (words.BY_HOUR, _BY_HOUR),
    (words.BY_PROMPT, _BY_PROMPT),
    (words.DEAREST, _DEAREST),
    (words.HALLUCINATED, _HALLUCINATED),
    (words.FAILED, _FAILED),
    (words.SAID, _SAID),
    (words.UNPRICED, _UNPRICED),
    (words.LANGUAGES, _LANGUAGES),
)
