"""Scalar columns from attributes: for each column the first source that has a value wins, row by row.

Guarantee: no loop over rows where the value is plain; values inside JSON, Python literals or events are read one by
one, as only some dialects write them. A value that the column reproduces letter by letter is taken out of the
attributes; one that was folded, converted or counted stays there too.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import Kind
from haechi_collector.stages.columns import DOUBLE_INTEGER_MAX, Attributes, Filling, Mask, Rows
from haechi_collector.stages.dialects import UNITS, Dialects, Source
from haechi_collector.stages.dialects_recognise import Codes
from haechi_collector.stages.messages.values import NOTHING, at, parse, parse_repr
from haechi_collector.stages.normalize_events import Events, attribute, time_ns

Numbers = npt.NDArray[np.float64]
Fold = Callable[[Source, str], str]

_TRUE: Final = frozenset({"true", "1", "yes"})
_UNSTORED: Final = frozenset({"response_id"})
"""Columns of no table: their attributes stay."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Values of one source: one per row; ``entries`` says which entry holds the very text, -1 where none does."""

    rows: Rows
    values: pa.StringArray
    entries: Rows

    def where(self, mask: Mask) -> "Texts":
        """Return those of a mask."""
        return Texts(self.rows[mask], self.values.filter(pa.array(mask)), self.entries[mask])


class Reader:
    """Reads the columns of one batch.

    Attributes:
        attributes, events: of the batch.
        start_ns: start of each row, since the epoch.
        codes: dialect of each row, a place in ``known.all`` or one behind.
        cached: 1 where the source of a token count says that cached tokens are outside of the input tokens, -1
            where it says inside, 0 where it says nothing.
    """

    def __init__(self, attributes: Attributes, events: Events, start_ns: Rows, codes: Codes, known: Dialects) -> None:
        self.attributes, self.events, self.start_ns, self.codes, self.known = attributes, events, start_ns, codes, known
        self.cached = np.zeros(len(codes), np.int8)
        self._of_dialect = {code: codes == code for code in np.unique(codes).tolist()}
        self._parsed: dict[tuple[str, int], Any] = {}

    def sources(self, column: str) -> Iterator[tuple[Source, Mask]]:
        """Yield the sources of a column and the rows for which each counts, first come first."""
        for code, rows in self._of_dialect.items():
            dialect = self.known.all[code] if code < len(self.known.all) else self.known.base
            for source in dialect.sources[column]:
                if source.event or "*" in source.key or source.key in self.attributes:
                    yield source, rows

    def entries(self, key: str, wanted: Mask) -> Rows:
        """Return the entries of a key in the rows of a mask; a ``*`` in the key stands for an index, lowest first."""
        if "*" not in key:
            entries = self.attributes.entries(key)
            return entries[wanted[self.attributes.row_of[entries]]]
        head, tail = key.split("*", 1)
        keys = [k for k in self.attributes.keys if k.startswith(head) and k.endswith(tail)]
        indexed = sorted((int(i), k) for k in keys if (i := k[len(head) : len(k) - len(tail)]).isdecimal())
        entries, _ = self.attributes.entries_of([k for _, k in indexed])
        entries = entries[wanted[self.attributes.row_of[entries]]]
        _, first = np.unique(self.attributes.row_of[entries], return_index=True)
        return entries[first]

    def value(self, source: Source, entry: int, text: str) -> Any:
        """Return what an entry's text says by the source's shape, at the source's path; `NOTHING` if nothing."""
        shape = "pyrepr" if "pyrepr" in source.shape else "json"
        if (shape, entry) not in self._parsed:
            self._parsed[shape, entry] = parse_repr(text) if shape == "pyrepr" else parse(text)
        return at(self._parsed[shape, entry], source.path)

    # --- text -----------------------------------------------------------------------------------------------

    def text(self, column: str, fold: Fold | None = None, events_for: Mask | None = None) -> pa.StringArray:
        """Return a text column.

        Args:
            column: its name.
            fold: turns one word of a source into the canonical one; '' says "no value".
            events_for: rows for which events count; all by default.
        """
        filling = Filling(len(self.codes), pa.array([""]))
        for source, rows in self.sources(column):
            wanted = filling.open & rows
            if source.event:
                texts = self._event_texts(source, wanted if events_for is None else wanted & events_for)
            else:
                texts = self._key_texts(source, wanted)
            if source.fold or source.cut or fold is not None:
                texts = _folded(texts, source, fold or _own_fold)
            filling.put(texts.rows, texts.values)
            if column not in _UNSTORED:
                self.attributes.take_away(texts.entries[texts.entries >= 0])
        return filling.column()

    def _key_texts(self, source: Source, wanted: Mask) -> Texts:
        entries = self.entries(source.key, wanted)
        if source.shape == "plain":
            entries = entries[self.attributes.has_scalar[entries]]
            verbatim = self.attributes.has_text[entries]
            if verbatim.all():
                rows = self.attributes.row_of[entries]
                return Texts(rows, self.attributes.text.take(pa.array(entries)), entries)
            values = [self._as_text(e) for e in entries.tolist()]
        else:
            verbatim = np.zeros(len(entries), np.bool_)
            values = [_spelled(v) for v in self._values(source, entries)]
        texts = Texts(self.attributes.row_of[entries], pa.array(values, pa.string()), np.where(verbatim, entries, -1))
        return texts.where(_mask(pc.not_equal(texts.values, "")))

    def _values(self, source: Source, entries: Rows) -> Iterator[Any]:
        """Yield what each entry says, one by one, as each is parsed; its text where that cannot be parsed."""
        for entry, text in zip(entries.tolist(), self.attributes.texts(entries), strict=True):
            value = self.value(source, entry, text)
            yield text if value is NOTHING and not source.path else value

    def _as_text(self, entry: int) -> str:
        kind = self.attributes.kind[entry]
        if kind == Kind.INT:
            return str(self.attributes.int[entry])
        if kind == Kind.DOUBLE:
            return str(self.attributes.double[entry])
        if kind == Kind.BOOL:
            return "true" if self.attributes.int[entry] else "false"
        return str(self.attributes.text[entry].as_py())

    def _event_texts(self, source: Source, wanted: Mask) -> Texts:
        found = ((row, attribute(e, source.attribute)) for row, e in self.events.named(source.event, wanted))
        texts = [(row, _spelled(value)) for row, value in found]
        texts = [(row, text) for row, text in texts if text]
        rows = np.array([row for row, _ in texts], np.int64)
        return Texts(rows, pa.array([text for _, text in texts], pa.string()), np.full(len(rows), -1, np.int64))

    # --- numbers --------------------------------------------------------------------------------------------

    def number(self, column: str, whole: bool = True) -> tuple[Numbers, Mask]:
        """Return a column of counts or amounts, 0 where there is none, and which rows have one."""
        values, present = np.zeros(len(self.codes)), np.zeros(len(self.codes), np.bool_)
        for source, rows in self.sources(column):
            entries = self.entries(source.key, ~present & rows)
            found = self._numbers(source, entries)
            good = np.isfinite(found) & (found >= 0) & (found <= DOUBLE_INTEGER_MAX) & ~((found == 0) & source.nonzero)
            where = self.attributes.row_of[entries[good]]
            values[where] = np.trunc(found[good]) if whole else found[good]
            present[where] = True
            if source.cached:
                self.cached[where] = 1 if source.cached == "outside" else -1
        return values, present

    def _numbers(self, source: Source, entries: Rows) -> Numbers:
        """Return the number that each entry says, NaN for none."""
        if source.shape != "plain":
            return np.array([_number(v) for v in self._values(source, entries)], np.float64)
        kind = self.attributes.kind[entries]
        numbers = np.where(kind == Kind.INT, self.attributes.int[entries].astype(np.float64), np.nan)
        numbers = np.where(kind == Kind.DOUBLE, self.attributes.double[entries], numbers)
        text = kind == Kind.TEXT
        if text.any():
            numbers[text] = [_number(t) for t in self.attributes.texts(entries[text])]
        return numbers

    def time_to_first_token(self, streaming: Mask) -> tuple[Numbers, Mask]:
        """Return nanoseconds, 0 where not told, and which rows tell them.

        Args:
            streaming: rows that say that they stream.
        """
        values, present = np.zeros(len(self.codes)), np.zeros(len(self.codes), np.bool_)
        for source, rows in self.sources("ttft_ns"):
            wanted = ~present & rows & (streaming | (not source.streaming_only))
            where, found = self._durations(source, wanted)
            good = np.isfinite(found) & (found >= 0) & (found < 2.0**62)
            values[where[good]] = found[good]
            present[where[good]] = True
        return values, present

    def _durations(self, source: Source, wanted: Mask) -> tuple[Rows, Numbers]:
        if source.event:
            times = [(row, time_ns(e)) for row, e in self.events.named(source.event, wanted)]
            known = [(row, t - int(self.start_ns[row])) for row, t in times if t is not None]
            return np.array([r for r, _ in known], np.int64), np.array([d for _, d in known], np.float64)
        entries = self.entries(source.key, wanted)
        rows = self.attributes.row_of[entries]
        if source.unit != "iso":
            return rows, self._numbers(source, entries) * UNITS[source.unit]
        points = [_point_ns(v) for v in self._values(source, entries)]
        pairs = zip(points, self.start_ns[rows].tolist(), strict=True)
        return rows, np.array([np.nan if p is None else p - start for p, start in pairs], np.float64)

    # --- flags ----------------------------------------------------------------------------------------------

    def flag(self, column: str) -> Mask:
        """Return where any source of a flag says true."""
        flag = np.zeros(len(self.codes), np.bool_)
        for source, rows in self.sources(column):
            entries = self.entries(source.key, ~flag & rows)
            true = self._true(source, entries)
            flag[self.attributes.row_of[entries[true]]] = True
            if source.shape == "plain" and not source.matches and column == "is_streaming":
                self.attributes.take_away(entries[true & (self.attributes.kind[entries] == Kind.BOOL)])
        return flag

    def _true(self, source: Source, entries: Rows) -> Mask:
        if source.shape != "plain":
            return np.array([_is_true(v) for v in self._values(source, entries)], np.bool_)
        texts = self.attributes.text.take(pa.array(entries)).dictionary_encode()
        says = _matcher(source.matches) if source.matches else _is_true
        spelled = np.array([says(t) for t in texts.dictionary.to_pylist()], np.bool_)
        by_text: Mask = spelled[texts.indices.to_numpy()] if len(spelled) else np.zeros(len(entries), np.bool_)
        by_number: Mask = (self.attributes.int[entries] != 0) & (not source.matches)
        return np.logical_or(by_text, by_number)


def _matcher(pattern: str) -> Callable[[Any], bool]:
    return lambda text: fnmatchcase(text, pattern)


def _is_true(value: Any) -> bool:
    return value.strip().lower() in _TRUE if isinstance(value, str) else value is True


def _spelled(value: Any) -> str:
    """Write a value as text; '' for null, objects and lists."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return np.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return np.nan


def _point_ns(value: Any) -> int | None:
    """Read an ISO time, UTC if it names no zone."""
    if not isinstance(value, str):
        return None
    try:
        point = datetime.fromisoformat(value)
        return int(point.replace(tzinfo=point.tzinfo or UTC).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return None


def _own_fold(source: Source, word: str) -> str:
    return source.fold.get(word, word)


def _folded(texts: Texts, source: Source, fold: Fold) -> Texts:
    """Fold the distinct words; drop the values that fold to ''."""
    encoded = texts.values.dictionary_encode()
    words: list[str] = encoded.dictionary.to_pylist()
    folded = [fold(source, word) for word in words]
    if folded == words:
        return texts
    codes = encoded.indices.to_numpy()
    changed = np.array([a != b for a, b in zip(folded, words, strict=True)], np.bool_)[codes]
    values = pa.array(folded, pa.string()).take(encoded.indices)
    texts = Texts(texts.rows, values, np.where(changed, -1, texts.entries))
    return texts.where(_mask(pc.not_equal(values, "")))


def _mask(array: pa.BooleanArray) -> Mask:
    mask: Mask = np.asarray(array.to_numpy(zero_copy_only=False), np.bool_)
    return mask
