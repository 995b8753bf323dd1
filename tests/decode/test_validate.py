"""Rows without valid ids are refused one by one, with a reason; the others pass unchanged."""

import pytest
from tests.decode.wire_bytes import ld, log_request, trace_request

from haechi_collector.decode import Refused, decode_logs, decode_metrics, decode_traces, split_invalid

TRACE, SPAN = bytes(range(16)), bytes(range(8))


def span(trace_id: bytes = TRACE, span_id: bytes = SPAN, parent: bytes = b"") -> bytes:
    return ld(1, trace_id) + ld(2, span_id) + ld(4, parent)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        (span(trace_id=b""), "trace_id that is not 16 bytes, or all zeros"),
        (span(trace_id=TRACE[:15]), "trace_id that is not 16 bytes, or all zeros"),
        (span(trace_id=TRACE + b"x"), "trace_id that is not 16 bytes, or all zeros"),
        (span(trace_id=bytes(16)), "trace_id that is not 16 bytes, or all zeros"),
        (span(span_id=b""), "span_id that is not 8 bytes, or all zeros"),
        (span(span_id=TRACE), "span_id that is not 8 bytes, or all zeros"),
        (span(span_id=bytes(8)), "span_id that is not 8 bytes, or all zeros"),
        (span(parent=b"\x01"), "parent_span_id that is neither empty nor 8 bytes"),
        (span(parent=bytes(16)), "parent_span_id that is neither empty nor 8 bytes"),
    ],
)
def test_refused_span(fields: bytes, rule: str) -> None:
    """One wrong id refuses its span alone and names the rule."""
    batch = decode_traces(trace_request(span(), fields, span(parent=SPAN)))
    kept, refused = split_invalid(batch)
    assert refused == Refused(1, f"1 spans refused: 1 with a {rule}")
    assert kept.column("parent_span_id").to_pylist() == ["", SPAN.hex()]
    assert kept.schema.equals(batch.schema)


def test_every_rule_is_counted() -> None:
    """A span that breaks two rules counts once in all, and once for each."""
    kept, refused = split_invalid(decode_traces(trace_request(span(b"", b""), span(b""), span())))
    assert kept.num_rows == 1
    assert refused.count == 2
    assert refused.reason == (
        "2 spans refused: 2 with a trace_id that is not 16 bytes, or all zeros; "
        "1 with a span_id that is not 8 bytes, or all zeros"
    )


def test_parent_of_zeros() -> None:
    """A parent of nothing but zeros is no parent."""
    kept, refused = split_invalid(decode_traces(trace_request(span(parent=bytes(8)), span(parent=SPAN))))
    assert kept.column("parent_span_id").to_pylist() == ["", SPAN.hex()]
    assert refused == Refused(0, "")


def test_log_records() -> None:
    """A log record needs no ids; zeros count as none; others must have their length."""
    ids = [(b"", b""), (bytes(16), bytes(8)), (TRACE, SPAN), (TRACE, b""), (b"\x01", b""), (b"", TRACE)]
    kept, refused = split_invalid(decode_logs(log_request(*(ld(9, trace) + ld(10, of) for trace, of in ids))))
    assert kept.column("trace_id").to_pylist() == ["", "", TRACE.hex(), TRACE.hex()]
    assert kept.column("span_id").to_pylist() == ["", "", SPAN.hex(), ""]
    assert refused.count == 2
    assert refused.reason == (
        "2 log records refused: 1 with a trace_id that is neither empty nor 16 bytes; "
        "1 with a span_id that is neither empty nor 8 bytes"
    )


def test_nothing_to_refuse() -> None:
    """A sound batch, an empty one and any points come back as they are."""
    points = ld(1, ld(2, ld(2, ld(5, ld(1)))))
    for batch in (decode_traces(trace_request(span())), decode_traces(b""), decode_metrics(points)):
        assert split_invalid(batch) == (batch, Refused(0, ""))
