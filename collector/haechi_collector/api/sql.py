"""``/sql``: ClickHouse's HTTP interface, read-only.

Guarantee: a client of ClickHouse's HTTP interface (curl, a BI tool, clickhouse-connect) meets what it knows: ``query``
and body, ``default_format``, ``param_*``, ``database``, ``query_id``, harmless settings, ``X-ClickHouse-*`` headers,
errors as ``Code: N. DB::Exception: ...`` with ``X-ClickHouse-Exception-Code``. The answer is streamed, never held.

Invariants: at most `limits.SQL_QUERIES_AT_ONCE` queries run (`places`); one that its client leaves, or that takes
longer than `limits.SQL_SECONDS_MAX` and a grace, is stopped in the engine. Texts are judged off the event loop, of
those with more than `_LONG_CHARS` one at a time, so that 16 of 100,000 characters leave the interpreter to others.

Source: https://clickhouse.com/docs/interfaces/http
"""

import asyncio
import logging
import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from haechi_collector import limits
from haechi_collector.api.body import read_body
from haechi_collector.api.places import Places
from haechi_collector.api.sql_progress import progress_router, sql_id
from haechi_collector.errors import StoreUnavailable
from haechi_collector.gate.gate import Caller
from haechi_collector.query import confine, sql_guard, sql_names
from haechi_collector.query.sql import LIMITS, Answer, Query, SqlReader
from haechi_collector.query.sql_guard import Verdict
from haechi_collector.query.sql_lexer import SqlRefused

logger = logging.getLogger("haechi")

_REFUSED: Final = (403, 497, "ACCESS_DENIED")
_BUSY: Final = (503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES")
_UNREACHABLE: Final = (503, 210, "NETWORK_ERROR")
_TOO_LATE: Final = (504, 159, "TIMEOUT_EXCEEDED")
_LEFT: Final = (499, 394, "QUERY_WAS_CANCELLED")
_BROKEN: Final = frozenset({"", "49", "1000", "1001", "1002"})  # logical errors, and exceptions of others
_BODY_BYTES_MAX: Final = 4 * limits.SQL_CHARS_MAX  # a character of UTF-8 has at most four bytes
_DEADLINE_S: Final = limits.SQL_SECONDS_MAX + limits.SQL_GRACE_S
_LONG_CHARS: Final = 10_000
_QUERY_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# Clients send these; whoever they name, the query runs as our own reader, and sessions do not exist.
_IGNORED: Final = frozenset(
    {
        "user",
        "password",
        "key",
        "quota_key",
        "decompress",
        "role",
        "session_id",
        "session_timeout",
        "session_check",
        "buffer_size",
    }
    | {"client_protocol_version", "readonly", "stacktrace", "http_write_exception_in_output_format", "client_name"}
)
_PASSED: Final = frozenset({*LIMITS, "compress"})  # compress: the answer in ClickHouse's own blocks
_COUNTS: Final = frozenset({"x-clickhouse-summary", "x-clickhouse-progress"})
_FORWARDED: Final = frozenset({"content-type", "content-encoding", "content-disposition"})


def sql_router(reader: SqlReader, shared: Places) -> APIRouter:
    """Build the route over one reader. ``shared`` are the places that all routes have together."""
    router = APIRouter(tags=["sql"])
    door = _Door(reader, shared.free)

    @router.get("/sql", response_class=StreamingResponse, operation_id="sql_get")
    @router.post("/sql", response_class=StreamingResponse, operation_id="sql_post")
    async def sql(request: Request) -> Response:
        """Run one read-only statement."""
        try:
            return await door.answer(request, await _asked(request, reader.database))
        except SqlRefused as error:
            where = f" (at character {error.offset})" if error.offset else ""
            return _failure(_REFUSED, f"{error}{where}")

    router.include_router(progress_router(reader))
    return router


class _Door:
    """Answers what was asked, in a place that is held until the last byte."""

    def __init__(self, reader: SqlReader, places: asyncio.Semaphore) -> None:
        self._reader = reader
        self._places = places
        self._long = asyncio.Semaphore(1)  # judging a long text takes a second of the interpreter

    async def answer(self, request: Request, asked: "_Asked") -> Response:
        """Answer one request.

        Raises:
            SqlRefused: the guard refuses the text.
        """
        if self._places.locked():
            return _failure(_BUSY, f"{limits.SQL_QUERIES_AT_ONCE} queries run already", {"Retry-After": "1"})
        await self._places.acquire()
        deadline = asyncio.get_running_loop().time() + _DEADLINE_S
        answer: Answer | None = None
        try:
            answer = await _unless_left(request, self._run(asked))
        except StoreUnavailable as error:
            return _failure(_UNREACHABLE, str(error))
        except TimeoutError:
            return _failure(_TOO_LATE, f"the query took longer than {limits.SQL_SECONDS_MAX} s")
        finally:
            if answer is None:
                self._places.release()
        if answer is None:
            return _failure(_LEFT, "the client left")
        return _Streamed(answer, deadline, self._places, _headers(answer, is_confined=asked.caller.sees is not None))

    async def _run(self, asked: "_Asked") -> Answer:
        if len(asked.text) <= _LONG_CHARS:
            verdict = await self._judge(asked)
        else:
            async with self._long:
                verdict = await self._judge(asked)
        return await self._reader.run(asked.query(verdict))

    async def _judge(self, asked: "_Asked") -> Verdict:
        confined = asked.caller.sees is not None
        judging = asyncio.ensure_future(
            asyncio.to_thread(sql_guard.check, asked.text, self._reader.database, is_confined=confined)
        )
        try:
            return await asyncio.shield(judging)
        except asyncio.CancelledError:
            await asyncio.wait({judging})  # a thread cannot be stopped: whoever leaves keeps the place until it ends
            raise


async def _unless_left(request: Request, run: Coroutine[Any, Any, Answer]) -> Answer | None:
    """Start the query; None, and the query stopped, when the client leaves before the first byte."""
    running = asyncio.ensure_future(run)
    left = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({running, left}, timeout=_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        if left.done():
            return None
        raise TimeoutError
    finally:
        left.cancel()
        if not running.done():
            running.cancel()  # `SqlReader.run` stops the query
            await asyncio.wait({running})


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Streamed(StreamingResponse):
    """Passes the body on. Whatever ends it, a client that leaves included, the query ends and its place is free."""

    def __init__(self, answer: Answer, deadline: float, places: asyncio.Semaphore, headers: Mapping[str, str]) -> None:
        super().__init__(answer.chunks(), _status(answer), headers)
        self._answer = answer
        self._deadline = deadline
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await super().__call__(scope, receive, send)
        except (
            StoreUnavailable
        ) as error:  # the server closes the connection: the answer does not end as if it were whole
            logger.info("an answer of /sql broke off: %s", error)
        finally:
            self._places.release()
            await self._answer.close()


def _status(answer: Answer) -> int:
    """ClickHouse says 500 to most mistakes in a statement. Here they are 400: 500 says that something is broken."""
    code = answer.headers.get("x-clickhouse-exception-code", "")
    return 400 if answer.status == 500 and code not in _BROKEN else answer.status


def _headers(answer: Answer, *, is_confined: bool) -> dict[str, str]:
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() in _FORWARDED or name.lower().startswith("x-clickhouse-")
    }
    if is_confined:  # what the engine read is not the project's rows alone
        kept = {name: value for name, value in kept.items() if name.lower() not in _COUNTS}
    return kept


@dataclass
class _Options:
    """The parameters of the URL, sorted by what they are."""

    query: str = ""
    default_format: str = ""
    query_id: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, read and not yet judged."""

    text: str
    options: _Options
    caller: Caller
    accept_encoding: str

    def query(self, verdict: Verdict) -> Query:
        """Return what is sent to the store for an accepted text."""
        return Query(
            sql=verdict.sql,
            query_id=sql_id(self.options.query_id, self.caller),
            default_format=self.options.default_format or "TabSeparated",
            names_settings=verdict.names_settings,
            parameters=self.options.parameters,
            settings=self.options.settings,
            accept_encoding=self.accept_encoding,
            project=self.caller.sees,
        )


async def _asked(request: Request, database: str) -> _Asked:
    caller: Caller = request.state.caller
    options = _options(request, database)
    if caller.sees is not None:
        for name in options.settings:
            confine.check_setting(name)
    body = await _body(request)
    text = f"{options.query}\n{body}" if options.query and body else options.query or body
    return _Asked(text, options, caller, request.headers.get("accept-encoding", "identity"))


def _options(request: Request, database: str) -> _Options:
    options = _Options(default_format=request.headers.get("x-clickhouse-format", ""))
    items = request.query_params.multi_items()
    if len(items) > limits.SQL_PARAMETERS_MAX:
        raise SqlRefused(f"{len(items)} parameters, the limit is {limits.SQL_PARAMETERS_MAX}")
    named = request.headers.get("x-clickhouse-database")
    for name, value in [*items, *([("database", named)] if named else [])]:
        _take(options, name, value, database)
    if options.default_format and (reason := sql_names.why_no_format(options.default_format)):
        raise SqlRefused(reason)
    return options


def _take(options: _Options, name: str, value: str, database: str) -> None:
    if name in {"query", "default_format", "query_id"}:
        if name == "query_id" and not _QUERY_ID.fullmatch(value):
            raise SqlRefused("query_id: expected up to 100 letters, digits and _ . : -")
        setattr(options, name, value)
    elif name.startswith("param_"):
        options.parameters[name.removeprefix("param_")] = value
    elif name == "database":
        if value not in {"", "default", database}:
            raise SqlRefused(f"database {value}: the database here is {database}")
    elif name == "decompress" and value not in {"", "0"}:
        raise SqlRefused("decompress: a query is sent as it is")
    elif sql_names.is_setting(name) or name in _PASSED:
        options.settings[name] = value
    elif name not in _IGNORED:
        raise SqlRefused(f"the setting {name} cannot be chosen here")


async def _body(request: Request) -> str:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise SqlRefused("a query is sent without Content-Encoding")
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise SqlRefused("external tables are not answered here")
    body = await read_body(request, _BODY_BYTES_MAX)
    if body is None:
        raise SqlRefused(f"the query has more than {limits.SQL_CHARS_MAX} characters")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise SqlRefused("the query is not UTF-8", error.start) from error


def _failure(kind: tuple[int, int, str], message: str, headers: dict[str, str] | None = None) -> Response:
    status, code, name = kind
    text = f"Code: {code}. DB::Exception: {message}. ({name})\n"
    return PlainTextResponse(text, status, {"X-ClickHouse-Exception-Code": str(code), **(headers or {})})
