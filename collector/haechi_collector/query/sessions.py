"""Which sessions: a page of them with what each came to, how it was judged, and how it began.

Guarantee: as `listed`; figures (`figures`) are of all spans in the window that belong to the session, and not only of
those that met the filters. Texts are read for the page's sessions alone.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from haechi_collector.query import judgements
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.figures import call_sql, figures, measures
from haechi_collector.query.listed import ListQuestion, Page, belonging, in_order, page_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values
from haechi_collector.query.trace_content import excerpt

COLUMN: Final = "session_id"


async def sessions(engine: Engine, question: ListQuestion) -> dict[str, Any]:
    """Answer it.

    Raises:
        WrongParameter: the cursor is none, or of another question.
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    page = await page_of(engine, question)
    scope = Scope(page.window, question.scope.project)
    rows: list[Row] = []
    scores: dict[str, Row] = {}
    if page.hashes:
        told, scores = await asyncio.gather(
            engine.ask(_figures(scope, page)), judgements.judged_by(engine, COLUMN, scope, page)
        )
        rows = in_order(page.hashes, told.rows)
    asked = await _first_questions(engine, scope, rows)
    return {
        "from": iso(page.window.from_ns),
        "to": iso(page.window.to_ns),
        "sessions": [
            {
                **session_of(row),
                **judgements.judged(scores.get(row["hash"])),
                "first_question_excerpt": excerpt(asked.get(row["first_trace"], "")),
            }
            for row in rows
        ],
        "next_cursor": page.next_cursor,
    }


def session_of(row: Row) -> dict[str, Any]:
    """Return the figures of a session, from a row of `session_measures`."""
    return {"session": row["session"], "user": row["user"], "duration_ms": (row["end"] - row["begin"]) / 1e6} | figures(
        row
    )


def session_measures(values: Values) -> tuple[str, ...]:
    """Return SQL over the spans of a session (`belonging`) for `session_of`."""
    return (
        "any(owner) AS session",
        "argMaxIf(user_id, start_time, user_id != '') AS user",
        f"argMinIf(trace_id, start_time, {call_sql(values)}) AS first_trace",
        *measures(values),
    )


def _figures(scope: Scope, page: Page) -> Statement:
    values = Values()
    columns = ", ".join(["toString(sipHash64(owner)) AS hash", *session_measures(values)])
    source = belonging(COLUMN, page, scope, values)
    return Statement(f"SELECT {columns} FROM {source} GROUP BY owner", values.bound)  # noqa: S608  bound values


async def _first_questions(engine: Engine, scope: Scope, rows: Sequence[Row]) -> dict[str, str]:
    """Return what was asked first, by trace."""
    if not rows:
        return {}
    values = Values()
    begin = min(row["begin"] for row in rows)
    window = replace(scope, window=replace(scope.window, from_ns=max(begin, 0)))
    ids = values.text(",".join(row["first_trace"] for row in rows))
    where = f"{window.spans(values)} AND trace_id IN splitByChar(',', {ids}) AND input_messages != ''"
    columns = "trace_id, argMin(left(input_messages, 4000), start_time) AS asked"
    sql = f"SELECT {columns} FROM spans WHERE {where} GROUP BY trace_id"  # noqa: S608  bound values
    return {row["trace_id"]: row["asked"] for row in (await engine.ask(Statement(sql, values.bound))).rows}
