"""Requests that no encoder writes give what protobuf reads in them, or one clear line."""

import numpy as np
import pytest
from tests.decode import reference
from tests.decode.wire_bytes import attribute, ld, log_request, trace_request, varint, vi

from haechi_collector import limits
from haechi_collector.batch import Kind
from haechi_collector.decode import decode_logs, decode_metrics, decode_traces
from haechi_collector.decode.values import TOO_DEEP
from haechi_collector.errors import Undecodable

TEXT = ld(1, b"abc")
WHOLE = vi(3, 5)
ODD_BUT_LEGAL = {
    "a oneof set twice, text last": attribute(b"k", WHOLE + TEXT),
    "a oneof set twice, integer last": attribute(b"k", TEXT + WHOLE),
    "a oneof set thrice, bytes last": attribute(b"k", TEXT + WHOLE + ld(7, b"\x00\xff")),
    "an array after an integer": attribute(b"k", WHOLE + ld(5, ld(1, TEXT))),
    "an array before an integer": attribute(b"k", ld(5, ld(1, TEXT)) + WHOLE),
    "an array in two parts": attribute(b"k", ld(5, ld(1, TEXT)) + ld(5, ld(1, WHOLE))),
    "a list in two parts": attribute(b"k", ld(6, ld(1, ld(1, b"a"))) + ld(6, ld(1, ld(1, b"b")))),
    "an array, a list, an array": attribute(b"k", ld(5, ld(1, TEXT)) + ld(6) + ld(5, ld(1, WHOLE))),
    "a oneof within an array": attribute(b"k", ld(5, ld(1, TEXT + WHOLE))),
    "a value in two parts": ld(9, ld(1, b"k"), ld(2, TEXT), ld(2, WHOLE)),
    "a value in two parts within a list": attribute(b"k", ld(6, ld(1, ld(2, ld(5)), ld(2, ld(5, ld(1, TEXT)))))),
    "a key given twice": ld(9, ld(1, b"a"), ld(1, b"b")),
    "a value before its key": ld(9, ld(2, TEXT), ld(1, b"k")),
    "a status in two parts": ld(15, ld(2, b"why"), vi(3, 1)) + ld(15, vi(3, 2)),
    "a name given twice": ld(5, b"first") + ld(5, b"last"),
    "a name as a number": vi(5, 7),
    "a time as a varint": vi(7, 7),
    "an attribute as a number": vi(9, 7),
    "a kind as text": ld(6, b"client"),
    "a negative kind": vi(6, 2**64 - 1),
    "a kind beyond 32 bits": vi(6, 2**40 + 3),
    "an unknown field": ld(1000, b"new") + vi(1001, 1),
    "an unknown group": b"\xa3\x3e" + vi(1, 1) + b"\xa4\x3e" + ld(5, b"name"),
    "an overlong tag": b"\xaa\x80\x80\x80\x00\x01x",
    "an overlong length": b"\x2a\x81\x80\x80\x80\x00x",
    "an overlong integer": attribute(b"k", b"\x18\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
    "a large boolean": attribute(b"k", b"\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
    "an empty value": attribute(b"", b""),
    "no value": ld(9),
    "an event in which all is given twice": ld(11, ld(2, b"a"), ld(2, b"b"), ld(3, ld(1, b"k")), ld(3, ld(1, b"k"))),
    "a link with a oneof set twice": ld(13, ld(4, ld(1, b"k"), ld(2, TEXT + WHOLE))),
}
DAMAGED = {
    "cut within a length": b"\x2a",
    "cut within a text": b"\x2a\x05ab",
    "cut within a varint": b"\x30\x80",
    "a length of 2**63": b"\x2a" + b"\xff" * 9 + b"\x01ab",
    "a length of 4 GiB": b"\x2a\xff\xff\xff\xff\x0fab",
    "a varint of eleven bytes": b"\x30" + b"\xff" * 10 + b"\x01",
    "field number 0": b"\x02\x01a",
    "wire type 6": b"\x56\x01a",
    "wire type 7": b"\x57\x01a",
    "a group without an end": b"\x53\x08\x01",
    "a group that another ends": b"\x53\x08\x01\x5c",
    "an end without a group": b"\x54",
    "groups in groups": b"\xa3\x3e" * 200 + b"\xa4\x3e" * 200,
    "a damaged element of an array": attribute(b"k", ld(5, ld(1, b"\xff"))),
    "a damaged pair of a list": attribute(b"k", ld(6, ld(1, b"\x0a\x05a"))),
    "a damaged event": ld(11, b"\xff"),
    "a damaged value within a link": ld(13, ld(4, ld(2, b"\xff"))),
}


@pytest.mark.parametrize("fields", ODD_BUT_LEGAL.values(), ids=ODD_BUT_LEGAL)
def test_odd_but_legal(fields: bytes) -> None:
    """What protobuf reads is what the batch holds."""
    body = trace_request(b"", fields, fields + ld(5, b"again"))
    found = reference.rows(decode_traces(body))
    assert reference.exact(found) == reference.exact(list(reference.spans(reference.TRACES.FromString(body))))


@pytest.mark.parametrize("fields", DAMAGED.values(), ids=DAMAGED)
def test_damaged(fields: bytes) -> None:
    """A damaged request is refused with one line, and the next one is read."""
    with pytest.raises(Undecodable, match=r"\A[^\n]{10,200}\Z"):
        decode_traces(trace_request(fields))
    assert decode_traces(trace_request(b"")).num_rows == 1


@pytest.mark.parametrize("body", [b"{}", b"\x1f\x8b\x08\x00", b"\xff" * 100, "안녕".encode(), b"\x0a"])
def test_other_formats(body: bytes) -> None:
    """What is no protobuf at all is refused by every signal."""
    for decode in (decode_traces, decode_logs, decode_metrics):
        with pytest.raises(Undecodable):
            decode(body)


@pytest.mark.parametrize("part", ["resource", "scope"])
def test_merged_source(part: str) -> None:
    """A resource or a scope in two parts is one with the attributes of both."""
    pairs = [ld(1 if part == "resource" else 3, ld(1, key), ld(2, TEXT)) for key in (b"a", b"b")]
    scopes = ld(2, ld(2, ld(5, b"n")), *([ld(1, pair) for pair in pairs] if part == "scope" else []))
    body = ld(1, *([ld(1, pair) for pair in pairs] if part == "resource" else []), scopes)
    assert decode_traces(body).column(f"{part}_attributes").to_pylist() == [[("a", "abc"), ("b", "abc")]]


def nested(levels: int, member: int) -> bytes:
    """Return the fields of a value: so many arrays (member 5) or lists (member 6) around a text."""
    value = TEXT
    for _ in range(levels):
        value = ld(member, ld(1, value if member == 5 else ld(1, b"k") + ld(2, value)))
    return value


@pytest.mark.parametrize(("member", "opening", "closing"), [(5, "[", "]"), (6, '{"k":', "}")])
def test_depth(member: int, opening: str, closing: str) -> None:
    """Nesting is kept up to the limit; only what lies deeper is replaced by a text that says so."""
    most = limits.ANY_VALUE_DEPTH_MAX
    levels = [1, most, most + 1, 5_000]
    body = trace_request(*(attribute(b"k", nested(count, member)) for count in levels))
    texts = [row[0]["text"] for row in decode_traces(body).column("attributes").to_pylist()]
    whole = [opening * count + '"abc"' + closing * count for count in (1, most)]
    assert texts == [*whole, *[f'{opening * most}"{TOO_DEEP}"{closing * most}'] * 2]


def test_a_million_attributes() -> None:
    """A span of a million attributes is one row of a million entries."""
    body = trace_request(attribute(b"k", WHOLE) * 1_000_000, b"")
    lists = decode_traces(body).column("attributes")
    assert [len(entries) for entries in lists] == [1_000_000, 0]
    assert set(np.unique(lists.values.field("kind"))) == {Kind.INT}


def test_bombs_of_rows() -> None:
    """More rows than the limit are refused before any is made."""
    count = limits.DECODED_ROWS_MAX + 1
    with pytest.raises(Undecodable, match=f"{count} rows in one request, more than {count - 1}"):
        decode_traces(ld(1, ld(2, b"\x12\x00" * count)))


def test_large_and_damaged() -> None:
    """A large body with a length of 2**63, which stops its first reader dead, is refused like any other."""
    padding = ld(1000, bytes(2 * limits.DECODED_ROWS_MAX))
    with pytest.raises(Undecodable, match="traces: "):
        decode_traces(padding + b"\x0a" + b"\xff" * 9 + b"\x01")


def test_bombs_of_items() -> None:
    """More items than the limit are refused, in lists of their own or within one value."""
    count = limits.DECODED_ELEMENTS_MAX + 1
    with pytest.raises(Undecodable, match="items in one request"):
        decode_traces(trace_request(b"\x4a\x00" * count))
    with pytest.raises(Undecodable, match="values within attributes and events"):
        decode_traces(trace_request(attribute(b"k", ld(5, b"\x0a\x00" * count))))


def test_bombs_of_resources() -> None:
    """A resource that would not fit on all its rows is refused, not multiplied."""
    resource = ld(1, ld(1, ld(1, b"k"), ld(2, ld(1, b"v" * 1_000_000))))
    with pytest.raises(Undecodable, match="repeated on 600 rows"):
        decode_traces(trace_request(*[b""] * 600, resource=resource))


def test_bombs_of_metric_descriptions() -> None:
    """A description that would not fit on all its points is refused, not multiplied."""
    metric = ld(2, b"d" * 1_000_000) + ld(5, ld(1) * 600)
    with pytest.raises(Undecodable, match="metric_description: repeated on 600 rows"):
        decode_metrics(ld(1, ld(2, ld(2, metric))))


def test_empty_requests() -> None:
    """A request, a resource or a scope without rows is no error and no row."""
    for decode in (decode_traces, decode_logs, decode_metrics):
        assert [decode(body).num_rows for body in (b"", ld(1), ld(1, ld(2)), ld(1, ld(2)) * 3)] == [0, 0, 0, 0]


def test_much_damaged_text() -> None:
    """Each damaged text is repaired by itself, wherever it stands among sound ones."""
    names = [b"\xff%d" % n if n % 37 == 0 else "이름".encode() for n in range(500)]
    batch = decode_traces(trace_request(*(ld(5, name) for name in names)))
    assert batch.column("name").to_pylist() == [name.decode("utf-8", "replace") for name in names]


def test_bodies_of_every_kind() -> None:
    """A log body is text as it is, or what it is as text, with its kind beside it."""
    bodies = {
        TEXT: (Kind.TEXT, "abc"),
        b"": (Kind.EMPTY, ""),
        vi(2, 1): (Kind.BOOL, "true"),
        vi(3, 2**64 - 7): (Kind.INT, "-7"),
        b"\x21" + np.float64(1.5).tobytes(): (Kind.DOUBLE, "1.5"),
        b"\x21" + np.float64("nan").tobytes(): (Kind.DOUBLE, "NaN"),
        b"\x21" + np.float64("-inf").tobytes(): (Kind.DOUBLE, "-Infinity"),
        ld(5, ld(1, TEXT), ld(1)): (Kind.JSON, '["abc",null]'),
        ld(6, ld(1, ld(1, b"a"), ld(2, WHOLE)), ld(1, ld(1, b"a"))): (Kind.JSON, '{"a":null}'),
        ld(7, b"\x00\xff"): (Kind.BYTES, "AP8="),
    }
    batch = decode_logs(log_request(*(ld(5, body) for body in bodies)))
    found = zip(batch.column("body_kind").to_pylist(), batch.column("body").to_pylist(), strict=True)
    assert list(found) == list(bodies.values())


def test_what_was_dropped() -> None:
    """Counts of what an emitter dropped are entries behind the attributes of their row."""
    spans = [vi(10, 3) + attribute(b"k", TEXT), attribute(b"k", WHOLE), vi(12, 1) + vi(14, 2**32 - 1)]
    rows = decode_traces(trace_request(*spans)).column("attributes").to_pylist()
    assert [[(e["key"], e["kind"], e["int"]) for e in row] for row in rows] == [
        [("k", Kind.TEXT, 0), ("otel.dropped_attributes_count", Kind.INT, 3)],
        [("k", Kind.INT, 5)],
        [("otel.dropped_events_count", Kind.INT, 1), ("otel.dropped_links_count", Kind.INT, 2**32 - 1)],
    ]


def test_environment() -> None:
    """The environment is the newer attribute where it says something, else the older one."""
    old, new = b"deployment.environment", b"deployment.environment.name"
    cases = {((old, b"a"),): "a", ((new, b"b"), (old, b"a")): "b", ((new, b""), (old, b"a")): "a", (): ""}
    scopes = ld(2, ld(2))
    resources = [ld(1, *(ld(1, ld(1, key), ld(2, ld(1, value))) for key, value in case)) for case in cases]
    body = b"".join(ld(1, resource, scopes) for resource in resources)
    assert decode_traces(body).column("environment").to_pylist() == list(cases.values())


def test_varint_helper() -> None:
    """The hand-made encoding is protobuf's."""
    assert [varint(n) for n in (0, 127, 128, 2**64 - 1)] == [b"\x00", b"\x7f", b"\x80\x01", b"\xff" * 9 + b"\x01"]
