"""Output formats: their content types, and how pieces of a streamed result are joined to one document.

The engine formats each block of a streamed result as a document of its own. In the formats of `_HEADER_OF` such
documents can be joined by dropping the header that each later one repeats (and, for Arrow, the end mark of each but
the last). Every other format is made whole by the engine, within a limit on the result's size.
Sources: ClickHouse's ``docs/en/interfaces/formats.md``; Arrow's IPC streaming format.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_TEXT: Final = "text/plain; charset=UTF-8"
_ARROW_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def content_type(format_: str) -> str:
    """Return what ClickHouse itself announces for the format."""
    if format_.startswith("JSON"):
        lines = "EachRow" in format_
        return "application/x-ndjson; charset=UTF-8" if lines else "application/json; charset=UTF-8"
    if format_.startswith("CSV"):
        named = "present" if "WithNames" in format_ else "absent"
        return f"text/csv; charset=UTF-8; header={named}"
    if format_.startswith(("TabSeparated", "TSV")):
        return "text/tab-separated-values; charset=UTF-8"
    binary = format_.startswith(("Native", "RowBinary", "Arrow", "Parquet", "ORC", "Avro", "MsgPack", "Protobuf"))
    return "application/octet-stream" if binary else {"XML": "application/xml; charset=UTF-8"}.get(format_, _TEXT)


def is_joinable(format_: str) -> bool:
    """Tell whether pieces of a result in this format can be sent as they come."""
    return format_ in _HEADER_OF


def joined(format_: str, documents: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of one document made of several that hold the same columns.

    Raises:
        ValueError: a later document does not begin with the first one's header.
    """
    header: bytes | None = None
    is_arrow = format_ == "ArrowStream"
    for document in documents:
        if header is None:
            header = document[: _HEADER_OF[format_](document)]
            part = document
        elif not document.startswith(header):
            message = f"the columns of a streamed {format_} result changed on the way"
            raise ValueError(message)
        else:
            part = document[len(header) :] if header else document
        yield part.removesuffix(_ARROW_END) if is_arrow else part
    if is_arrow and header is not None:
        yield _ARROW_END


def _no_header(document: bytes) -> int:
    del document
    return 0


def _lines(count: int) -> Callable[[bytes], int]:
    def header_end(document: bytes) -> int:
        at = 0
        for _ in range(count):
            at = document.index(b"\n", at) + 1
        return at

    return header_end


def _csv_lines(count: int) -> Callable[[bytes], int]:
    def header_end(document: bytes) -> int:
        at = 0
        for _ in range(count):
            begin, at = at, document.index(b"\n", at) + 1
            while document.count(b'"', begin, at) % 2:  # a line end inside a quoted name
                at = document.index(b"\n", at) + 1
        return at

    return header_end


def _varint(document: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = document[at]
        at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return value, at


def _binary_names(per_column: int) -> Callable[[bytes], int]:
    def header_end(document: bytes) -> int:
        columns, at = _varint(document, 0)
        for _ in range(columns * per_column):
            length, at = _varint(document, at)
            at += length
        return at

    return header_end


def _arrow_schema(document: bytes) -> int:
    (metadata_bytes,) = struct.unpack_from("<i", document, 4)
    return 8 + int(metadata_bytes)


_HEADER_OF: Final[dict[str, Callable[[bytes], int]]] = {
    "ArrowStream": _arrow_schema,
    "CSV": _no_header,
    "CSVWithNames": _csv_lines(1),
    "CSVWithNamesAndTypes": _csv_lines(2),
    "JSONCompactEachRow": _no_header,
    "JSONCompactEachRowWithNames": _lines(1),
    "JSONCompactEachRowWithNamesAndTypes": _lines(2),
    "JSONEachRow": _no_header,
    "JSONLines": _no_header,
    "JSONStringsEachRow": _no_header,
    "LineAsString": _no_header,
    "MsgPack": _no_header,
    "NDJSON": _no_header,
    "Native": _no_header,
    "RawBLOB": _no_header,
    "RowBinary": _no_header,
    "RowBinaryWithNames": _binary_names(1),
    "RowBinaryWithNamesAndTypes": _binary_names(2),
    "TSKV": _no_header,
    "TSV": _no_header,
    "TSVRaw": _no_header,
    "TSVWithNames": _lines(1),
    "TSVWithNamesAndTypes": _lines(2),
    "TabSeparated": _no_header,
    "TabSeparatedRaw": _no_header,
    "TabSeparatedWithNames": _lines(1),
    "TabSeparatedWithNamesAndTypes": _lines(2),
}
