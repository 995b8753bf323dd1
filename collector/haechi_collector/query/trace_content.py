"""What was said in a trace: its messages as one conversation, and excerpts for lists.

Guarantee: a message appears once, at the call in which it first appears: a call repeats the conversation before it, and
only what follows the longest part that is known already is new. What is no JSON in the convention's shape is shown as
one text part. The whole is bounded by `limits.TRACE_CONTENT_CHARS_MAX`.
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from haechi_collector.query import limits
from haechi_collector.query.engine import Row

_EXCERPT_CHARS: Final = 200


class Conversation:
    """Collects the messages of calls in the order of their start."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.is_cut = False
        self._known: set[bytes] = set()
        self._left = limits.TRACE_CONTENT_CHARS_MAX

    def add(self, call: Row) -> None:
        """Add what is new in a call: ``span_id``, ``instructions``, ``asked`` and ``answered`` as stored."""
        if call["instructions"]:
            self._add(call["span_id"], {"role": "system", "parts": _read(call["instructions"])}, is_answer=False)
        for is_answer, text in ((False, call["asked"]), (True, call["answered"])):
            for message in _messages(text, "assistant" if is_answer else "user"):
                self._add(call["span_id"], message, is_answer=is_answer)

    def _add(self, span_id: str, message: dict[str, Any], *, is_answer: bool) -> None:
        key = orjson.dumps([message["role"], message["parts"]], option=orjson.OPT_SORT_KEYS)
        if key in self._known and not is_answer:
            return
        self._known.add(key)
        self._left -= len(key)
        if self._left < 0:
            self.is_cut = True
            return
        finish = {"finish_reason": message["finish_reason"]} if isinstance(message.get("finish_reason"), str) else {}
        self.messages.append({"span_id": span_id, "role": message["role"], "parts": message["parts"], **finish})


def _read(text: str) -> list[Any]:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        read = None
    return read if isinstance(read, list) else [{"type": "text", "content": text}]


def _messages(text: str, role: str) -> list[dict[str, Any]]:
    if not text:
        return []
    read = _read(text)
    if all(isinstance(m, dict) and isinstance(m.get("role"), str) and isinstance(m.get("parts"), list) for m in read):
        return read
    return [{"role": role, "parts": read}]


def contexts(spans: Iterable[Row], left: int) -> tuple[list[dict[str, str]], bool]:
    """Return the retrieved documents, each once, and whether some were left out for length.

    A call repeats what the retrievals before it found, paragraph by paragraph: only spans that add one are shown.

    Args:
        spans: ``span_id`` and ``context``, in the order of their start.
        left: how many characters may be shown.
    """
    shown: list[dict[str, str]] = []
    known: set[str] = {""}
    is_cut = False
    for span in spans:
        paragraphs = span["context"].split("\n\n")
        if known.issuperset(paragraphs):
            continue
        left -= len(span["context"])
        if left < 0:
            is_cut = True
        else:
            known.update(paragraphs)
            shown.append({"span_id": span["span_id"], "text": span["context"]})
    return shown, is_cut


def _words(part: dict[str, Any]) -> str:
    """Return what people would read of a part: its text, or which tool it calls."""
    content, name = part.get("content"), part.get("name")
    if isinstance(content, str):
        return content
    return f"{name}({part.get('arguments') or ''})" if part.get("type") == "tool_call" and name else ""


def excerpt(text: str) -> str:
    """Return the last words of stored messages that people would read, shortened; also of JSON that was cut off."""
    said = [one for m in _messages(text, "") for p in m["parts"] if isinstance(p, dict) and (one := _words(p))]
    shown = " ".join((said[-1] if said else text).split())
    return shown if len(shown) <= _EXCERPT_CHARS else shown[: _EXCERPT_CHARS - 1] + "…"
