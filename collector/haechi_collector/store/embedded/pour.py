"""A result in any format, passed on while the engine still makes it.

The engine's own streaming gives each block as a document of its own, which only some formats allow (`formats`). Here it
writes one whole document, of any format, into a pipe, and what comes out of the pipe is the answer.

Guarantee: memory holds `_FIRST_BYTES` of the result and the engine's own buffers, whatever its size. A statement that
fails before so much was written gives nothing but its error. Closing the iterator stops the statement.
"""

import contextlib
import fcntl
import os
import re
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Final

from haechi_collector.store.embedded.engine import Session, Tally
from haechi_collector.store.embedded.failure import BAD_ARGUMENTS, Failure
from haechi_collector.store.embedded.statement import format_clause, text_end

_PIPE_BYTES: Final = 1024 * 1024
_FIRST_BYTES: Final = 1024 * 1024
_KILL_EVERY_S: Final = 0.1
_FORMAT_NAME: Final = re.compile(r"\w{1,100}")


def into_pipe(sql: str, format_: str, descriptor: int) -> str:
    """Return the statement, writing its result to a descriptor of this process instead of returning it.

    Args:
        sql: one SELECT without ``INTO OUTFILE``, which may end in ``FORMAT ... SETTINGS ...``.
        format_: the format when the statement names none.
        descriptor: the pipe's end to write to.

    Raises:
        Failure: the format is no name.
    """
    if not _FORMAT_NAME.fullmatch(format_):
        raise Failure(BAD_ARGUMENTS, f"{format_!r} is no format")
    end, clause = text_end(sql), format_clause(sql)
    target = f"\nINTO OUTFILE '/proc/self/fd/{descriptor}' APPEND "
    if clause is None:
        return f"{sql[:end]}{target}FORMAT {format_}"
    return f"{sql[: clause.start]}{target}{sql[clause.start : end]}"


class Poured:
    """A statement whose result is poured through a pipe. ``tally`` counts once `parts` has ended, or began at the end.

    Args:
        session: whose statement it is; it must outlive `parts`.
        sql: one SELECT that has passed `Session.check`.
        format_: the format when the statement names none.
        kill: asks the engine to stop the statement.
    """

    def __init__(self, session: Session, sql: str, format_: str, kill: Callable[[], object]) -> None:
        self._session = session
        self._sql = sql
        self._format = format_
        self._kill = kill
        self._failure: Failure | None = None
        self.tally: Tally | None = None

    def parts(self, params: Mapping[str, str]) -> Generator[bytes, None, None]:
        """Yield the document as it is made.

        Raises:
            Failure: the statement failed; nothing has been yielded unless the result is long.
        """
        reading, writing = os.pipe()
        with contextlib.suppress(OSError):  # a user may have so many large pipes only
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        thread = threading.Thread(target=self._run, args=(writing, params), name="store-pour")
        thread.start()
        try:
            first = bytearray()
            while len(first) < _FIRST_BYTES and (data := os.read(reading, _PIPE_BYTES)):
                first += data
            if len(first) < _FIRST_BYTES:
                thread.join()
            if self._failure is None and first:
                yield bytes(first)
            del first
            while data := os.read(reading, _PIPE_BYTES):
                yield data
            thread.join()
            if self._failure is not None:
                raise self._failure
        finally:
            os.close(reading)  # a blocked write ends; the engine goes on nevertheless until it is told
            while thread.is_alive():
                self._kill()
                thread.join(_KILL_EVERY_S)

    def _run(self, writing: int, params: Mapping[str, str]) -> None:
        try:
            self.tally = self._session.run(into_pipe(self._sql, self._format, writing), "Null", params).tally
        except Failure as failure:
            self._failure = failure
        finally:
            os.close(writing)
