"""The LMDB file: opened only when it is whole, with room on the disk ahead of it, and opened again after a failure.

Guarantees
    * A file that is truncated, damaged in its structure or not LMDB's is never given to the engine, which might crash
      on it: `lmdb.verify` walks it first, 3 microseconds an entry. Flipped bits within rows are seen by `Head.fits`.
    * Disk is allocated ahead of the file, so that what makes room can still be committed when the disk is full.
"""

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import lmdb
from lmdb.verify import VerifyError, verify

from haechi_collector.journal.format import FORMAT, PAGE_BYTES, Counts, Tables, read_counts
from haechi_collector.journal.shapes import SIGNALS, JournalUnreadable
from haechi_collector.limits import JOURNAL_AHEAD_BYTES, JOURNAL_SHRINK_BYTES, MIB

logger = logging.getLogger(__name__)

DATA: Final = "data.mdb"
TABLES_MAX: Final = 32
_AWAY: Final = "move the directory away to start with an empty journal"


class Environment:
    """An open journal file. Writes come from one thread; reads from any."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        """Open or make the file.

        Raises:
            JournalUnreadable: it is not whole, or not ours to read.
        """
        self._path = path
        # Copy-on-write pages, the free list and the marks need room beside the entries themselves.
        self._map_bytes = bytes_max + bytes_max // 4 + 64 * MIB
        self._reading = threading.Lock()  # held for reads, which are rare, so that none is under way in `reopen`
        self.broken = False
        """LMDB has given the file up after a failed write; `reopen` it."""
        self._is_short = False  # there was no disk the last time; it is said once
        verify_file(path)
        self._open()

    def _open(self) -> None:
        try:
            self._env = lmdb.open(
                str(self._path), map_size=self._map_bytes, max_dbs=TABLES_MAX, readahead=False, mode=0o600
            )
            self._env.reader_check()
            self.id = self._named()
            self.tables = Tables(self._env)
            self._allocated = (self._path / DATA).stat().st_size
        except (lmdb.Error, OSError) as error:
            raise JournalUnreadable(f"{self._path}: the journal cannot be opened: {error}") from error
        except JournalUnreadable:
            self._env.close()
            raise

    def _named(self) -> str:
        """Return the journal's name; a new one gets a name. Nothing is written into a file that is not ours."""
        if not self._env.stat()["entries"]:
            with self._env.begin(
                write=True
            ) as txn:  # one transaction: a start that is cut off leaves nothing half made
                meta = self._env.open_db(b"meta", txn=txn)
                txn.put(b"format", FORMAT, db=meta)
                txn.put(b"id", secrets.token_hex(6).encode(), db=meta)
        return check_format(self._env, self._path)

    def counts(self) -> dict[str, Counts]:
        """Read every signal's counters."""
        with self.reading() as txn:
            return {s: read_counts(txn.get(s.encode(), db=self.tables.state)) for s in SIGNALS}

    def reopen(self) -> dict[str, Counts]:
        """Open the file anew after LMDB gave it up, and return its counters.

        Raises:
            JournalUnreadable: it cannot be opened yet.
        """
        with self._reading:
            self._env.close()
            verify_file(self._path)
            self._open()
        self.broken = False
        return self.counts()

    @contextmanager
    def reading(self) -> "Iterator[lmdb.Transaction[bytes]]":
        """Read within one snapshot.

        Raises:
            JournalUnreadable: the file has changed under us.
        """
        try:
            with self._reading, self._env.begin() as txn:
                yield txn
        except lmdb.Error as error:
            raise JournalUnreadable(f"{self._path}: the journal is damaged: {error}") from error

    def writing(self) -> "lmdb.Transaction[bytes]":
        """Begin a transaction that writes."""
        return self._env.begin(write=True)

    def room(self, size: int) -> bool:
        """Allocate disk for so many bytes of entries and what goes with them; say whether it is there."""
        used = (self._env.info()["last_pgno"] + 1) * PAGE_BYTES
        wanted = min(used + size + JOURNAL_AHEAD_BYTES, self._map_bytes)
        if wanted <= self._allocated:
            return True
        wanted = min(wanted + JOURNAL_AHEAD_BYTES, self._map_bytes)
        try:
            with (self._path / DATA).open("r+b") as file:
                os.posix_fallocate(file.fileno(), self._allocated, wanted - self._allocated)
        except OSError as error:
            if not self._is_short:
                logger.warning("no disk for the journal, requests are refused: %s", error.strerror)
            self._is_short = True
            return False
        self._allocated, self._is_short = wanted, False
        return True

    def shrink(self) -> None:
        """Give back the disk of a journal that was large once and is empty; what is left in it stays."""
        file, fresh = self._path / DATA, self._path / "shrunk"
        if any(c.queued for c in self.counts().values()) or file.stat().st_size < JOURNAL_SHRINK_BYTES:
            return
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(mode=0o700)
            self._env.copy(str(fresh), compact=True)
            (fresh / DATA).chmod(0o600)
            with (fresh / DATA).open("rb") as copy, self._reading:
                os.fsync(copy.fileno())
                self._env.close()
                (fresh / DATA).replace(file)
                _sync_directory(self._path)
                self._open()
        except (OSError, lmdb.Error) as error:
            raise JournalUnreadable(f"{self._path}: the journal cannot be made smaller: {error}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._reading:
            self._env.close()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_format(env: lmdb.Environment, path: Path) -> str:
    """Return the name of the journal in an open file.

    Raises:
        JournalUnreadable: it is no journal, or one of another format.
    """
    try:
        meta = env.open_db(b"meta", create=False)
    except lmdb.NotFoundError:
        raise JournalUnreadable(f"{path}: the file there is LMDB's, but no journal; {_AWAY}") from None
    with env.begin() as txn:
        found, name = txn.get(b"format", b"none", db=meta), txn.get(b"id", db=meta)
    if found != FORMAT or name is None:
        raise JournalUnreadable(
            f"{path}: the journal has format {found.decode('utf-8', 'replace')!r}, this program reads "
            f"{FORMAT.decode()!r}; let the program that wrote it empty it, or {_AWAY}"
        )
    return name.decode()


def verify_file(path: Path) -> None:
    """See whether the file is whole, without LMDB's engine.

    Raises:
        JournalUnreadable: it is not.
    """
    file = path / DATA
    if not file.exists() or not file.stat().st_size:
        return
    try:
        problems = verify(str(file))  # type: ignore[no-untyped-call]
    except VerifyError as error:
        problems = [str(error)]
    except OSError as error:
        raise JournalUnreadable(f"{path}: the journal cannot be read: {error.strerror}") from error
    if problems:
        raise JournalUnreadable(
            f"{path}: the journal is damaged: {problems[0]}; nothing was changed. Bring back an intact copy, or {_AWAY}"
        )
