"""Carrying out one request's statement: read it, run it as its user, write the answer.

Order: user, statement (or the head of an INSERT), settings and limits, classification, then the engine. Data of an
INSERT goes to the engine a megabyte at a time as it arrives; the result of a SELECT leaves as it is made, whatever its
format (`formats`, `pour`).
"""

import io
import json
import re
import threading
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from haechi_collector.store.embedded import formats
from haechi_collector.store.embedded.access import User, Users, session_settings
from haechi_collector.store.embedded.answer import Answer, summary
from haechi_collector.store.embedded.body import Body, chunks, decoded, read
from haechi_collector.store.embedded.engine import Engine, Session, Tally
from haechi_collector.store.embedded.failure import BAD_ARGUMENTS, QUERY_IS_TOO_LARGE, SYNTAX_ERROR, Failure
from haechi_collector.store.embedded.packing import FrameReader
from haechi_collector.store.embedded.pour import Poured
from haechi_collector.store.embedded.request import Request, with_form
from haechi_collector.store.embedded.statement import (
    InsertHead,
    insert_head,
    is_streamed,
    killed_query,
    output_format,
)
from haechi_collector.store.embedded_limits import (
    STORE_HEAD_BYTES,
    STORE_STATEMENT_BYTES_MAX,
    STORE_WHOLE_RESULT_BYTES_MAX,
)

_DEFAULT_FORMAT: Final = "TabSeparated"
_WATCH_FOR_LEAVING: Final = "cancel_http_readonly_queries_on_client_close"


@dataclass(frozen=True, slots=True)
class Statements:
    """What carries out statements for the connections of a server."""

    engine: Engine
    users: Users

    def carry_out(self, request: Request, body: Body, answer: Answer, has_left: Callable[[], bool]) -> None:
        """Answer one request.

        Args:
            request: its line and headers.
            body: its body, as it is on the wire.
            answer: where the answer goes.
            has_left: tells whether the client has closed the connection.

        Raises:
            Failure: nothing has been sent yet; the caller answers with it.
        """
        user = self.users.identify(request.user, request.password, request.host)
        plain = decoded(body, request.content_encoding)
        source = cast("BinaryIO", FrameReader(chunks(plain))) if request.body_is_framed else plain
        if request.boundary:
            request, source = with_form(request, _all(source)), cast("BinaryIO", io.BytesIO())
        sql, insert, data = _read(request, source)
        query_id = request.query_id or str(uuid.uuid4())
        settings = session_settings(user, request.settings, is_get=request.method != "POST")
        settings.setdefault("log_comment", query_id)
        answer.headers |= {
            "X-ClickHouse-Server-Display-Name": "haechi",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": settings["session_timezone"],
        }
        run = _Run(self.engine, user, settings, request, answer)
        killed = killed_query(sql, request.params)
        if insert is not None:
            run.insert(insert, chunks(source, data))
        elif killed is not None:
            answer.send(self.engine.kill(killed, user, output_format(sql) or request.format or _DEFAULT_FORMAT))
        else:
            run.query(sql, has_left)


def _read(request: Request, source: BinaryIO) -> tuple[str, InsertHead | None, bytes]:
    """Return the statement; of an INSERT its head, and the first of its data instead of a statement."""
    head = f"{request.query}\n".encode() if request.query else b""
    insert = insert_head(head)
    if insert is None:
        while len(head) < STORE_HEAD_BYTES and (data := read(source, STORE_HEAD_BYTES)):
            head += data
        insert = insert_head(head)
    if insert is not None:
        return "", insert, head[insert.data_start :]
    size_max = _size_max(request)
    parts, size = [head], len(head)
    while size <= size_max and (data := read(source, STORE_HEAD_BYTES)):
        parts.append(data)
        size += len(data)
    if size > size_max:
        raise Failure(SYNTAX_ERROR, f"Syntax error: Max query size exceeded: it is more than {size_max} bytes")
    return b"".join(parts).decode("utf-8", "surrogateescape").strip(), None, b""


def _all(source: BinaryIO) -> bytes:
    parts, size = [], 0
    while data := read(source, STORE_HEAD_BYTES):
        parts.append(data)
        size += len(data)
        if size > STORE_STATEMENT_BYTES_MAX:
            raise Failure(QUERY_IS_TOO_LARGE, f"The form is longer than {STORE_STATEMENT_BYTES_MAX} bytes")
    return b"".join(parts)


def _size_max(request: Request) -> int:
    """ClickHouse's setting max_query_size, within our own bound."""
    wanted = request.settings.get("max_query_size", "")
    return min(int(wanted), STORE_STATEMENT_BYTES_MAX) if re.fullmatch(r"\d{1,12}", wanted) else STORE_HEAD_BYTES


@dataclass(frozen=True, slots=True)
class _Run:
    """One statement on its way."""

    engine: Engine
    user: User
    settings: dict[str, str]
    request: Request
    answer: Answer

    def insert(self, head: InsertHead, data: Iterator[bytes]) -> None:
        if self.request.params:
            raise Failure(BAD_ARGUMENTS, "An INSERT with data takes no query parameters here")
        with self.engine.session(self.user, self.settings, self.request.database) as session:
            session.check(f"{head.sql} FORMAT {head.format}")
            tally = session.insert(head.sql, head.format, data)
        self.answer.headers["X-ClickHouse-Summary"] = summary(tally)
        self.answer.headers["Content-Type"] = formats.content_type(self.request.format or _DEFAULT_FORMAT)
        self.answer.send(b"")

    def query(self, sql: str, has_left: Callable[[], bool]) -> None:
        format_ = output_format(sql) or self.request.format or _DEFAULT_FORMAT
        pours = is_streamed(sql) and not formats.is_joinable(format_) and "OUTFILE" not in sql.upper()
        streams = is_streamed(sql) and formats.is_joinable(format_)
        if not (streams or pours):
            self.settings.setdefault("max_result_bytes", str(STORE_WHOLE_RESULT_BYTES_MAX))
        self.answer.headers |= {"X-ClickHouse-Format": format_, "Content-Type": formats.content_type(format_)}
        with self.engine.session(self.user, self.settings, self.request.database) as session:
            session.check(sql)
            progress = self._watch(session, has_left)
            if streams:
                self._stream(session, sql, format_, progress)
            elif pours:
                self._pour(session, sql, format_, progress)
            else:
                self._whole(session, sql, format_, progress)

    def _whole(self, session: Session, sql: str, format_: str, progress: Mapping[str, int]) -> None:
        whole = session.run(sql, format_, self.request.params)
        self.answer.headers["X-ClickHouse-Summary"] = summary(whole.tally)
        self._add_progress(progress)
        self.answer.send(whole.data)

    def _stream(self, session: Session, sql: str, format_: str, progress: Mapping[str, int]) -> None:
        with closing(session.stream(sql, format_, self.request.params)) as documents:
            self._send(self._joined(format_, documents, progress))

    def _pour(self, session: Session, sql: str, format_: str, progress: Mapping[str, int]) -> None:
        query_id = self.settings["log_comment"]
        poured = Poured(session, sql, format_, lambda: self.engine.kill(query_id, self.user, "Null"))
        with closing(poured.parts(self.request.params)) as parts:
            self._send(self._counted(parts, progress, lambda: poured.tally))

    def _send(self, parts: Iterator[bytes]) -> None:
        if self.request.waits_for_end:
            self.answer.spool(parts, str(self.engine.temporary))
        else:
            self.answer.stream(parts)

    def _joined(
        self, format_: str, documents: Iterator[bytes], progress: Mapping[str, int]
    ) -> Generator[bytes, None, None]:
        try:
            yield from self._counted(formats.joined(format_, documents), progress, lambda: None)
        except ValueError as error:
            raise Failure(BAD_ARGUMENTS, str(error)) from None

    def _counted(
        self, parts: Iterator[bytes], progress: Mapping[str, int], whole: Callable[[], Tally | None]
    ) -> Generator[bytes, None, None]:
        """Put the counts so far, or those of the whole when it is done already, into the headers."""
        for part in parts:
            if not self.answer.begun:
                self._add_progress(progress)
                self.answer.headers["X-ClickHouse-Summary"] = summary(whole() or _tally(progress))
            yield part

    def _watch(self, session: Session, has_left: Callable[[], bool]) -> Mapping[str, int]:
        """Collect the engine's latest progress when it is asked for; stop a statement whose client left, likewise."""
        latest: dict[str, int] = {}
        killed = threading.Event()
        cancels = self.request.asks_for(_WATCH_FOR_LEAVING)

        def on_progress(counts: dict[str, int]) -> None:
            latest.update(counts)
            if cancels and not killed.is_set() and has_left():
                killed.set()
                query_id = self.settings["log_comment"]
                # Not from the engine's own callback: it waits for this statement.
                threading.Thread(target=self.engine.kill, args=(query_id, self.user, "Null"), daemon=True).start()

        if cancels or self.request.asks_for("send_progress_in_http_headers"):
            session.on_progress(on_progress)
        return latest

    def _add_progress(self, progress: Mapping[str, int]) -> None:
        if progress and self.request.asks_for("send_progress_in_http_headers"):
            counts = {name: str(count) for name, count in progress.items()}
            self.answer.headers["X-ClickHouse-Progress"] = json.dumps(counts, separators=(",", ":"))


def _tally(progress: Mapping[str, int]) -> Tally:
    names = ("read_rows", "read_bytes", "written_rows", "written_bytes", "elapsed_ns")
    return Tally(*(progress.get(name, 0) for name in names))
