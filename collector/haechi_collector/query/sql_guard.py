"""The guard of the read-only SQL door: one statement that reads our tables, or nothing.

Guarantee: `check` returns only for text that ClickHouse reads as one SELECT (or EXPLAIN SELECT, SHOW, DESCRIBE, EXISTS)
over tables of our database and harmless system tables, calling listed functions, with listed settings and formats.
It is the first of two walls: the engine runs the text as a user that may only read.

The text is executed as it was sent, so what was checked must be what ClickHouse reads:

* Two lexers, ours and sqlglot's, must find the same strings, quoted names and comments (`sql_parse`).
* Functions, settings, formats and parameters are judged on tokens, wherever they stand: no parse can hide them.
* Statement and tables are judged on sqlglot's syntax tree, and the tables once more on the tokens.
* Names count as much as calls where ClickHouse takes a function by name: ``arrayMap(file, ...)``, ``APPLY file``.

Invariants: no list of forbidden words decides; every list says what is allowed (`sql_names`).
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp

from haechi_collector.query import confine, sql_calls, sql_names, sql_parse
from haechi_collector.query.sql_lexer import SqlRefused, Token, lex

_QUERY_STARTS: Final = frozenset({"SELECT", "WITH", "FROM"})
_EXPLAIN_KINDS: Final = frozenset({"AST", "SYNTAX", "QUERY", "TREE", "PLAN", "PIPELINE", "ESTIMATE"})
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRITES: Final = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Set, exp.Use, exp.Kill)

# SHOW, DESCRIBE and EXISTS as a line of words: S a string, N a name, T a table's name.
_LIKE: Final = r"(?: (?:NOT )?I?LIKE S)?"
_SHAPES: Final = re.compile(
    rf"""SHOW (?:FULL )?TABLES(?: (?:FROM|IN) N)?{_LIKE}(?: LIMIT N)?
    |SHOW DATABASES{_LIKE}
    |SHOW FUNCTIONS{_LIKE}
    |SHOW CREATE(?: TABLE| VIEW)? T
    |SHOW (?:EXTENDED )?(?:FULL )?(?:COLUMNS|FIELDS) (?:FROM|IN) T{_LIKE}
    |(?:DESCRIBE|DESC)(?: TABLE)? T
    |EXISTS(?: TABLE| VIEW)? T""".replace("\n    ", "")
)
_SHAPE_WORDS: Final = frozenset(re.findall("[A-Z]{2,}", _SHAPES.pattern)) | {"LIKE", "ILIKE"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """An accepted statement: the text as it was sent, the output format and whether settings are named in it."""

    sql: str
    format: str | None
    names_settings: bool


@dataclass(frozen=True, slots=True)
class _Reach:
    """What a statement may read: the tables of a database; when confined, only those that hold a project's rows."""

    database: str
    is_confined: bool = False
    named_here: frozenset[str] = frozenset()
    """Names that the statement itself defines in WITH."""


def check(sql: str, database: str = "haechi", *, is_confined: bool = False) -> Verdict:
    """Accept one read-only statement over the tables of ``database``.

    Args:
        sql: the text.
        database: whose tables may be read without naming it.
        is_confined: whether it will run for one project alone, see `confine`.

    Raises:
        SqlRefused: anything else; the message says what, ``offset`` where.
    """
    everything = lex(sql)
    tokens = [t for t in everything if t.kind not in {"space", "comment"}]
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise SqlRefused("the query is empty")
    for token in tokens:
        if token.text == ";":
            raise SqlRefused("more than one statement", token.start)
    format_ = sql_calls.check(tokens, is_confined=is_confined)
    if is_confined:
        confine.check_words(tokens)
    reach = _Reach(database, is_confined)
    _check_system_names(tokens, reach)
    body = tokens[_body_start(tokens) :]
    if body and (body[0].word in _QUERY_STARTS or body[0].text == "("):
        _check_query(sql, everything, body[0].start, reach)
    else:
        _check_shape(tokens, reach)
    return Verdict(sql, format_, any(t.word == "SETTINGS" for t in tokens))


def _body_start(tokens: list[Token]) -> int:
    """Index of the query inside EXPLAIN [kind] [name = value, ...] and DESCRIBE [TABLE] (query)."""
    if tokens[0].word in {"DESCRIBE", "DESC"}:
        at = 2 if len(tokens) > 1 and tokens[1].word == "TABLE" else 1
        return at if len(tokens) > at and tokens[at].text == "(" else 0
    if tokens[0].word != "EXPLAIN":
        return 0
    at = 1
    while at < len(tokens) and tokens[at].word in _EXPLAIN_KINDS:
        at += 1
    while at + 2 < len(tokens) and tokens[at + 1].text == "=":
        at += 4 if at + 3 < len(tokens) and tokens[at + 3].text == "," else 3
    return at


def _check_query(sql: str, everything: list[Token], start: int, reach: _Reach) -> None:
    query = sql_parse.parse_query(sql, everything, start)
    if reach.is_confined:
        reach = replace(reach, named_here=frozenset(cte.alias for cte in query.find_all(exp.CTE)))
        confine.check_named(reach.named_here, start)
    if (write := query.find(*_WRITES)) is not None:
        raise SqlRefused(f"{write.key.upper()} is not read-only", start)
    for node in query.walk():
        if isinstance(node, exp.Table):
            _check_table_node(node, reach, start)
        elif isinstance(node, exp.In):
            _check_in(node, reach, start)


def _check_table_node(node: exp.Table, reach: _Reach, start: int) -> None:
    if isinstance(node.this, exp.Func):
        name = node.this.name if isinstance(node.this, exp.Anonymous) else node.this.sql_name()
        if name.lower() not in sql_names.names().table_functions:
            raise SqlRefused(f"the table function {name} is not answered here", start)
        return
    if not isinstance(node.this, exp.Identifier) or node.args.get("catalog") is not None:
        raise SqlRefused("what is read here is no table of ours", start)
    _check_table(node.db, node.name, reach, start)


def _check_in(node: exp.In, reach: _Reach, start: int) -> None:
    """``x IN table`` and ``x IN (table)`` read the table; ClickHouse allows no column there."""
    right = node.args.get("field")
    parts = list(node.expressions) if right is None else [right]
    while len(parts) == 1 and isinstance(parts[0], (exp.Paren, exp.Tuple)):
        parts = list(parts[0].expressions) if isinstance(parts[0], exp.Tuple) else [parts[0].this]
    if len(parts) == 1 and isinstance(parts[0], (exp.Column, exp.Table, exp.Dot)):
        chain = [part.name for part in parts[0].parts]
        _check_table(".".join(chain[:-1]), chain[-1], reach, start)


def _check_table(db: str, name: str, reach: _Reach, start: int) -> None:
    lists = {"system": sql_names.names().system_tables, "information_schema": sql_names.names().schema_tables}
    allowed = lists.get(db.lower())
    shown = f"{db}.{name}" if db else name
    if allowed is not None:
        if name.lower() not in allowed:
            raise SqlRefused(f"the table {shown} is not readable here", start)
    elif db not in {"", reach.database} or not _PLAIN_NAME.fullmatch(name):
        raise SqlRefused(f"the table {shown} is not readable here; the database is {reach.database}", start)
    if reach.is_confined:
        confine.check_table(db, name, reach.named_here, start)


def _check_system_names(tokens: list[Token], reach: _Reach) -> None:
    """``system.x`` is a listed table wherever it stands, even where sqlglot sees no table."""
    for at, token in enumerate(tokens[:-2]):
        dotted = (at == 0 or tokens[at - 1].text != ".") and tokens[at + 1].text == "."
        if dotted and tokens[at + 2].name and token.name.lower() in {"system", "information_schema"}:
            _check_table(token.name, tokens[at + 2].name, reach, token.start)


def _check_shape(tokens: list[Token], reach: _Reach) -> None:
    if len(tokens) > 2 and tokens[-2].word == "FORMAT":
        tokens = tokens[:-2]
    shape: list[str] = []
    tables: list[tuple[str, str]] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.word in _SHAPE_WORDS:
            shape.append(token.word)
        elif token.name and at + 2 < len(tokens) and tokens[at + 1].text == "." and tokens[at + 2].name:
            tables.append((token.name, tokens[at + 2].name))
            shape.append("T")
            at += 2
        else:
            shape.append("N" if token.name else "S" if token.kind == "string" else token.text)
            tables.extend([("", token.name)] if token.name else [])
        at += 1
    _match_shape(" ".join(shape), tables, reach, tokens[0])


def _match_shape(shape: str, tables: list[tuple[str, str]], reach: _Reach, first: Token) -> None:
    plain = _SHAPES.fullmatch(shape)
    named = _SHAPES.fullmatch(re.sub(r"\bN\b", "T", shape))
    if plain is None and named is None:
        raise SqlRefused(
            f"{first.text} is not answered here; SELECT, EXPLAIN SELECT, SHOW and DESCRIBE are", first.start
        )
    if plain is None or "T" in shape.split():
        for db, name in tables:
            _check_table(db, name, reach, first.start)
    elif shape.startswith(("SHOW TABLES FROM", "SHOW TABLES IN", "SHOW FULL TABLES FROM", "SHOW FULL TABLES IN")):
        _check_database(tables[0][1], reach, first.start)


def _check_database(name: str, reach: _Reach, start: int) -> None:
    if name != reach.database and name.lower() not in {"system", "information_schema"}:
        raise SqlRefused(f"the database {name} is not readable here; the database is {reach.database}", start)
