"""OTLP/JSON as the specification has it: what is tolerated, what is repaired, and what is refused by path."""

from typing import Any

import orjson
import pytest
from tests.decode.reference import rows

from haechi_collector import limits
from haechi_collector.decode import decode_logs_json, decode_metrics_json, decode_traces_json, split_invalid
from haechi_collector.decode.values import TOO_DEEP
from haechi_collector.errors import Undecodable


def traces(*spans: Any) -> bytes:
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]})


def attribute(value: Any) -> dict[str, Any]:
    return {"attributes": [{"key": "k", "value": value}]}


def entry(value: Any) -> dict[str, Any]:
    """Return the one entry that an attribute of this value becomes."""
    return dict(rows(decode_traces_json(traces(attribute(value))))[0]["attributes"][0])


@pytest.mark.parametrize(
    ("span", "column", "expected"),
    [
        ({"startTimeUnixNano": "1234567890123456789"}, "start_time", 1234567890123456789),
        ({"startTimeUnixNano": 1234567890123456789}, "start_time", 1234567890123456789),
        ({"startTimeUnixNano": 5e3}, "start_time", 5000),
        ({"startTimeUnixNano": None}, "start_time", 0),
        ({"start_time_unix_nano": 5}, "start_time", 0),
        ({"kind": 3}, "kind", "client"),
        ({"kind": 77}, "kind", "77"),
        ({"traceId": "ABCDEF"}, "trace_id", "abcdef"),
        ({"status": None}, "status_code", "unset"),
        ({"status": {"code": 2, "unknown": [{}]}}, "status_code", "error"),
        ({"links": [{"traceId": "AB", "spanId": "xyz"}]}, "links",
         '[{"trace_id":"ab","span_id":"xyz","trace_state":"","attributes":{}}]'),
        ({"flags": 4294967295}, "flags", 4294967295),
    ],
)  # fmt: skip
def test_tolerated(span: dict[str, Any], column: str, expected: Any) -> None:
    """Every form that the specification allows is read, and unknown keys are ignored."""
    assert rows(decode_traces_json(traces(span)))[0][column] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"intValue": "-9223372036854775808"}, {"kind": 3, "int": -(2**63)}),
        ({"intValue": 9223372036854775807}, {"kind": 3, "int": 2**63 - 1}),
        ({"doubleValue": "-Infinity"}, {"kind": 4, "double": float("-inf")}),
        ({"doubleValue": 3}, {"kind": 4, "double": 3.0}),
        ({"doubleValue": "2.5e3"}, {"kind": 4, "double": 2500.0}),
        ({"boolValue": True}, {"kind": 2, "int": 1}),
        ({"bytesValue": "_-8"}, {"kind": 6, "text": "/+8="}),
        ({"bytesValue": "/+8="}, {"kind": 6, "text": "/+8="}),
        ({"arrayValue": {}}, {"kind": 5, "text": "[]"}),
        ({"arrayValue": {"values": [None, {}, {"intValue": 1}]}}, {"kind": 5, "text": "[null,null,1]"}),
        ({"kvlistValue": {"values": [{"key": "가"}]}}, {"kind": 5, "text": '{"가":null}'}),
        ({"stringValue": "a", "intValue": 1}, {"kind": 3, "int": 1}),
        ({"stringValue": None}, {"kind": 0}),
        (None, {"kind": 0}),
        ({}, {"kind": 0}),
    ],
)
def test_values(value: Any, expected: dict[str, Any]) -> None:
    """Every kind of value is read in each of its forms."""
    assert entry(value) == {"key": "k", "kind": 0, "text": "", "int": 0, "double": 0.0} | expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (traces({"kind": "SPAN_KIND_CLIENT"}), "spans[0].kind: expected an integer (OTLP has no names of enum"),
        (traces({"kind": "3"}), "spans[0].kind: expected an integer"),
        (traces({}, {"startTimeUnixNano": "soon"}), "spans[1].startTimeUnixNano: expected an integer, found 'soon'"),
        (traces({"startTimeUnixNano": -1}), "expected an integer from 0 to 18446744073709551615, found -1"),
        (traces({"startTimeUnixNano": 1.5}), "startTimeUnixNano: expected an integer, found 1.5"),
        (traces({"startTimeUnixNano": True}), "startTimeUnixNano: expected an integer, found True"),
        (traces({"startTimeUnixNano": "1" * 5000}), "startTimeUnixNano: expected an integer"),
        (traces({"name": 5}), "resourceSpans[0].scopeSpans[0].spans[0].name: expected a string, found 5"),
        (traces({"traceId": 5}), "traceId: expected a string of hex digits, found 5"),
        (traces({"attributes": {}}), "attributes: expected an array, found dict"),
        (traces({"attributes": [None]}), "attributes[0]: expected an object, found None"),
        (traces(attribute("text")), "attributes[0].value: expected an object, found 'text'"),
        (traces(attribute({"boolValue": "true"})), "value.boolValue: expected true or false, found 'true'"),
        (traces(attribute({"boolValue": 1})), "value.boolValue: expected true or false, found 1"),
        (traces(attribute({"intValue": 2**63})), "value.intValue: expected an integer from"),
        (traces(attribute({"doubleValue": "nan"})), "value.doubleValue: expected a number, found 'nan'"),
        (traces(attribute({"doubleValue": True})), "value.doubleValue: expected a number, found True"),
        (traces(attribute({"bytesValue": "*"})), "value.bytesValue: expected a base64 string, found '*'"),
        (traces(attribute({"bytesValue": "abcde"})), "value.bytesValue: expected a base64 string"),
        (traces(attribute({"arrayValue": []})), "value.arrayValue: expected an object, found list"),
        (traces(attribute({"arrayValue": {"values": [{"intValue": []}]}})), "values[0].intValue: expected an int"),
        (b"[]", "traces: the body: expected an object, found list"),
        (b"null", "traces: the body: expected an object, found None"),
        (b"", "the body is not JSON: "),
        (b'{"resourceSpans":[', "the body is not JSON: "),
        (b'{"a":NaN}', "the body is not JSON: "),
        (b"[" * 100_000, "the body is not JSON: "),
        (b"\x0a\x00\xff", "the body is not JSON: "),
    ],
)
def test_refused(body: bytes, message: str) -> None:
    """A wrong type is refused in one line that names its path."""
    with pytest.raises(Undecodable) as caught:
        decode_traces_json(body)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", ["abc", "zz" * 16, "not-hex-not-hex!", "가", "0" * 31, " " + "a" * 31])
def test_ids_that_are_no_hex(bad: str) -> None:
    """An id that is no hex stays as it came, in lowercase, and only its span is refused."""
    good = {"traceId": "AB" * 16, "spanId": "CD" * 8}
    batch = decode_traces_json(traces(good, good | {"traceId": bad.upper()}, good))
    assert batch.column("trace_id").to_pylist() == ["ab" * 16, bad, "ab" * 16]
    kept, refused = split_invalid(batch)
    assert (kept.num_rows, refused.count) == (2, 1)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\xff", "\ufffd"),
        (b"a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"),
        (rb"\ud800", "\ufffd"),
        (rb"\udc00\ud800x", "\ufffd\ufffdx"),
        (rb"\ud83d\ude00\udfff", "😀\ufffd"),
        (rb"\\ud800\"\ud800", '\\ud800"\ufffd'),
        (rb"\\\ud800", "\\\ufffd"),
    ],
)
def test_damaged_text(raw: bytes, text: str) -> None:
    """Invalid UTF-8 and lone surrogates are repaired, and cost nothing else."""
    body = traces({"name": "@", "traceState": "안녕\\"}).replace(b"@", raw)
    found = rows(decode_traces_json(body))[0]
    assert (found["name"], found["trace_state"]) == (text, "안녕\\")


def test_depth() -> None:
    """JSON keeps nesting up to the limit, as protobuf does, and replaces what lies deeper."""
    most = limits.ANY_VALUE_DEPTH_MAX
    opening, closing = b'{"arrayValue":{"values":[', b"]}}"
    body = traces(attribute("@"))
    texts = []
    for n in range(1, 201):
        nested = body.replace(b'"@"', opening * n + b'{"stringValue":"x"}' + closing * n)
        texts.append(rows(decode_traces_json(nested))[0]["attributes"][0]["text"])
    assert texts[:most] == ["[" * n + '"x"' + "]" * n for n in range(1, most + 1)]
    assert texts[most:] == ["[" * most + f'"{TOO_DEEP}"' + "]" * most] * (200 - most)


def test_bombs() -> None:
    """More commas and brackets than the limit are refused before they are parsed."""
    with pytest.raises(Undecodable, match="commas and brackets in one request"):
        decode_traces_json(b"[" + b"{}," * (limits.JSON_TOKENS_MAX // 2) + b"{}]")


def test_empty() -> None:
    """A request without telemetry has no rows."""
    assert [decode(b"{}").num_rows for decode in (decode_traces_json, decode_logs_json, decode_metrics_json)] == [0] * 3


def test_points() -> None:
    """Metrics come from JSON with their 64-bit counts and special doubles."""
    point = {"count": "18446744073709551615", "sum": "NaN", "bucketCounts": ["1", 2], "explicitBounds": [0.5]}
    metric = {"name": "ttft", "histogram": {"dataPoints": [point], "aggregationTemporality": 2}}
    row = rows(decode_metrics_json(orjson.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})))[0]
    assert (row["count"], repr(row["sum"]), row["temporality"]) == (2**64 - 1, "nan", "cumulative")
    assert (row["bucket_counts"], row["bounds"]) == ([1.0, 2.0], [0.5])
