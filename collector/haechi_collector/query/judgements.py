"""What was judged, in figures: quality, hallucinations and thumbs of any group of scores.

Guarantee: the same names and rules wherever such a figure is shown. A score that tells no number (a label alone) is in
no mean and no share; where nothing was judged a figure is None, never 0. Judgements on a session or a user are those
on their traces, whenever they were made; a trace that several share counts for each of them.
"""

from typing import Any, Final

from haechi_collector.query.engine import Engine, Row
from haechi_collector.query.listed import Page, among
from haechi_collector.query.scope import Scope, latest
from haechi_collector.query.statement import Statement, Values

THUMBS: Final = "name IN ('user_feedback', 'thumbs_up', 'thumbs_down')"
"""SQL over ``scores``: the judgement is a thumb."""

UP: Final = (
    "multiIf(label IN ('thumbs_up', 'thumbs_down'), label = 'thumbs_up', "
    "name = 'thumbs_down', value <= 0.5, value > 0.5)"
)
"""SQL over those: it points up; NULL where neither its label nor a number says so."""

MEASURES: Final = (
    "avgIf(value, name = 'quality') AS quality",
    "avgIf(value > 0.5, name = 'hallucination') AS hallucination",
    f"countIf({THUMBS} AND {UP}) AS up",
    f"countIf({THUMBS} AND NOT {UP}) AS down",
)
"""SQL over ``scores``, for `judged`."""

_DAY_NS: Final = 86_400 * 10**9
_NONE: Final[Row] = {"quality": None, "hallucination": None, "up": 0, "down": 0}


def judged(row: Row | None) -> dict[str, Any]:
    """Return the figures of a group; None for one that nobody judged."""
    row = row or _NONE
    return {
        "avg_quality_score": row["quality"],
        "hallucination_rate": row["hallucination"],
        "thumbs_up": row["up"],
        "thumbs_down": row["down"],
    }


async def judged_by(engine: Engine, column: str, scope: Scope, page: Page) -> dict[str, Row]:
    """Return the judgements on traces of a page's sessions or users, by hash.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    where = f"{scope.spans(values)} AND {among(column, page.hashes, values)}"
    traces = f"SELECT DISTINCT trace_id, toString(sipHash64({column})) AS hash FROM spans WHERE {where}"  # noqa: S608  bound values
    scores = f"SELECT trace_id, name, label, value FROM scores FINAL WHERE {after(scope, values)}"  # noqa: S608  bound values
    columns = ", ".join(["hash", *MEASURES])
    sql = f"SELECT {columns} FROM ({scores}) AS s INNER JOIN ({traces}) AS t USING (trace_id) GROUP BY hash"  # noqa: S608  bound values
    return {row["hash"]: row for row in (await engine.ask(Statement(sql, values.bound))).rows}


async def judged_one(engine: Engine, column: str, value: str, scope: Scope) -> Row:
    """Return the judgements on traces of one session or user.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    values = Values()
    traces = f"SELECT trace_id FROM spans WHERE {scope.spans(values)} AND {column} = {values.text(value)}"  # noqa: S608  bound values
    where = f"{after(scope, values)} AND trace_id IN ({traces})"
    sql = f"SELECT {', '.join(MEASURES)} FROM scores FINAL WHERE {where}"  # noqa: S608  bound values
    return (await engine.ask(Statement(sql, values.bound))).rows[0]


def after(scope: Scope, values: Values) -> str:
    """Return the condition on ``scores FINAL`` for traces of a window: the latest of each id of the project.

    Those that were made a day before the window or later: nobody judges what is not there yet, but clocks differ.
    """
    late = f"timestamp >= {values.time(max(0, scope.window.from_ns - _DAY_NS))}"
    where = late if scope.project is None else f"project = {values.text(scope.project)} AND {late}"
    return f"{where} AND {latest(where)}"
