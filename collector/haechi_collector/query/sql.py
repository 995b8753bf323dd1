"""The way of a user's SQL to the store: one request in, one stream of bytes out.

Guarantee: what is sent was accepted by `sql_guard`, runs with our limits as engine settings and read-only, and is
stopped in the engine when the answer is closed early. Parameters travel as ClickHouse's own ``param_*``; nothing is
pasted into SQL.

Read-only means ``readonly=1``; a query that names settings itself runs with ``readonly=2``, because ClickHouse refuses
every SETTINGS clause under 1. The guard has let through only settings that change no limit.

Source: https://clickhouse.com/docs/interfaces/http
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import httpx2

from haechi_collector import limits
from haechi_collector.errors import StoreUnavailable
from haechi_collector.query import confine

logger = logging.getLogger("haechi")

LIMITS: Final[Mapping[str, str]] = {
    "max_execution_time": str(limits.SQL_SECONDS_MAX),
    "max_memory_usage": str(limits.SQL_MEMORY_BYTES_MAX),
    "max_result_rows": str(limits.SQL_RESULT_ROWS_MAX),
    "result_overflow_mode": "throw",
    "cancel_http_readonly_queries_on_client_close": "1",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that the guard accepted, and how to answer it."""

    sql: str
    query_id: str
    default_format: str = "TabSeparated"
    names_settings: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Values of ``{name:Type}``, by name."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings from outside the text; a limit of ours can only be lowered."""
    accept_encoding: str = "identity"
    project: str | None = None
    """The project that the query is confined to, None for all; a confined one must have passed the guard as such."""


class Answer:
    """A running answer. Read `chunks` once, then `close`; closing early stops the query in the engine."""

    def __init__(self, response: httpx2.Response, reader: "SqlReader", query_id: str, began: float) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._reader = reader
        self._query_id = query_id
        self._finished = False
        self._is_broken = False
        self._began = began

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as the store sends it, still encoded as its headers say.

        Raises:
            StoreUnavailable: the store broke off.
        """
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except httpx2.HTTPError as error:
            self._is_broken = True
            raise StoreUnavailable(f"the store broke off: {error}") from error
        self._finished = True

    async def close(self) -> None:
        """Free the connection, and stop the query when it has not been read to its end."""
        self._reader.count(self._outcome(), self._began)
        try:
            await self._response.aclose()
        finally:
            if not self._finished:
                await self._reader.kill(self._query_id)

    def _outcome(self) -> str:
        if not self._finished:
            return "failed" if self._is_broken else "left"
        return "answered" if self.status == 200 else "refused"


class SqlReader:
    """Sends queries to ClickHouse's HTTP interface as one user. Safe for many tasks of one event loop.

    ``observe`` is told of each query's outcome and seconds: answered, refused, failed, left (by the one who asked).
    """

    def __init__(
        self,
        url: str,
        user: str = "default",
        password: str = "",
        database: str = "haechi",
        *,
        observe: Callable[[str, float], None] = lambda _outcome, _seconds: None,
    ) -> None:
        self.database = database
        self._observe = observe
        self._kills: set[asyncio.Future[None]] = set()
        self._client = httpx2.AsyncClient(
            base_url=url,
            headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
            timeout=httpx2.Timeout(limits.SQL_SECONDS_MAX + limits.SQL_GRACE_S, connect=5.0),
            limits=httpx2.Limits(max_connections=2 * limits.SQL_QUERIES_AT_ONCE),
            trust_env=False,
        )

    async def run(self, query: Query) -> Answer:
        """Start a query and return when the store has answered with headers.

        Cancelling this, or running out of time, stops the query in the engine.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        began = time.monotonic()
        request = self._client.build_request(
            "POST",
            "/",
            params=self._parameters(query),
            content=query.sql.encode(),
            headers={"Accept-Encoding": query.accept_encoding, "Content-Type": "text/plain; charset=utf-8"},
        )
        try:
            response = await self._client.send(request, stream=True)
        except httpx2.TimeoutException as error:
            self.count("failed", began)
            await self.kill(query.query_id)
            raise StoreUnavailable("the store did not answer in time") from error
        except httpx2.HTTPError as error:
            self.count("failed", began)
            raise StoreUnavailable(f"the store cannot be reached: {error}") from error
        except asyncio.CancelledError:
            self.count("left", began)
            await self.kill(query.query_id)
            raise
        return Answer(response, self, query.query_id, began)

    def count(self, outcome: str, began: float) -> None:
        """Tell the observer of a query that is over."""
        self._observe(outcome, time.monotonic() - began)

    def _parameters(self, query: Query) -> dict[str, str]:
        readonly = "2" if query.names_settings else "1"
        return {
            **query.settings,
            **{name: _lower(query.settings.get(name), limit) for name, limit in LIMITS.items()},
            **{f"param_{name}": value for name, value in query.parameters.items()},
            "database": self.database,
            "default_format": query.default_format,
            "query_id": query.query_id,
            "readonly": readonly,
            **({} if query.project is None else confine.settings(query.project, self.database)),
        }

    async def kill(self, query_id: str) -> None:
        """Stop a query in the engine; survives the cancellation of the caller, never raises for a dead store."""
        task = asyncio.ensure_future(self._kill(query_id))
        self._kills.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._kills.discard)
        await asyncio.shield(task)

    async def _kill(self, query_id: str) -> None:
        parameters = {"param_id": query_id, "query_id": f"kill-{query_id}"}
        sql = "KILL QUERY WHERE query_id = {id:String} ASYNC"
        with contextlib.suppress(httpx2.HTTPError):  # a store that is gone runs no query
            response = await self._client.post("/", params=parameters, content=sql, timeout=5.0)
            if response.status_code != 200:
                logger.warning("query %s could not be stopped: %s", query_id, response.text[:200])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _lower(wanted: str | None, limit: str) -> str:
    """The smaller of two numbers; our own value when the wanted one is no positive number."""
    if wanted is None or not wanted.isdecimal() or not limit.isdecimal() or int(wanted) == 0:
        return limit
    return str(min(int(wanted), int(limit)))
