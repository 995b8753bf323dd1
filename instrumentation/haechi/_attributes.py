"""Attributes on their way onto a span of OpenTelemetry's SDK.

Guarantee: what `put` leaves on a span is what ``Span.set_attributes`` would leave there. The SDK looks at every value
to clean it, half a microsecond each; values of ours are clean, and one look at their types shows it.
"""

from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

_CLEAN: Final = frozenset({str, int, float, bool})


def put(span: Span, facts: dict[str, AttributeValue]) -> None:
    """Set attributes of a span that has not ended."""
    held = getattr(span, "_attributes", None)
    if type(held) is BoundedAttributes and held.max_value_len is None and span.is_recording():
        clean, kept = _clean(facts), held._dict  # noqa: SLF001  of the SDK
        if clean is not None and (held.maxlen is None or len(kept) + len(clean) <= held.maxlen):
            kept.update(clean)  # in one step, no lock needed
            return
    span.set_attributes(facts)


def _clean(facts: dict[str, Any]) -> dict[str, Any] | None:
    """Return attributes as the SDK keeps them, None where one needs its look."""
    clean: dict[str, Any] = facts
    for name, value in facts.items():
        kind = type(value)
        if kind in _CLEAN:
            continue
        if (kind is not tuple and kind is not list) or not _CLEAN.issuperset(map(type, value)):
            return None
        if kind is tuple:
            continue
        if clean is facts:
            clean = dict(facts)
        clean[name] = tuple(value)
    return clean
