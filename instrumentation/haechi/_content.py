"""Content of calls on its way into attributes: off, on, redacted, truncated.

Guarantee: with content off nothing of a prompt or an answer leaves this module. A text longer than ``chars_max``
ends with how many characters are missing. Blobs (images, audio) are recorded by their kind and size alone.

Format: JSON of the convention's message shape, ``[{"role": ..., "parts": [{"type": "text", "content": ...}]}]``,
Korean text as it is, not as escapes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from haechi import _values

Part = dict[str, Any]
Message = dict[str, Any]

JSON_CHARS_MAX: Final = 4_000_000
"""Characters of one attribute. More: one span fills the export queue, and the collector refuses it."""


class Content:
    """The content setting, applied. Immutable."""

    __slots__ = ("_redact", "_whole_max", "chars_max", "on")

    def __init__(self, mode: str, chars_max: int) -> None:
        self.on = mode != "off"
        self.chars_max = chars_max
        self._redact: Callable[[str], str] | None = None
        if mode == "redacted":
            from haechi.checks.pii import redact  # noqa: PLC0415  regular expressions, compiled only where wanted

            self._redact = redact
        self._whole_max = -1 if self._redact else min(chars_max, JSON_CHARS_MAX)

    def text(self, text: str) -> str:
        """Return a text as it may be recorded."""
        beyond = len(text) - self.chars_max
        if beyond > 0:
            text = f"{text[: self.chars_max]}… [{beyond} characters more]"
        return self._redact(text) if self._redact else text

    def json(self, value: object) -> str:
        """Return a JSON-like value as it may be recorded: each text in it cut and redacted, odd objects as text."""
        encoded = _encode(value)
        if self._redact or len(encoded) > self.chars_max:
            encoded = _encode(self._each(json.loads(encoded)))
        if len(encoded) > JSON_CHARS_MAX:
            return json.dumps([{"omitted_characters": len(encoded)}])
        return _sound(encoded)

    def listed(self, items: list[str]) -> str | None:
        """Return a list of JSON texts as it may be recorded, None where something in it must be changed."""
        encoded = f"[{','.join(items)}]"
        if len(encoded) > self._whole_max:
            return None
        return encoded if encoded.isascii() else _sound(encoded)

    def told(self, value: object, chars_max: int | None = None) -> str:
        """Return any value as it may be recorded: text as it is, anything else as JSON; each text cut shorter still."""
        plain = _values.plain(value, min(chars_max or self.chars_max, self.chars_max))
        return self.text(plain) if isinstance(plain, str) else self.json(plain)

    def _each(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._each(item) for item in value]
        if isinstance(value, dict):
            return {key: self._each(item) for key, item in value.items()}
        return value


def text_part(text: str) -> Part:
    """Return a text as a part of a message."""
    return {"type": "text", "content": text}


def reasoning_part(text: str) -> Part:
    """Return what a model thought, as a part of a message."""
    return {"type": "reasoning", "content": text}


def tool_call_part(call_id: str | None, name: str | None, arguments: object) -> Part:
    """Return a call of a tool that the model asks for; ``arguments`` as given, JSON text is decoded."""
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": decoded(arguments)}


def tool_response_part(call_id: str | None, response: object) -> Part:
    """Return what a tool answered."""
    return {"type": "tool_call_response", "id": call_id, "response": response}


def blob_part(modality: str, mime_type: str | None, data: str | bytes | None) -> Part:
    """Return an image, a sound or a file by its kind and size, without its bytes."""
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "size": len(data or "")}


def uri_part(modality: str, uri: str) -> Part:
    """Return an image, a sound or a file by its address; an address that holds the data itself is a blob."""
    if uri.startswith("data:"):
        return blob_part(modality, uri[5:].partition(";")[0], uri)
    return {"type": "uri", "modality": modality, "uri": uri}


def message(role: str, parts: Sequence[Part], finish_reason: str | None = None) -> Message:
    """Return a message in the convention's shape."""
    made: Message = {"role": role, "parts": parts}
    if finish_reason is not None:
        made["finish_reason"] = finish_reason
    return made


def text_message(role: object, text: object, finish_reason: object = None) -> str | None:
    """Return a message of one text as JSON, as `message` and `Content.json` would tell it; None where it is more."""
    if type(text) is not str or type(role) is not str or not (text and role):
        return None
    told = f'{{"role":{_quoted(role)},"parts":[{{"type":"text","content":{_quoted(text)}}}]'
    if finish_reason is None:
        return f"{told}}}"
    return f'{told},"finish_reason":{_quoted(finish_reason)}}}' if type(finish_reason) is str else None


def decoded(value: object) -> object:
    """Return the value of a JSON text, and anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def field(source: object, name: str) -> Any:
    """Return a field of a mapping or an object, None where there is none. Clients take either everywhere."""
    if isinstance(source, dict):  # before the slow question about mappings: this is asked some fifty times a call
        return source.get(name)
    own = getattr(source, "__dict__", None)
    if own is not None and name in own:
        return own[name]
    extra = getattr(source, "__pydantic_extra__", None)
    if extra is not None and not hasattr(type(source), name):  # pydantic would raise and catch an error to say so
        return extra.get(name)
    value = getattr(source, name, None)
    return source.get(name) if value is None and isinstance(source, Mapping) else value


def own_fields(source: object) -> Mapping[str, Any]:
    """Return the fields that an object of a client holds itself; none of a mapping. For who asks for many at once."""
    return NOTHING if isinstance(source, dict) else getattr(source, "__dict__", None) or NOTHING


NOTHING: Final[Mapping[str, Any]] = {}


def _plain(value: object) -> object:
    """Return what JSON cannot hold as something that it can; asked by `json.dumps`."""
    dump = getattr(value, "model_dump", None)  # pydantic models stand in for dictionaries in most clients
    if callable(dump):
        return dump(mode="json", exclude_none=True)
    if isinstance(value, bytes | bytearray | memoryview):
        return {"type": "blob", "size": len(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    return str(type(value).__name__)


def _sound(encoded: str) -> str:
    """Return text that has a UTF-8: half a surrogate pair, which model output does contain, would fail its batch."""
    if encoded.isascii():
        return encoded
    try:
        encoded.encode()
    except UnicodeEncodeError:
        return encoded.encode("utf-8", "replace").decode()
    return encoded


_quoted: Final = json.encoder.encode_basestring
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
