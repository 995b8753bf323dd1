"""``/sql``: ClickHouse's HTTP interface, read-only.

Guarantee: a client of ClickHouse's HTTP interface (curl, a BI tool, clickhouse-connect) meets what it knows: ``query``
and body, ``default_format``, ``param_*``, ``database``, ``query_id``, harmless settings, ``X-ClickHouse-*`` headers,
errors as ``Code: N. DB::Exception: ...`` with ``X-ClickHouse-Exception-Code``. The answer is streamed, never held.

Invariants: at most `limits.SQL_QUERIES_AT_ONCE` queries run (`places`); one that its client leaves, or that takes
longer than `limits.SQL_SECONDS_MAX` and a grace, is stopped in the engine.

Source: https://clickhouse.com/docs/interfaces/http
"""

import asyncio
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from haechi_collector import limits
from haechi_collector.api.places import Places
from haechi_collector.errors import StoreUnavailable
from haechi_collector.gate.gate import Caller
from haechi_collector.query import confine, sql_guard, sql_names
from haechi_collector.query.sql import LIMITS, Answer, Query, SqlReader
from haechi_collector.query.sql_lexer import SqlRefused

_REFUSED: Final = (403, 497, "ACCESS_DENIED")
_BUSY: Final = (503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES")
_UNREACHABLE: Final = (503, 210, "NETWORK_ERROR")
_TOO_LATE: Final = (504, 159, "TIMEOUT_EXCEEDED")
_LEFT: Final = (499, 394, "QUERY_WAS_CANCELLED")
_BODY_BYTES_MAX: Final = 4 * limits.SQL_CHARS_MAX  # a character of UTF-8 has at most four bytes
_DEADLINE_S: Final = limits.SQL_SECONDS_MAX + limits.SQL_GRACE_S
_QUERY_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# Clients send these; whoever they name, the query runs as our own reader, and sessions do not exist.
_IGNORED: Final = frozenset(
    {"user", "password", "key", "quota_key", "role", "session_id", "session_timeout", "session_check", "buffer_size"}
    | {"client_protocol_version", "readonly", "stacktrace", "http_write_exception_in_output_format", "client_name"}
)
_COUNTS: Final = frozenset({"x-clickhouse-summary", "x-clickhouse-progress"})
_FORWARDED: Final = frozenset({"content-type", "content-encoding", "content-disposition"})


def sql_router(reader: SqlReader, shared: Places) -> APIRouter:
    """Build the route over one reader. ``shared`` are the places that all routes have together."""
    router = APIRouter(tags=["sql"])
    places = shared.free

    @router.get("/sql", response_class=StreamingResponse, operation_id="sql_get")
    @router.post("/sql", response_class=StreamingResponse, operation_id="sql_post")
    async def sql(request: Request) -> Response:
        """Run one read-only statement."""
        try:
            query = await _query(request, reader.database)
        except SqlRefused as error:
            where = f" (at character {error.offset})" if error.offset else ""
            return _failure(_REFUSED, f"{error}{where}")
        if places.locked():
            return _failure(_BUSY, f"{limits.SQL_QUERIES_AT_ONCE} queries run already", {"Retry-After": "1"})
        return await _answer(request, reader, query, places)

    return router


async def _answer(request: Request, reader: SqlReader, query: Query, places: asyncio.Semaphore) -> Response:
    await places.acquire()
    deadline = asyncio.get_running_loop().time() + _DEADLINE_S
    answer: Answer | None = None
    try:
        answer = await _unless_left(request, reader, query)
    except StoreUnavailable as error:
        return _failure(_UNREACHABLE, str(error))
    except TimeoutError:
        return _failure(_TOO_LATE, f"the query took longer than {limits.SQL_SECONDS_MAX} s")
    finally:
        if answer is None:
            places.release()
    if answer is None:
        return _failure(_LEFT, "the client left")
    return _Streamed(answer, deadline, places, _headers(answer, query))


async def _unless_left(request: Request, reader: SqlReader, query: Query) -> Answer | None:
    """Start the query; None, and the query stopped, when the client leaves before the first byte."""
    running = asyncio.ensure_future(reader.run(query))
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
        super().__init__(answer.chunks(), answer.status, headers)
        self._answer = answer
        self._deadline = deadline
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout_at(self._deadline):
                await super().__call__(scope, receive, send)
        finally:
            self._places.release()
            await self._answer.close()


def _headers(answer: Answer, query: Query) -> dict[str, str]:
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() in _FORWARDED or name.lower().startswith("x-clickhouse-")
    }
    if query.project is not None:  # what the engine read is not the project's rows alone
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


async def _query(request: Request, database: str) -> Query:
    caller: Caller = request.state.caller
    options = _options(request, database)
    if caller.sees is not None:
        for name in options.settings:
            confine.check_setting(name)
    body = await _body(request)
    text = f"{options.query}\n{body}" if options.query and body else options.query or body
    verdict = await asyncio.to_thread(sql_guard.check, text, database, is_confined=caller.sees is not None)
    return Query(
        sql=verdict.sql,
        query_id=_query_id(options.query_id, caller),
        default_format=options.default_format or "TabSeparated",
        names_settings=verdict.names_settings,
        parameters=options.parameters,
        settings=options.settings,
        accept_encoding=request.headers.get("accept-encoding", "identity"),
        project=caller.sees,
    )


def _query_id(wanted: str, caller: Caller) -> str:
    """Return the id that the engine knows a query by. One key can neither block nor stop the queries of another."""
    chosen = wanted or str(uuid.uuid4())
    return f"{caller.key_id}-{chosen}" if caller.key_id else chosen


def _options(request: Request, database: str) -> _Options:
    options = _Options(default_format=request.headers.get("x-clickhouse-format", ""))
    items = request.query_params.multi_items()
    if len(items) > limits.SQL_PARAMETERS_MAX:
        raise SqlRefused(f"{len(items)} parameters, the limit is {limits.SQL_PARAMETERS_MAX}")
    named = request.headers.get("x-clickhouse-database")
    for name, value in [*items, *([("database", named)] if named else [])]:
        _take(options, name, value, database)
    if options.default_format and options.default_format not in sql_names.names().formats:
        raise SqlRefused(f"the output format {options.default_format} is not answered here")
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
    elif name in {"compress", "decompress"}:
        if value not in {"", "0"}:
            raise SqlRefused(f"{name}: ClickHouse's own compression is not spoken here; send Accept-Encoding")
    elif sql_names.is_setting(name) or name in LIMITS:
        options.settings[name] = value
    elif name not in _IGNORED:
        raise SqlRefused(f"the setting {name} cannot be chosen here")


async def _body(request: Request) -> str:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise SqlRefused("a query is sent without Content-Encoding")
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise SqlRefused("external tables are not answered here")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            raise SqlRefused(f"the query has more than {limits.SQL_CHARS_MAX} characters")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise SqlRefused("the query is not UTF-8", error.start) from error


def _failure(kind: tuple[int, int, str], message: str, headers: dict[str, str] | None = None) -> Response:
    status, code, name = kind
    text = f"Code: {code}. DB::Exception: {message}. ({name})\n"
    return PlainTextResponse(text, status, {"X-ClickHouse-Exception-Code": str(code), **(headers or {})})
