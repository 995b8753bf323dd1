"""Reads from a request which scenario it asks for: markers in its last user message, or in its model's name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.standin.wire import Json, Reply

ANSWERS = ("chat", "korean", "long", "tool", "tools", "tool_answer", "structured", "refusal", "length", "reasoning")
SLOW_MS = 20
LONG_WORDS = 400

_MARKER = re.compile(r"\[([a-z]+(?:_[a-z0-9]+)?)(?::(\d+))?\]")


@dataclass(frozen=True, slots=True)
class Script:
    """What a request asks the stand-in to play."""

    answer: str = "chat"  # one of ANSWERS
    status: int = 200  # an error's HTTP status
    pause_ms: int = 0
    cut: bool = False
    failing: bool = False  # an error event in the middle of the stream
    strict: int = 0  # the status with which a server answers that does not know `stream_options`; 0: it knows them
    usage: bool = True
    retry: bool = False  # 429 at the first attempt, the answer at the second
    words: int = LONG_WORDS  # of a long answer
    tools: tuple[Json, ...] = field(default=())  # those offered: {"name", "schema"}
    schema: Json | None = None  # of a structured answer

    def with_(self, **changes: Any) -> "Script":
        """The script with these fields changed."""
        return replace(self, **changes) if changes else self

    def send(self, reply: Reply) -> Reply:
        """The reply with this script's timing and cut."""
        return replace(reply, pause_ms=self.pause_ms, cut=self.cut) if self.pause_ms or self.cut else reply


_PLAYS: dict[str, Callable[[Script, int | None], Script]] = {
    "slow": lambda script, n: replace(script, pause_ms=SLOW_MS if n is None else n),
    "cut": lambda script, _n: replace(script, cut=True),
    "fail": lambda script, _n: replace(script, failing=True),
    "strict": lambda script, n: replace(script, strict=400 if n is None else n),
    "nousage": lambda script, _n: replace(script, usage=False),
    "retry": lambda script, _n: replace(script, retry=True),
    "long": lambda script, n: replace(script, answer="long", words=LONG_WORDS if n is None else n),
}


def read(text: str, model: str = "", *, after_tool: bool = False) -> Script:
    """The script that the markers in `text` and after `--` in `model` name; unknown markers are ordinary text.

    Args:
        text: The last user message.
        model: The model asked for, such as `gpt-4o-mini` or `gpt-4o-mini--tool`.
        after_tool: The conversation ends with a tool's result, so a tool call is followed by the closing answer.
    """
    script = Script()
    named = "".join(f"[{word}]" for word in model.split("--")[1:])
    for word, number in _MARKER.findall(text) + _MARKER.findall(named):
        script = _played(script, word, int(number) if number else None)
    if after_tool and script.answer in {"tool", "tools"}:
        return replace(script, answer="tool_answer")
    return script


def _played(script: Script, word: str, number: int | None) -> Script:
    if word in _PLAYS:
        return _PLAYS[word](script, number)
    if word in ANSWERS:
        return replace(script, answer=word)
    if word.startswith("error_") and word[6:].isdigit():
        return replace(script, status=int(word[6:]))
    return script


def text_of(content: Any) -> str:
    """The text in a message's content: a string, or a list of parts with `text`."""
    if isinstance(content, str):
        return content
    parts = content or ()
    return "\n".join(part if isinstance(part, str) else text_of(part.get("text") or "") for part in parts)


def fill(schema: Json, definitions: Json | None = None) -> Any:
    """A value that satisfies a JSON schema, always the same one; references are to the schema's own `$defs`."""
    known: Json = definitions or schema.get("$defs") or {}
    if "$ref" in schema:
        return fill(known[schema["$ref"].rpartition("/")[2]], known)
    if options := schema.get("enum"):
        return options[0]
    if options := schema.get("anyOf"):
        return fill(options[0], known)
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        return {key: fill(value, known) for key, value in schema.get("properties", {}).items()}
    if kind == "array":
        return [fill(schema.get("items", {"type": "string"}), known)]
    return {"string": "Seoul", "integer": 7, "number": 21.5, "boolean": True, "null": None}[kind]
