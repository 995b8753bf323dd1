"""Counts tokens where nobody reported them.

Guarantee: a call gets token counts and ``usage_source = 'counted'`` only when they are what its model's tokenizer
yields: an OpenAI model whose table is at hand, plain text on both sides. Tools, images and audio add tokens that
the provider does not document, so calls with those keep ``none`` and stay visibly unpriced.

Cost: some 0.25 µs per character, all of it in `haechi.tokens`. This is a cold path, row by row: well-behaved
instrumentation reports usage, and a batch without such rows costs a few vector operations.
"""

from typing import Any, Final, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from haechi import tokens

_CHAT: Final = frozenset({"chat", "generate_content"})
_TEXT_IN_TEXT_OUT: Final = frozenset({"text_completion"})
_NO_OUTPUT: Final = frozenset({"embeddings"})
_READ: Final = (
    "operation",
    "request_model",
    "response_model",
    "system_instructions",
    "input_messages",
    "output_messages",
    "tool_definitions",
)
_Message = tuple[str, str, str]  # role, name, text


class Calls(Protocol):
    """What this stage asks about each row beside the table's columns."""

    @property
    def is_inference(self) -> pa.BooleanArray:
        """Whether the span is a call of a model, not of an agent, chain, tool or retriever."""


def count_tokens(spans: pa.RecordBatch, calls: Calls) -> pa.RecordBatch:
    """Return the batch (schema ``batch.SPANS``) with usage filled in where it was not reported and can be told."""
    rows = _candidates(spans, calls)
    counts = {row: found for row, fields in rows if (found := _usage(fields)) is not None}
    return _with_usage(spans, counts) if counts else spans


def _candidates(spans: pa.RecordBatch, calls: Calls) -> list[tuple[int, dict[str, str]]]:
    lacking = pc.and_(calls.is_inference, pc.equal(spans["usage_source"], "none"))
    with_content = pc.and_(lacking, pc.not_equal(spans["input_messages"], ""))
    rows = np.flatnonzero(with_content.to_numpy(zero_copy_only=False))
    fields = spans.select(_READ).take(pa.array(rows)).to_pylist()
    return list(zip(rows.tolist(), fields, strict=True))


def _usage(fields: dict[str, str]) -> tuple[int, int] | None:
    """Return (input, output) tokens of one call, or None when they cannot be told."""
    operation, model = fields["operation"], fields["response_model"] or fields["request_model"]
    if tokens.count("", model) is None or fields["tool_definitions"]:
        return None
    system = _parts_text(_json(fields["system_instructions"] or "[]"))
    prompt = _messages(fields["input_messages"])
    reply = _messages(fields["output_messages"] or "[]")
    if system is None or prompt is None or reply is None or bool(reply) == (operation in _NO_OUTPUT):
        return None
    if operation in _CHAT:
        instructions = [("system", "", system)] if system else []
        counted = tokens.count_messages([*instructions, *prompt], model)
    elif operation in _TEXT_IN_TEXT_OUT | _NO_OUTPUT and not system:
        counted = _count_texts(prompt, model)
    else:
        return None
    written = _count_texts(reply, model)
    return None if counted is None or written is None else (counted, written)


def _count_texts(messages: list[_Message], model: str) -> int | None:
    counts = [tokens.count(text, model) for _, _, text in messages]
    return None if None in counts else sum(count for count in counts if count is not None)


def _messages(text: str) -> list[_Message] | None:
    """Read messages in the convention's shape; None unless all they hold is text."""
    messages = _json(text)
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    read = [_message(message) for message in messages]
    return None if None in read else [message for message in read if message is not None]


def _message(message: dict[str, Any]) -> _Message | None:
    role, name, text = message.get("role"), message.get("name") or "", _parts_text(message.get("parts"))
    return (role, name, text) if isinstance(role, str) and isinstance(name, str) and text is not None else None


def _parts_text(parts: object) -> str | None:
    if not isinstance(parts, list):
        return None
    texts = [part.get("content") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    plain = [text for text in texts if isinstance(text, str)]
    return "".join(plain) if len(plain) == len(parts) else None


def _json(text: str) -> object:
    """Return the value, or None for what is no JSON or too long to be counted."""
    if len(text) > tokens.TEXT_CHARS_MAX:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _with_usage(spans: pa.RecordBatch, counts: dict[int, tuple[int, int]]) -> pa.RecordBatch:
    rows = np.fromiter(counts, np.int64, len(counts))
    counted = np.array(list(counts.values()), np.uint64)
    mask = np.zeros(spans.num_rows, np.bool_)
    mask[rows] = True
    replaced = {
        "input_tokens": pa.array(counted[:, 0]),
        "output_tokens": pa.array(counted[:, 1]),
        "usage_source": pa.array(["counted"] * len(counts), pa.string()),
    }
    columns = [
        pc.replace_with_mask(spans.column(i), pa.array(mask), replaced[field.name])
        if field.name in replaced
        else spans.column(i)
        for i, field in enumerate(spans.schema)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=spans.schema)
