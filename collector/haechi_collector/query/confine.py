"""A query confined to one project: what may be named in it, and the engine settings that hold it.

Guarantee: a confined query returns, counts and computes on rows of its project alone, in our tables, in views of them,
in joins, subqueries and set operations. Three walls:

1. The engine filters every table of ours by ``additional_table_filters``: ``project = '...'`` where the table has that
   column, nothing at all where it has none.
2. The filter comes first. What a query computes before it would show in error messages (``Cannot parse string '...'``)
   or by failing or not. So PREWHERE is refused, and the optimiser may neither move conditions into it nor merge them
   with the filter.
3. The guard refuses what tells about all rows past any filter: the sizes in ``system.tables`` and
   ``system.columns``, EXPLAIN of reading, the settings of 1 and 2, tables without a project.

What is left: the number of rows that the engine read is shown, which counts whole granules (8,192 rows).

The tables are those of the migrations, so that a new one is confined, or refused, from its first day.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from haechi_collector.query.sql_lexer import SqlRefused, Token

_TABLE: Final = re.compile(r"^CREATE TABLE IF NOT EXISTS haechi\.(\w+)\s*\((.*?)^\)", re.MULTILINE | re.DOTALL)
_VIEW: Final = re.compile(r"^CREATE (?:VIEW IF NOT EXISTS|OR REPLACE VIEW) haechi\.(\w+)", re.MULTILINE)
_PROJECT: Final = re.compile(r"^\s*project\s", re.MULTILINE)
_ADDED: Final = re.compile(r"^ALTER TABLE haechi\.(\w+)\s+ADD COLUMN IF NOT EXISTS project\s", re.MULTILINE)
_OWN: Final = re.compile(r"schema_migration\w*")

_IN_ORDER: Final[Mapping[str, str]] = {
    "optimize_move_to_prewhere": "0",
    "query_plan_merge_filters": "0",
    "use_query_condition_cache": "0",
    "enable_analyzer": "1",
}
"""The filter of the project stands alone and first. The condition cache would remember what another project's filter
left of a granule."""

_HELD_SETTINGS: Final = frozenset({*_IN_ORDER, "additional_table_filters", "allow_experimental_analyzer"})
_SIZES: Final = frozenset({("system", "tables"), ("system", "columns")}) | frozenset(
    {("information_schema", "tables"), ("information_schema", "statistics")}
)
_EXPLAINED: Final = frozenset({"AST", "SYNTAX", "QUERY"})


class Tables(NamedTuple):
    """The tables and views of the migrations."""

    with_project: frozenset[str]
    without: frozenset[str]
    views: frozenset[str]


@cache
def tables() -> Tables:
    """Read the migrations."""
    files = [f for f in resources.files("haechi_schemas.clickhouse").iterdir() if f.name.endswith(".sql")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    made = {name: bool(_PROJECT.search(columns)) for name, columns in _TABLE.findall(text)}
    owned = frozenset(name for name, has in made.items() if has) | frozenset(_ADDED.findall(text))
    return Tables(owned, frozenset(made) - owned, frozenset(_VIEW.findall(text)))


def settings(project: str, database: str) -> dict[str, str]:
    """Return the engine settings that confine a query to a project."""
    condition = f"project = {_literal(project)}"
    known = tables()
    filters = dict.fromkeys(known.with_project, condition) | dict.fromkeys(known.without, "0")
    # In a cluster a table is Distributed over its `_local` one; both are filtered.
    names = {f"{database}.{name}{end}": f for name, f in sorted(filters.items()) for end in ("", "_local")}
    written = ", ".join(f"{_literal(name)}: {_literal(condition)}" for name, condition in names.items())
    return {**_IN_ORDER, "additional_table_filters": f"{{{written}}}"}


def check_words(tokens: list[Token]) -> None:
    """Refuse the words by which a query would see past its filter.

    Raises:
        SqlRefused: one is there; ``offset`` says where.
    """
    for token in tokens:
        if token.word == "PREWHERE":
            raise SqlRefused("with a project's key PREWHERE is not answered; write WHERE", token.start)
    if tokens[0].word == "EXPLAIN" and (len(tokens) < 2 or tokens[1].word not in _EXPLAINED):
        raise SqlRefused("with a project's key EXPLAIN shows AST, SYNTAX and QUERY TREE alone", tokens[0].start)


def check_setting(name: str, offset: int = 0) -> None:
    """Refuse the settings that hold the filter.

    Raises:
        SqlRefused: it is one of them.
    """
    if name in _HELD_SETTINGS:
        raise SqlRefused(f"the setting {name} cannot be chosen with a project's key", offset)


def check_table(db: str, name: str, named_here: frozenset[str], offset: int) -> None:
    """Refuse tables that have no project or show the sizes of all.

    Args:
        db: '' or the name of a database that the guard has accepted.
        name: of the table.
        named_here: names that the query itself defines in WITH; none of them may be a table's.
        offset: where it stands.

    Raises:
        SqlRefused: it is not readable with a project's key.
    """
    shown = f"{db}.{name}" if db else name
    if db.lower() in {"system", "information_schema"}:
        if (db.lower(), name.lower()) in _SIZES:
            remedy = "SHOW TABLES, DESCRIBE and information_schema.columns are answered"
            raise SqlRefused(f"with a project's key {shown} is not readable; {remedy}", offset)
        return
    known = tables()
    if name in known.with_project or name in known.views or (not db and name in named_here):
        return
    raise SqlRefused(f"with a project's key the table {shown} is not readable", offset)


def check_named(names: frozenset[str], offset: int) -> None:
    """Refuse names in WITH that are names of tables which a project's key may not read.

    Raises:
        SqlRefused: one is; whether it means the table would depend on where it stands.
    """
    for name in sorted(names):
        if name.removesuffix("_local") in tables().without or _OWN.fullmatch(name):
            raise SqlRefused(f"with a project's key WITH cannot define {name}, which is a table's name", offset)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
