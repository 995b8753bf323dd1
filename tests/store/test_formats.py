"""Pieces of a streamed result join to the document that the engine would have made at once."""

import io

import pyarrow as pa
import pytest

from haechi_collector.store.embedded.formats import content_type, is_joinable, joined

BINARY = b"\x01\x01n\x04Int8"


def stream(*values: int) -> bytes:
    sink = io.BytesIO()
    batch = pa.record_batch([pa.array(values)], ["n"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("format_", "documents", "whole"),
    [
        ("TSV", [b"1\n", b"2\n"], b"1\n2\n"),
        ("TSVWithNames", [b"n\n1\n", b"n\n2\n"], b"n\n1\n2\n"),
        ("TabSeparatedWithNamesAndTypes", [b"n\nInt8\n1\n", b"n\nInt8\n2\n"], b"n\nInt8\n1\n2\n"),
        ("CSVWithNames", [b'"a\nb","c"\n1,2\n', b'"a\nb","c"\n3,4\n'], b'"a\nb","c"\n1,2\n3,4\n'),
        ("RowBinaryWithNamesAndTypes", [BINARY + b"\x05", BINARY + b"\x06"], BINARY + b"\x05\x06"),
        ("Native", [b"ab", b"cd"], b"abcd"),
        ("JSONEachRow", [], b""),
    ],
)  # fmt: skip
def test_a_repeated_header_is_dropped(format_: str, documents: list[bytes], whole: bytes) -> None:
    """Only the first document's header stays."""
    assert b"".join(joined(format_, documents)) == whole


def test_arrow_streams_join_to_one() -> None:
    """One schema, all batches, one end mark."""
    whole = b"".join(joined("ArrowStream", [stream(1, 2), stream(3)]))
    assert pa.ipc.open_stream(whole).read_all()["n"].to_pylist() == [1, 2, 3]
    assert whole.count(b"\xff\xff\xff\xff\x00\x00\x00\x00") == 1


def test_columns_that_change_on_the_way_are_an_error() -> None:
    """A document with another header is not glued on."""
    with pytest.raises(ValueError, match="changed on the way"):
        list(joined("TSVWithNames", [b"a\n1\n", b"b\n2\n"]))


def test_formats_with_a_frame_around_the_rows_are_made_whole() -> None:
    """JSON ends with a count of rows; Parquet with a footer."""
    assert [is_joinable(f) for f in ("JSON", "Pretty", "Parquet", "XML", "Arrow", "NoSuchFormat")] == [False] * 6


def test_content_types_are_clickhouses() -> None:
    """As its server announces them."""
    assert content_type("JSON") == "application/json; charset=UTF-8"
    assert content_type("JSONEachRow") == "application/x-ndjson; charset=UTF-8"
    assert content_type("CSVWithNames") == "text/csv; charset=UTF-8; header=present"
    assert content_type("Native") == "application/octet-stream"
    assert content_type("Pretty") == "text/plain; charset=UTF-8"
