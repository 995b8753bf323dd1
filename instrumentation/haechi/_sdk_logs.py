"""The same for log records, which scores are: imported with the first one, because the SDK's logs take their time.

Guarantee: nothing here sends or waits in the application's threads.
"""

from collections.abc import Mapping
from sys import getsizeof
from typing import Any, cast

from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from haechi._export import Pipeline
from haechi._lane import Lane
from haechi._sdk import SPAN_BYTES, values_bytes


def log_bytes(data: ReadWriteLogRecord) -> int:
    """Return about how many bytes of memory a log record takes."""
    record = data.log_record
    return SPAN_BYTES + getsizeof(record.body) + values_bytes(cast("Mapping[str, object] | None", record.attributes))


class LogQueue(LogRecordProcessor):
    """Puts log records into the pipeline's queues."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lanes: tuple[Lane[Any], ...] = tuple(lane for lane in pipeline.lanes if lane.signal == "logs")

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Queue a record."""
        size = log_bytes(log_record)
        for lane in self._lanes:
            self._pipeline.put(lane, log_record, size)

    def shutdown(self) -> None:
        """Send what waits."""
        self._pipeline.flush(self._pipeline.exit_s)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits; return whether all of it was sent."""
        return self._pipeline.flush(timeout_millis / 1000)


def logger_provider(resource: Resource, pipeline: Pipeline) -> LoggerProvider:
    """Make a provider."""
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_log_record_processor(LogQueue(pipeline))
    return provider
