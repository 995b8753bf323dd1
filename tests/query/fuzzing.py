"""Mutations of honest queries and attacks, and what ClickHouse's own parser finds in those that the guard accepts."""

import json
import re
from pathlib import Path
from random import Random
from typing import Final

from haechi_collector.query import sql_names
from haechi_collector.query.sql_guard import check
from haechi_collector.query.sql_lexer import SqlRefused

DATA: Final = Path(__file__).parents[1] / "data"
_PIECE: Final = re.compile(r"\s+|\w+|'(?:[^'\\]|\\.)*'|`[^`]*`|\"[^\"]*\"|.", re.DOTALL)
_OPERATORS: Final = frozenset({"in", "notin", "globalin", "globalnotin", "nullin", "notnullin", "globalnullin"}) | {
    *("globalnotnullin", "casewithexpression", "casewithoutexpression", "_cast"),
}
"""What the parser calls the operators by; as names of functions the guard refuses them."""
_SEAMS: Final = (
    *("", " ", "\n", "/**/", "/* ' */", "-- '\n", "'", "''", "\\", "`", '"', "$$", "(", ")", "{", "}", ";", "#", "\t"),
    *("file", "system.users", "prod.users", "url", "dictGet", "FROM", "IN", "APPLY", "EXCEPT", "REPLACE", "COLUMNS"),
    *(
        "(SELECT 1 FROM prod.users)",
        "file('/etc/passwd')",
        "SETTINGS readonly = 0",
        "INTO OUTFILE 'x'",
        "MOD",
        "tuple(",
    ),
    *(
        "INTERPOLATE",
        "LIMIT 1 BY",
        "LIMIT 1",
        "UNION ALL",
        "AS",
        "->",
        "::",
        "?",
        ":",
        ",",
        "x'41'",
        "*",
        "view(",
        "WITH",
    ),
)


def texts() -> list[str]:
    """All honest queries and all attacks that are not longer than a screen."""
    lines = [*(DATA / "sql_honest.jsonl").read_text("utf-8").splitlines()]
    lines += (DATA / "sql_attacks.jsonl").read_text("utf-8").splitlines()
    return [sql for line in lines if 0 < len(sql := json.loads(line)["sql"]) < 400]


def mutations(draw: Random, count: int) -> set[str]:
    """Texts with pieces replaced, dropped, doubled, or taken from another text."""
    pool = [_PIECE.findall(text) for text in texts()]
    made = set()
    for _ in range(count):
        pieces, other = list(draw.choice(pool)), draw.choice(pool)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(pieces) + 1)
            begin = draw.randrange(len(other))
            new = draw.choice(([draw.choice(_SEAMS)], other[begin : begin + draw.randint(1, 8)], []))
            pieces[at : at + draw.randint(0, 2)] = new
        made.add("".join(pieces))
    return made


def accepted(made: set[str]) -> list[str]:
    """Those that the guard lets through; anything but a refusal is a failure of its own."""
    passed = []
    for text in sorted(made):
        try:
            passed.append(check(text).sql)
        except SqlRefused:
            continue
    return passed


def forbidden(tree: str) -> list[str]:
    """What the engine's syntax tree holds and no accepted text may: refused functions, tables that are not listed."""
    names = sql_names.names()
    functions = {name.lower() for name in re.findall(r"^ *(?:Table)?Function (\w+)", tree, re.MULTILINE)}
    found = sorted((functions & names.refused.keys()) - _OPERATORS)
    for table in re.findall(r"TableIdentifier (\S+)", tree):
        database, _, name = table.rpartition(".")
        listed = {"system": names.system_tables, "information_schema": names.schema_tables}.get(database.lower())
        is_ours = database in {"", "haechi"} and re.fullmatch(r"\w+", name)
        if not (name.lower() in listed if listed is not None else is_ours):
            found.append(table)
    return found
