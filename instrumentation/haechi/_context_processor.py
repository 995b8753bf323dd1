"""Puts the attributes of `haechi.context` on spans that other instrumentations begin inside: agents, retrievers, HTTP.

Guarantee: what a span already says stays. Added only to a provider that `haechi.init` made itself; it imports
OpenTelemetry's SDK, so import it late.
"""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from haechi import _context, _guard


class ContextProcessor(SpanProcessor):
    """Marks each span as it begins. Keeps nothing, so it needs no shutdown."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add what the span does not say of itself."""
        with _KEPT:
            wanted = _context.attributes(parent_context)
            if wanted:
                said = span.attributes or {}
                span.set_attributes({name: value for name, value in wanted.items() if name not in said})


_KEPT = _guard.Kept("haechi.context")
