"""A statement of SQL, and the ways to read what it answers.

Guarantees: a statement is asked when it is read, once for each way; `rows` keeps what it read. An answer is whole or an
error: one that breaks off in the middle leaves no file behind.
"""

import contextlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from haechi.client import _clickhouse, _tables
from haechi.client._errors import ClientError, Unreachable
from haechi.client._http import Connection
from haechi.client._optional import library

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS: Final = "JSONCompactEachRowWithNamesAndTypes"
_ARROW: Final = {"output_format_arrow_compression_method": "none", "output_format_arrow_string_as_string": "1"}

FORMATS: Final = {
    ".parquet": "Parquet",
    ".jsonl": "JSONEachRow",
    ".ndjson": "JSONEachRow",
    ".csv": "CSVWithNames",
    ".tsv": "TabSeparatedWithNames",
    ".arrow": "ArrowStream",
}
"""Formats of a file, by how its name ends."""


@dataclass(frozen=True, slots=True, repr=False)
class Rows(Sequence[dict[str, Any]]):
    """Rows of an answer, each a dict by column.

    Attributes:
        columns: their names, in order.
        types: ClickHouse's type of each.
        tuples: the values of each row, in the order of the columns.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    tuples: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.tuples)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(at, slice):
            return [dict(zip(self.columns, row, strict=True)) for row in self.tuples[at]]
        return dict(zip(self.columns, self.tuples[at], strict=True))

    def __repr__(self) -> str:
        first = f", first {self[0]!r}" if self.tuples else ""
        return f"Rows({len(self):,} rows of {', '.join(self.columns)}{first})"

    def _repr_html_(self) -> str:
        return _tables.html(self.columns, self.tuples, len(self))


class Statement:
    """A statement that has not been asked yet: ``client.sql(...)``. Iterate over it for rows as they come."""

    def __init__(self, connection: Connection, query: str, parameters: Mapping[str, _clickhouse.Parameter]) -> None:
        self._connection = connection
        self._query = query
        self._parameters = [(f"param_{name}", _clickhouse.parameter(value)) for name, value in parameters.items()]
        self._rows: Rows | None = None

    def rows(self) -> Rows:
        """Return all rows; asked once and kept.

        Raises:
            Answered: the statement is wrong, refused, too expensive, or the server is busy.
            Unreachable: nobody answers, or the answer broke off.
        """
        if self._rows is None:
            with self._lines() as lines:
                columns, types = _head(lines)
                read = _row_reader(types)
                self._rows = Rows(columns, types, [read(line) for line in lines])
        return self._rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as they come, without keeping them; leaving early stops the statement in the engine."""
        with self._lines() as lines:
            columns, types = _head(lines)
            read = _row_reader(types)
            for line in lines:
                yield dict(zip(columns, read(line), strict=True))

    def arrow(self) -> "pa.Table":
        """Return the answer as an Arrow table, read from ClickHouse's Arrow stream.

        Raises:
            NotInstalled: pyarrow is not there.
            Answered, Unreachable: as `rows`.
        """
        pyarrow = library("pyarrow")
        with self._asked("ArrowStream", _ARROW) as chunks:
            source = io.BufferedReader(_Readable(chunks), 1 << 20)
            try:
                with library("pyarrow.ipc").open_stream(source) as reader:
                    return reader.read_all()
            except pyarrow.ArrowInvalid as error:
                _raise_of_rest(chunks, error)
                raise

    def pandas(self) -> "pd.DataFrame":
        """Return the answer as a data frame; money stays `Decimal`.

        Raises:
            NotInstalled: pandas or pyarrow is not there.
            Answered, Unreachable: as `rows`.
        """
        library("pandas")
        frame: pd.DataFrame = self.arrow().to_pandas()
        return frame

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the answer to a file as it comes: Parquet, JSONL, CSV, TSV or Arrow, by how its name ends.

        The file appears when it is whole; one that was there stays until then.

        Returns:
            Its size in bytes.

        Raises:
            ValueError: the name ends otherwise.
            Answered, Unreachable: as `rows`.
        """
        target = Path(path)
        format_ = FORMATS.get(target.suffix.lower())
        if format_ is None:
            raise ValueError(f"path: {target.name} ends with none of {', '.join(FORMATS)}")
        part = target.with_name(f"{target.name}.part")
        try:
            with self._asked(format_, _clickhouse.SETTINGS) as chunks, part.open("wb") as file:
                size = sum(file.write(chunk) for chunk in chunks)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return size

    @contextlib.contextmanager
    def _asked(self, format_: str, settings: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
        parameters = [("default_format", format_), *settings.items(), *self._parameters]
        with self._connection.stream(self._query, parameters, format_) as chunks:
            yield chunks

    @contextlib.contextmanager
    def _lines(self) -> Iterator[Iterator[Any]]:
        with self._asked(_ROWS, _clickhouse.SETTINGS) as chunks:
            yield _lines(chunks)

    def __repr__(self) -> str:
        if self._rows is not None:
            return repr(self._rows)
        return (
            f"Statement({_tables.cell(' '.join(self._query.split()))!r}); .rows(), .arrow(), .pandas(), .export(path)"
        )

    def _repr_html_(self) -> str:
        return self.rows()._repr_html_()


def _lines(chunks: Iterator[bytes]) -> Iterator[Any]:
    """Yield the JSON of each line.

    Raises:
        SqlError: ClickHouse's message stands where a line was expected.
        Unreachable: the answer ends within a line, or is no JSON.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _json(line, chunks)
    if rest:
        yield _json(rest, chunks)


def _json(line: bytes, rest: Iterator[bytes]) -> Any:
    try:
        return json.loads(line.decode(errors="replace"))
    except ValueError as error:
        _raise_of_rest(rest, error)
        raise Unreachable(f"the answer is no JSON: {line[:100]!r}") from error


def _raise_of_rest(chunks: Iterator[bytes], cause: Exception) -> None:
    """Read on, so that an error that ends the body is raised in place of what it broke.

    Raises:
        ClientError: the body ends with an error, or breaks off.
    """
    try:
        for _ in chunks:
            pass
    except ClientError as error:
        raise error from cause


def _head(lines: Iterator[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(next(lines, ())), tuple(next(lines, ()))


def _row_reader(types: Sequence[str]) -> Any:
    readers = [(at, read) for at, read in enumerate(map(_clickhouse.reader_of, types)) if read is not None]

    def read_row(row: list[Any]) -> tuple[Any, ...]:
        for at, read in readers:
            row[at] = read(row[at])
        return tuple(row)

    return read_row


class _Readable(io.RawIOBase):
    """Chunks as a file that pyarrow reads."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
