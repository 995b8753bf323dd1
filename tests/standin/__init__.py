"""A local stand-in for LLM providers: real HTTP over loopback."""

from tests.standin.facts import Facts, ToolCall, expected
from tests.standin.server import Standin
from tests.standin.wire import Reply, Request

__all__ = ["Facts", "Reply", "Request", "Standin", "ToolCall", "expected"]
