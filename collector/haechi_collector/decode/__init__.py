"""OTLP bytes to one flat Arrow batch for each signal.

Guarantee: whatever the bytes, a decoder returns a valid batch of exactly its schema or raises
`haechi_collector.errors.Undecodable` with one line on where and what. The same telemetry gives equal batches as
protobuf and as JSON, alone and together with others. Schemas and meanings: `haechi_collector.batch`.

Requests that wait together are decoded together: `plain` each, then `decode` all of one signal and encoding. A
request costs about a millisecond beside its rows.

Source: OTLP specification 1.11.0 (protobuf and JSON encoding), opentelemetry-proto.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import pyarrow as pa

from haechi_collector.decode import logs, metrics, otlp_json, traces
from haechi_collector.decode.ids import BINARY, TEXT
from haechi_collector.decode.schema import LOGS, METRICS, TRACES
from haechi_collector.decode.validate import Refused, split_invalid
from haechi_collector.decode.wire import Decoded
from haechi_collector.sink import Encoding, Signal

__all__ = [
    "Decoded",
    "Refused",
    "decode",
    "decode_logs",
    "decode_logs_json",
    "decode_metrics",
    "decode_metrics_json",
    "decode_traces",
    "decode_traces_json",
    "plain",
    "split_invalid",
]

_DECODERS: Final = {Signal.TRACES: traces.decode, Signal.LOGS: logs.decode, Signal.METRICS: metrics.decode}
_MESSAGES: Final = {Signal.TRACES: TRACES, Signal.LOGS: LOGS, Signal.METRICS: METRICS}
_IDS: Final = {Encoding.PROTOBUF: BINARY, Encoding.JSON: TEXT}


def plain(signal: Signal, encoding: Encoding, body: bytes) -> bytes:
    """Return a request's body as `decode` takes it.

    Raises:
        Undecodable: it is JSON, and no such request.
    """
    return body if encoding is Encoding.PROTOBUF else otlp_json.to_protobuf(body, _MESSAGES[signal])


def decode(signal: Signal, encoding: Encoding, bodies: Sequence[bytes]) -> Decoded:
    """Return the rows of plain bodies and where those of each begin.

    Raises:
        Undecodable: one of them is no such request, or together they hold more than the limits allow for one.
    """
    return _DECODERS[signal](bodies, _IDS[encoding])


def _decode_one(signal: Signal, encoding: Encoding, body: bytes) -> pa.RecordBatch:
    return decode(signal, encoding, [plain(signal, encoding, body)]).batch


_One = Callable[[bytes], pa.RecordBatch]
decode_traces: Final[_One] = partial(_decode_one, Signal.TRACES, Encoding.PROTOBUF)
decode_logs: Final[_One] = partial(_decode_one, Signal.LOGS, Encoding.PROTOBUF)
decode_metrics: Final[_One] = partial(_decode_one, Signal.METRICS, Encoding.PROTOBUF)
decode_traces_json: Final[_One] = partial(_decode_one, Signal.TRACES, Encoding.JSON)
decode_logs_json: Final[_One] = partial(_decode_one, Signal.LOGS, Encoding.JSON)
decode_metrics_json: Final[_One] = partial(_decode_one, Signal.METRICS, Encoding.JSON)
