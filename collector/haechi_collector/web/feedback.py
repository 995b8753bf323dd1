"""The thumbs of a span: what somebody at the page thinks of it, as a score of their own.

Guarantee: only who may send scores into the span's project is shown them; whoever clicks again changes their mind,
because a key has one score of a span. ``static/traces.js`` posts what stands in ``data-score`` to ``/api/v1/scores``.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from haechi_collector.gate.gate import Caller
from haechi_collector.web import words_traces as words
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator, Word

_EVALUATOR: Final = "page"
_THUMBS: Final[tuple[tuple[str, int, Word, str], ...]] = (
    ("thumbs_up", 1, words.THUMBS_UP, "M7 11v9H4v-9zM7 11l4-8c2 0 2.5 1.5 2 3l-1 4h6c1.5 0 2 1 1.7 2l-2 7H7"),
    ("thumbs_down", 0, words.THUMBS_DOWN, "M7 13V4H4v9zM7 13l4 8c2 0 2.5-1.5 2-3l-1-4h6c1.5 0 2-1 1.7-2l-2-7H7"),
)
"""Label, value, word and drawing."""


def thumbs(span: Mapping[str, Any], caller: Caller, t: Translator) -> Html | None:
    """Return the buttons for a span of the API; None for who may not judge it."""
    if not caller.may_send or span["project"] != caller.project:
        return None
    id_ = f"{_EVALUATOR}-{caller.key_id or 'open'}-{span['trace_id']}-{span['span_id']}"
    said = next((one["label"] for one in span["scores"] if one["id"] == id_), "")
    score = {"trace_id": span["trace_id"], "span_id": span["span_id"], "name": "user_feedback", "source": "human"}
    return tag(
        "div",
        [_thumb(label, value, t(word), path, is_said=label == said) for label, value, word, path in _THUMBS],
        tag("span", role="status", class_="h-muted"),
        class_="t-thumbs",
        role="group",
        aria_label=t(words.FEEDBACK),
        data_score=orjson.dumps({**score, "evaluator": _EVALUATOR, "id": id_}).decode(),
        data_saved=t(words.SAVED),
        data_failed=t(words.NOT_SAVED),
    )


def _thumb(label: str, value: int, title: str, path: str, *, is_said: bool) -> Html:
    drawing = tag("svg", tag("path", d=path), viewBox="0 0 24 24", class_="h-icon", aria_hidden="true")
    return tag(
        "button",
        drawing,
        type="button",
        class_="h-button h-square",
        title=title,
        aria_label=title,
        aria_pressed=str(is_said).lower(),
        data_thumb=label,
        value=value,
    )
