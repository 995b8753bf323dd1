"""Every limit of the page but `limits.PAGE_CLIENTS_MAX`, and what breaks if it changes."""

from typing import Final

PAGE_QUESTIONS_AT_ONCE: Final = 6
"""Questions of all open pages that are asked at once; others wait in line. Higher: pages take the places of the API and
of SQL in the engine. Lower: a page shows its figures one after another."""

PAGE_QUESTION_S: Final = 60.0
"""Waiting in line and being answered, of one question of a page. Longer: work for a page that nobody waits for."""

QUERY_CHARS_MAX: Final = 16_000
"""Characters of a page's query string; what lies beyond is cut. Browsers and proxies take about as much."""

BLOCKS_MAX: Final = 60
"""Blocks of one page. More: a page is wrong, and each block holds an element on both sides."""
