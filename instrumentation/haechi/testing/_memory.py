"""An exporter that keeps spans in memory, in the order in which they ended."""

import threading
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


class MemoryExporter(SpanExporter):
    """Keeps every span. For tests: nothing bounds it but `clear`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _spans
        self._spans: list[ReadableSpan] = []

    @property
    def spans(self) -> list[ReadableSpan]:
        """What has ended so far."""
        with self._lock:
            return list(self._spans)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._spans.clear()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep spans."""
        with self._lock:
            self._spans.extend(spans)
        return SpanExportResult.SUCCESS
