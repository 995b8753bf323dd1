"""Limits of what is sent to the web port, and what breaks if they change. Those of questions: `query.limits`."""

from typing import Final

from haechi_collector.limits import MIB

SCORES_MAX: Final = 1_000
"""Scores of one request. More: reading it holds the web process up for longer than 20 ms."""

SCORES_BYTES_MAX: Final = 2 * MIB
"""Body of such a request. Higher: memory for every connection. Lower: SCORES_MAX with a sentence each no longer fit."""

SCORE_ID_CHARS_MAX: Final = 500
"""Id of a score that its sender chose. Lower: two ids of others, joined, no longer fit."""

SCORE_EXPLANATION_CHARS_MAX: Final = 16_000
"""Explanation of a score, as in the SDK."""
