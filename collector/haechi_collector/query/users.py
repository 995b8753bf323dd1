"""Which users: a page of them with what each did and cost, and how it was judged.

Guarantee: as `listed`; figures (`figures`) are of all spans in the window that belong to the user. Days are those of
UTC.
"""

import asyncio
from typing import Any, Final

from haechi_collector.query import judgements
from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.figures import figures, measures
from haechi_collector.query.listed import ListQuestion, Page, belonging, in_order, page_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso
from haechi_collector.query.statement import Statement, Values

COLUMN: Final = "user_id"


async def users(engine: Engine, question: ListQuestion) -> dict[str, Any]:
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
    return {
        "from": iso(page.window.from_ns),
        "to": iso(page.window.to_ns),
        "users": [{**user_of(row), **judgements.judged(scores.get(row["hash"]))} for row in rows],
        "next_cursor": page.next_cursor,
    }


def user_measures(values: Values) -> tuple[str, ...]:
    """Return SQL over the spans of a user (`belonging`) for `user_of`."""
    return (
        "any(owner) AS user",
        "uniqExact(toDate(start_time)) AS days",
        "uniqExactIf(session_id, session_id != '') AS sessions",
        *measures(values),
    )


def user_of(row: Row) -> dict[str, Any]:
    """Return the figures of a user, from a row of `user_measures`."""
    return {"user": row["user"], "days_active": row["days"], "sessions": row["sessions"], **figures(row)}


def _figures(scope: Scope, page: Page) -> Statement:
    values = Values()
    columns = ", ".join(["toString(sipHash64(owner)) AS hash", *user_measures(values)])
    source = belonging(COLUMN, page, scope, values)
    return Statement(f"SELECT {columns} FROM {source} GROUP BY owner", values.bound)  # noqa: S608  bound values
