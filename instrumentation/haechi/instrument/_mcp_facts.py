"""What requests of the Model Context Protocol say, and their answers.

Objects of both generations of the SDK are read: models with names in either spelling, and the dictionaries that go
over the wire.

Source: semantic-conventions-genai, MCP; the protocol's schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from haechi._content import Content, Part, blob_part, field, text_part
from haechi.spans import Facts
from haechi_schemas import attributes as names

TOOL: Final = "tools/call"
PROMPT: Final = "prompts/get"
RESOURCE: Final = "resources/read"
METHODS: Final = frozenset({TOOL, PROMPT, RESOURCE})
"""What is observed: the rest of the protocol moves no content."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        method: one of `METHODS`.
        target: the tool's or the prompt's name, the resource's address.
        arguments: those of the tool.
    """

    method: str
    target: str
    arguments: Any

    @property
    def operation(self) -> str:
        """The first word of the span's name, where the conventions have one."""
        return "execute_tool" if self.method == TOOL else ""

    @property
    def name(self) -> str:
        """The rest of the span's name; without a resource's address, of which there are too many."""
        if self.method == TOOL:
            return self.target
        return self.method if self.method == RESOURCE else f"{self.method} {self.target}"

    def facts(self, content: Content) -> Facts:
        """Return what is asked."""
        facts: Facts = {names.MCP_METHOD_NAME: self.method, _TARGETS[self.method]: self.target}
        if self.method == TOOL and content.on and self.arguments is not None:
            facts[names.TOOL_CALL_ARGUMENTS] = content.json(self.arguments)
        return facts


_TARGETS: Final = {TOOL: names.TOOL_NAME, PROMPT: names.PROMPT_NAME, RESOURCE: names.MCP_RESOURCE_URI}


def asked(method: object, params: Any) -> Asked | None:
    """Return a request that is observed, None where it is another one."""
    if method not in METHODS or params is None:
        return None
    target = field(params, "uri" if method == RESOURCE else "name")
    return Asked(str(method), str(target), field(params, "arguments"))


def answered(request: Asked, result: Any, content: Content) -> Facts:
    """Return what an answer says. A tool that answers with its error has failed."""
    if request.method != TOOL:
        return {}
    failed = _either(result, "is_error", "isError")
    facts: Facts = {names.ERROR_TYPE: "tool_error"} if failed else {}
    blocks = field(result, "content")
    if content.on and isinstance(blocks, list):
        parts = [_part(block) for block in blocks]
        texts = [part["content"] for part in parts if part["type"] == "text"]
        whole = len(texts) == len(parts) == 1
        facts[names.TOOL_CALL_RESULT] = content.text(texts[0]) if whole else content.json(parts)
    return facts


def refused(error: Any) -> Facts:
    """Return what the protocol's own error says, that of an exception or an answer; nothing of any other."""
    code = field(error, "code")
    return {} if not isinstance(code, int) else {names.ERROR_TYPE: str(code), names.RPC_RESPONSE_STATUS_CODE: str(code)}


def _part(block: Any) -> Part:
    """Return a block of a result in the convention's shape; of pictures and sounds no more than their size."""
    kind = field(block, "type")
    if kind == "text":
        return text_part(str(field(block, "text")))
    if kind in {"image", "audio"}:
        return blob_part(kind, _either(block, "mime_type", "mimeType"), field(block, "data"))
    held = field(block, "resource")
    uri = field(block, "uri") or field(held, "uri")
    text = field(held, "text")
    return {"type": "uri", "uri": str(uri)} | ({"text": text} if isinstance(text, str) else {})


def _either(source: Any, name: str, alias: str) -> Any:
    """Return a field by its name since 2.0, else by that on the wire, which may be deprecated where both exist."""
    value = field(source, name)
    return field(source, alias) if value is None else value


def session_of(request: Any) -> Facts:
    """Return the session that an HTTP request belongs to, if it is one and has one."""
    headers = getattr(request, "headers", None)
    session = headers.get("mcp-session-id") if isinstance(headers, Mapping) else None
    return {names.MCP_SESSION_ID: session} if isinstance(session, str) else {}
