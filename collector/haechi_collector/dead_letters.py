"""Dead letters: rows that were set aside, brought back after a fix, or dropped.

Guarantee: the rows of a letter come back once. They go into the journal, in the transaction that remembers the
letter's id and moves its rows in the ledger from dead to queued; then the letter is deleted. A replay that is cut off
anywhere is simply run again. What fails again becomes a new letter with its new reason.

Letters of damaged journal entries hold bytes that cannot be read; they stay.
"""

import base64
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from haechi_collector.control import Command, Told
from haechi_collector.errors import SettingError
from haechi_collector.journal import SIGNALS, Entry, Journal
from haechi_collector.limits import DEAD_GROUPS_MAX, JOURNAL_PASS_S, REPLAY_LETTERS
from haechi_collector.store.lexer import literal
from haechi_collector.store.tables import Tables

_TIME: Final = "toUnixTimestamp64Nano(ingested_at)"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters. Empty fields choose all; ``reason`` is a part of the reason's text; times are in nanoseconds."""

    signal: str = ""
    reason: str = ""
    since_ns: int = 0
    until_ns: int = 0

    def condition(self) -> str:
        """Return it as SQL.

        Raises:
            SettingError: there is no such signal.
        """
        if self.signal and self.signal not in SIGNALS:
            raise SettingError(f"--signal {self.signal}: expected one of {', '.join(SIGNALS)}")
        parts = ["1"]
        if self.signal:
            parts.append(f"signal = {literal(self.signal)}")
        if self.reason:
            parts.append(f"positionCaseInsensitive(reason, {literal(self.reason)}) > 0")
        if self.since_ns:
            parts.append(f"{_TIME} >= {int(self.since_ns)}")
        if self.until_ns:
            parts.append(f"{_TIME} < {int(self.until_ns)}")
        return " AND ".join(parts)


class DeadLetters:
    """The letters of one store, replayed through one collector's journal, as commands (`control`)."""

    def __init__(self, journal: Journal, tables: Tables) -> None:
        self._journal, self._tables = journal, tables
        self._lock = threading.Lock()  # two replays at once would do the work twice

    @property
    def commands(self) -> Mapping[str, Command]:
        """The commands by name; each takes the fields of a `Selection`."""
        return {"dead-letters list": self.groups, "dead-letters replay": self.replay, "dead-letters drop": self.drop}

    def groups(self, arguments: Mapping[str, Any]) -> Told:
        """Tell of the letters by signal, code and kind of error: letters, rows, times, and one reason of them."""
        yield from ()
        found = self._tables.query(
            "SELECT signal, code, substring(any(reason), 1, 300) AS why, count() AS letters, sum(rows) AS rows, "  # noqa: S608
            "toString(min(received_at)) AS first, toString(max(received_at)) AS last FROM dead_letters "
            f"WHERE {_selection(arguments).condition()} "
            "GROUP BY signal, code, if(code = 'stage', splitByChar(':', reason)[1], '') "
            f"ORDER BY rows DESC LIMIT {DEAD_GROUPS_MAX}"
        )
        return {"groups": found.to_pylist()}

    def replay(self, arguments: Mapping[str, Any]) -> Told:
        """Bring back every letter of the selection that is there now, and wait until its rows are through.

        Raises:
            Rejected: the journal is full; what was brought back until then is.
            StoreError, StoreUnavailable: ClickHouse refused, or did not answer.
        """
        selection = replace(_selection(arguments), until_ns=time.time_ns())
        letters, rows, unreadable, after = 0, 0, 0, ""
        with self._lock:
            while ids := self._ids(selection, after):
                taken = {identity: self._bring_back(identity) for identity in ids}
                read = [identity for identity, n in taken.items() if n is not None]
                self._delete(read)
                letters, rows = letters + len(read), rows + sum(n or 0 for n in taken.values())
                unreadable, after = unreadable + len(ids) - len(read), ids[-1]
                yield f"brought back {letters:,} letters, {rows:,} rows"
        yield "waiting until they are stored"
        passed = self._journal.wait_passed(JOURNAL_PASS_S)
        again = self._count(replace(selection, since_ns=selection.until_ns, until_ns=0)) if letters else (0, 0)
        return {"letters": letters, "rows": rows, "unreadable": unreadable, "passed": passed, "failed_again": again[1]}

    def drop(self, arguments: Mapping[str, Any]) -> Told:
        """Delete the letters of the selection for ever; the ledger still counts their rows as dead."""
        selection = replace(_selection(arguments), until_ns=time.time_ns())
        with self._lock:
            letters, rows = self._count(selection)
            if not arguments.get("dry_run"):
                yield f"deleting {letters:,} letters"
                self._tables.command(
                    f"DELETE FROM {self._tables.stored('dead_letters')} WHERE {selection.condition()}"  # noqa: S608
                )
        return {"letters": letters, "rows": rows}

    def _count(self, selection: Selection) -> tuple[int, int]:
        found = self._tables.query(
            f"SELECT count() AS letters, sum(rows) AS rows FROM dead_letters WHERE {selection.condition()}"  # noqa: S608
        )
        return int(found["letters"][0].as_py()), int(found["rows"][0].as_py())

    def _ids(self, selection: Selection, after: str) -> list[str]:
        """Return the ids of the next letters."""
        found = self._tables.query(
            f"SELECT id FROM dead_letters WHERE {selection.condition()} AND id > {literal(after)} "  # noqa: S608
            f"ORDER BY id LIMIT {REPLAY_LETTERS}"
        )
        return [str(identity) for identity in found["id"].to_pylist()]

    def _bring_back(self, identity: str) -> int | None:
        """Put a letter's rows into the journal; return their number, None when they cannot be read."""
        found = self._tables.query(
            "SELECT signal, project, toUnixTimestamp64Nano(received_at) AS received_at, "  # noqa: S608
            f"base64Encode(payload) AS payload FROM dead_letters WHERE id = {literal(identity)} LIMIT 1"
        )
        if not found.num_rows:
            return 0  # somebody dropped it meanwhile
        letter = found.to_pylist()[0]
        entries = list(_entries(letter["signal"], letter["project"], letter["received_at"], letter["payload"]))
        for number, entry in enumerate(entries):
            self._journal.replay(entry, f"{identity}/{number}")
        return sum(e.batch.num_rows for e in entries) or None

    def _delete(self, ids: list[str]) -> None:
        if ids:
            listed = ", ".join(map(literal, ids))
            self._tables.command(f"DELETE FROM {self._tables.stored('dead_letters')} WHERE id IN ({listed})")  # noqa: S608
            self._journal.forget([f"{identity}/0" for identity in ids])


def _selection(arguments: Mapping[str, Any]) -> Selection:
    return Selection(arguments["signal"], arguments["reason"], arguments["since_ns"])


def _entries(signal: str, project: str, received_at_ns: int, payload: str) -> Iterator[Entry]:
    """Read a letter's rows; none when it holds no Arrow stream."""
    try:
        table = pa.ipc.open_stream(base64.b64decode(payload)).read_all().combine_chunks()
    except (pa.ArrowInvalid, OSError):
        return
    for batch in table.to_batches():
        yield Entry(signal, project, received_at_ns, batch)
