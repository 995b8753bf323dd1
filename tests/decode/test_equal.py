"""Both encodings of every request give exactly what protobuf's own objects say, column by column."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decode import reference
from tests.decode.generate import json_body, messages
from tests.decode.wire_bytes import ld

from haechi_collector import decode
from haechi_collector.batch import DECODED_LOGS, DECODED_METRIC_POINTS, DECODED_SPANS
from haechi_collector.errors import Undecodable
from haechi_collector.sink import Encoding, Signal

CAPTURES = sorted((Path(__file__).parent.parent / "data" / "captures").glob("*.binpb"))
DECODERS: dict[str, tuple[Callable[[bytes], pa.RecordBatch], Callable[[bytes], pa.RecordBatch], pa.Schema]] = {
    "traces": (decode.decode_traces, decode.decode_traces_json, DECODED_SPANS),
    "logs": (decode.decode_logs, decode.decode_logs_json, DECODED_LOGS),
    "metrics": (decode.decode_metrics, decode.decode_metrics_json, DECODED_METRIC_POINTS),
}
PROPERTY = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def assert_same(batch: pa.RecordBatch, signal: str, request: Any) -> None:
    batch.validate(full=True)
    assert batch.schema.equals(DECODERS[signal][2], check_metadata=True)
    assert [c.null_count for c in batch.columns] == [0] * batch.num_columns
    assert reference.exact(reference.rows(batch)) == reference.exact(list(reference.READERS[signal][1](request)))


@pytest.mark.parametrize("signal", DECODERS)
@PROPERTY
@given(data=st.data())
def test_protobuf(signal: str, data: st.DataObject) -> None:
    """A protobuf request decodes to what its objects hold, invalid UTF-8 repaired."""
    request = data.draw(messages(reference.READERS[signal][0], broken=True))
    assert_same(DECODERS[signal][0](request.SerializeToString()), signal, request)


@pytest.mark.parametrize("signal", DECODERS)
@PROPERTY
@given(data=st.data())
def test_json(signal: str, data: st.DataObject) -> None:
    """A JSON request decodes to the batch of its protobuf form."""
    request = data.draw(messages(reference.READERS[signal][0]))
    assert_same(DECODERS[signal][1](json_body(request, data.draw(st.integers(0, 7)))), signal, request)


@pytest.mark.parametrize("signal", DECODERS)
@PROPERTY
@given(data=st.data())
def test_merged(signal: str, data: st.DataObject) -> None:
    """Messages that occur in two parts, and oneofs set twice, are merged as protobuf merges them."""
    message_class = reference.READERS[signal][0]
    first, second = data.draw(messages(message_class, broken=True)), data.draw(messages(message_class, broken=True))
    body = split(first, second)
    assert_same(DECODERS[signal][0](body), signal, message_class.FromString(body))


@pytest.mark.parametrize("signal", DECODERS)
@PROPERTY
@given(data=st.data())
def test_together(signal: str, data: st.DataObject) -> None:
    """Requests that are decoded together give the rows that each gives alone, and where those begin."""
    kind = messages(reference.READERS[signal][0], broken=True)
    bodies = [request.SerializeToString() for request in data.draw(st.lists(kind, min_size=1, max_size=4))]
    together = decode.decode(Signal(signal), Encoding.PROTOBUF, bodies)
    together.batch.validate(full=True)
    alone = [DECODERS[signal][0](body) for body in bodies]
    assert together.bounds.tolist() == [0, *itertools.accumulate(b.num_rows for b in alone)]
    assert reference.exact(reference.rows(together.batch)) == reference.exact(reference.rows(pa.concat_batches(alone)))


@pytest.mark.parametrize("signal", DECODERS)
def test_a_cut_request_never_swallows_the_next(signal: str) -> None:
    """A body whose last field claims the bytes of its neighbour is refused, though their sum would be a request."""
    whole = ld(1, ld(2))
    with pytest.raises(Undecodable):
        decode.decode(Signal(signal), Encoding.PROTOBUF, [b"\x0a" + bytes([len(whole)]), whole])


def split(first: Any, second: Any) -> bytes:
    """Return bytes in which each child message of ``first`` is followed by one of ``second`` in the same field.

    Within a child that may occur once, the parts of both come one after the other, which means: merge them.
    """
    parts = []
    for field in first.DESCRIPTOR.fields:
        for source in (first, second):
            single = type(source)()
            if field.is_repeated and field.message_type is not None:
                pairs = zip(getattr(first, field.name), getattr(second, field.name), strict=False)
                for one, two in pairs if source is first else ():
                    raw = split(one, two)
                    parts.append(ld(field.number, raw))
            elif field.is_repeated or not field.has_presence or source.HasField(field.name):
                copy(source, single, field)
                parts.append(single.SerializeToString())
    return b"".join(parts)


def copy(source: Any, target: Any, field: Any) -> None:
    value = getattr(source, field.name)
    if field.is_repeated:
        getattr(target, field.name).extend(value)
    elif field.message_type is not None:
        getattr(target, field.name).CopyFrom(value)
        getattr(target, field.name).SetInParent()
    else:
        setattr(target, field.name, value)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captures(path: Path) -> None:
    """What real instrumentations sent decodes to what protobuf reads in it, from either encoding."""
    signal = path.stem.rpartition("--")[2].partition("-")[0]
    request = reference.READERS[signal][0].FromString(path.read_bytes())
    assert_same(DECODERS[signal][0](path.read_bytes()), signal, request)
    assert_same(DECODERS[signal][1](json_body(request)), signal, request)
