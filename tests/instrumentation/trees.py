"""The shape of what was recorded."""

from collections.abc import Iterable

from opentelemetry.sdk.trace import ReadableSpan


def tree(spans: Iterable[ReadableSpan]) -> list[str]:
    """The names of spans in the order in which they began, each indented by two blanks for each one around it."""
    known = {span.context.span_id: span for span in spans}

    def depth(span: ReadableSpan) -> int:
        parent = span.parent and known.get(span.parent.span_id)
        return 1 + depth(parent) if parent else 0

    ordered = sorted(known.values(), key=lambda span: span.start_time or 0)
    return ["  " * depth(span) + span.name for span in ordered]
