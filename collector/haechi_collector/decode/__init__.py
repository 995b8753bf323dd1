"""OTLP bytes to one flat Arrow batch for each signal.

Guarantee: whatever the bytes, a decoder returns a valid batch of exactly its schema or raises
`haechi_collector.errors.Undecodable` with one line on where and what. The same telemetry gives equal batches as
protobuf and as JSON. Schemas and meanings: `haechi_collector.batch`.

Source: OTLP specification 1.11.0 (protobuf and JSON encoding), opentelemetry-proto.
"""

from haechi_collector.decode.logs import decode as decode_logs
from haechi_collector.decode.metrics import decode as decode_metrics
from haechi_collector.decode.otlp_json import decode_logs as decode_logs_json
from haechi_collector.decode.otlp_json import decode_metrics as decode_metrics_json
from haechi_collector.decode.otlp_json import decode_traces as decode_traces_json
from haechi_collector.decode.traces import decode as decode_traces
from haechi_collector.decode.validate import Refused, split_invalid

__all__ = [
    "Refused",
    "decode_logs",
    "decode_logs_json",
    "decode_metrics",
    "decode_metrics_json",
    "decode_traces",
    "decode_traces_json",
    "split_invalid",
]
