"""``/sql/progress``: how far a query of ``/sql`` is, for those who wait for it.

Guarantee: a caller sees its own queries alone (`sql_id`); one whose key belongs to a project does not see what the
engine has read, because that counts rows of others too. An answer of ``{}`` means that no such query runs.
"""

import uuid
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request

from haechi_collector.gate.gate import Caller
from haechi_collector.query.sql import Query, SqlReader

_SQL: Final = """
SELECT elapsed AS elapsed_s, read_rows, read_bytes, total_rows_approx AS total_rows, memory_usage AS memory_bytes
FROM system.processes WHERE query_id = {id:String} OR Settings['log_comment'] = {id:String} LIMIT 1
"""
_COUNTS: Final = ("read_rows", "read_bytes", "total_rows", "memory_bytes")
_QUOTED: Final = {"output_format_json_quote_64bit_integers": "0"}


def sql_id(wanted: str, caller: Caller) -> str:
    """Return the id that the engine knows a query by: one key can neither see, block nor stop queries of another."""
    chosen = wanted or str(uuid.uuid4())
    return f"{caller.key_id}-{chosen}" if caller.key_id else chosen


def progress_router(reader: SqlReader) -> APIRouter:
    """Build the route over one reader."""
    router = APIRouter(tags=["sql"])

    @router.get("/sql/progress", include_in_schema=False)
    async def progress(request: Request, query_id: str) -> dict[str, float]:
        """Counts of a running query."""
        caller: Caller = request.state.caller
        parameters = {"id": sql_id(query_id, caller)}
        asked = Query(
            _SQL, str(uuid.uuid4()), default_format="JSONEachRow", parameters=parameters, settings=dict(_QUOTED)
        )
        answer = await reader.run(asked)
        try:
            body = b"".join([chunk async for chunk in answer.chunks()])
        finally:
            await answer.close()
        found: dict[str, Any] = orjson.loads(body) if answer.status == 200 and body.strip() else {}
        return {name: found[name] for name in found if caller.sees is None or name not in _COUNTS}

    return router
