"""sqlglot's syntax tree of a query, for the guard alone.

Guarantee: sqlglot saw the strings, quoted names and comments that `sql_lexer` saw, or the text is refused. What
sqlglot does not know of ClickHouse is rewritten on its tokens before it parses, such that every table stays in the
tree: ``f(params)(args)`` to ``f(params, args)``, ``APPLY(f)`` to ``, f(f)``, ``COLUMNS(...) EXCEPT (a)`` to
``f(...), f(a)``, the operator MOD to ``%``; of two LIMITs the numbers of one go, and a bare INTERPOLATE.
"""

from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from haechi_collector.query import sql_names
from haechi_collector.query.sql_lexer import SqlRefused, Token

_STEPS_PER_TOKEN_MAX: Final = 4
"""Honest queries take 2 at most; the longest text of 100,000 characters then takes some 2 s of the interpreter."""

_STEPS_MAX: Final = 5_000
_QUOTED: Final = frozenset({"STRING", "IDENTIFIER"})


def parse_query(sql: str, ours: list[Token], start: int) -> exp.Query:
    """Parse ``sql[start:]``, one SELECT of any form.

    Raises:
        SqlRefused: not one query, or not to be read for certain; ``offset`` says where.
    """
    text = sql[start:]
    dialect = sqlglot.Dialect.get_or_raise("clickhouse")
    try:
        tokens = dialect.tokenize(text)
        _check_same_reading(sql, ours, tokens, start)
        statements = [s for s in _bounded_parser(dialect).parse(_rewrite(tokens), text) if s is not None]
    except SqlglotError as error:
        raise SqlRefused(*_where(error, text, start)) from error
    except RecursionError:
        raise SqlRefused("the query nests too deep", start) from None
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:  # sqlglot trips over wrong arguments: map('a')
        raise SqlRefused("this cannot be read as a query", start) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlRefused("only SELECT is answered here", start)
    return statements[0]


def _bounded_parser(dialect: sqlglot.Dialect) -> sqlglot.Parser:
    """Return the dialect's parser, which gives up when it reads the same tokens over and over.

    It tries several readings of one place; nested in itself (``tuple(tuple(...``) that doubles the work at each level.
    """

    class Bounded(dialect.parser_class):  # type: ignore[misc, name-defined]  # the dialect decides at run time
        _steps = 0

        def _advance(self, times: int = 1) -> None:
            self._steps += 1
            if self._steps > _STEPS_PER_TOKEN_MAX * len(self._tokens) + _STEPS_MAX:
                raise SqlRefused("the query can be read in too many ways")
            super()._advance(times)

    return Bounded(dialect=dialect)


def _check_same_reading(sql: str, ours: list[Token], theirs: list[sqlglot.Token], start: int) -> None:
    quoted = {(t.start, t.end) for t in ours if t.start >= start and t.kind in {"string", "quoted"}}
    different = quoted ^ {(start + t.start, start + t.end + 1) for t in theirs if t.token_type.name in _QUOTED}
    mine, yours = bytearray(len(sql)), bytearray(len(sql))
    for token in ours:
        if token.start >= start and token.kind not in {"space", "comment"}:
            mine[token.start : token.end] = b"\1" * (token.end - token.start)
    for other in theirs:
        yours[start + other.start : start + other.end + 1] = b"\1" * (other.end + 1 - other.start)
    for token in ours:  # two keywords are one token of sqlglot's, the space between included
        if token.kind == "space":
            yours[token.start : token.end] = bytes(token.end - token.start)
    if different or mine != yours:
        places = [s for s, _ in different] + [i for i, (a, b) in enumerate(zip(mine, yours, strict=True)) if a != b]
        raise SqlRefused("this text can be read in two ways", min(places))


def _rewrite(tokens: list[sqlglot.Token]) -> list[sqlglot.Token]:
    """Say in words of sqlglot's what it does not know; the names of functions are judged on our tokens."""
    tokens = _one_limit(tokens)
    calls = _parametric_calls(tokens)
    closings = frozenset(calls.values())
    chosen = _column_choices(tokens)
    rewritten: list[sqlglot.Token] = []
    for at, token in enumerate(tokens):
        word = token.text.upper()
        is_called = at + 1 < len(tokens) and tokens[at + 1].text == "("
        if at in calls or (word == "COLUMNS" and is_called):
            rewritten.append(_like(token, sqlglot.TokenType.VAR, "f"))
        elif at in closings:
            rewritten.append(_like(token, sqlglot.TokenType.COMMA, ","))
        elif at - 1 in closings or (word == "INTERPOLATE" and not is_called and not _is_dotted(tokens, at)):
            continue
        elif at in chosen or (word == "APPLY" and at and tokens[at - 1].text in {"*", ")"}):
            rewritten.append(_like(token, sqlglot.TokenType.COMMA, ","))
            if is_called:
                rewritten.append(_like(token, sqlglot.TokenType.VAR, "f"))
        elif word == "MOD" and not is_called and _is_bare(token):
            rewritten.append(_like(token, sqlglot.TokenType.MOD, "%"))
        else:
            rewritten.append(token)
    return rewritten


def _is_dotted(tokens: list[sqlglot.Token], at: int) -> bool:
    return not _is_bare(tokens[at]) or (at + 1 < len(tokens) and tokens[at + 1].text == ".")


def _is_bare(token: sqlglot.Token) -> bool:
    return token.token_type.name not in _QUOTED


def _column_choices(tokens: list[sqlglot.Token]) -> frozenset[int]:
    """Indexes of the EXCEPT and REPLACE that choose among the columns of ``COLUMNS(...)``."""
    opened: list[bool] = []  # for each open parenthesis, whether it belongs to such a choice
    found: set[int] = set()
    ends = -1  # index of the parenthesis that ended the last choice
    for at, token in enumerate(tokens):
        word = token.text.upper()
        if token.text == "(":
            opened.append(bool(at) and (tokens[at - 1].text.upper() == "COLUMNS" or at - 1 in found))
        elif token.text == ")" and opened:
            ends = at if opened.pop() else ends
        elif word in {"EXCEPT", "REPLACE"} and ends == at - 1 and at + 1 < len(tokens) and tokens[at + 1].text == "(":
            found.add(at)
    return frozenset(found)


def _like(token: sqlglot.Token, kind: sqlglot.TokenType, text: str) -> sqlglot.Token:
    return sqlglot.Token(kind, text, token.line, token.col, token.start, token.end)


def _parametric_calls(tokens: list[sqlglot.Token]) -> dict[int, int]:
    """Of each ``f(params)(args)``, the index of ``f`` and of the first ``)``."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.text == "(":
            opened.append(at)
        elif token.text == ")" and opened:
            opening = opened.pop()
            followed = at + 1 < len(tokens) and tokens[at + 1].text == "("
            if followed and at - opening > 1 and opening and sql_names.is_function(tokens[opening - 1].text):
                found[opening - 1] = at
    return found


def _one_limit(tokens: list[sqlglot.Token]) -> list[sqlglot.Token]:
    """Leave out ``LIMIT n, m`` behind ``LIMIT n BY ...``, and the OFFSET of that; only numbers go."""
    kept: list[sqlglot.Token] = []
    by_limit = [False]
    at = 0
    while at < len(tokens):
        words = [t.text.upper() for t in tokens[at : at + 5]]
        if words[0] == "(":
            by_limit.append(False)
        elif words[0] == ")" and len(by_limit) > 1:
            by_limit.pop()
        elif words[0] in {"SELECT", "UNION", "EXCEPT", "INTERSECT"}:
            by_limit[-1] = False
        elif words[0] == "LIMIT" and by_limit[-1] and _is_number(tokens, at + 1):
            at += 4 if words[2:3] and words[2] in {",", "OFFSET"} and _is_number(tokens, at + 3) else 2
            continue
        elif words[0] == "LIMIT" and "BY" in words[2:5]:
            by_limit[-1] = True
            if words[4:] == ["BY"] and words[2] == "OFFSET" and _is_number(tokens, at + 3):
                kept += tokens[at : at + 2]
                at += 4
                continue
        kept.append(tokens[at])
        at += 1
    return kept


def _is_number(tokens: list[sqlglot.Token], at: int) -> bool:
    return at < len(tokens) and tokens[at].token_type == sqlglot.TokenType.NUMBER


def _where(error: SqlglotError, text: str, start: int) -> tuple[str, int]:
    details = (getattr(error, "errors", None) or [{}])[0]
    line, column = details.get("line"), details.get("col")
    if line is None or column is None:
        return "this cannot be read as a query", start
    before = sum(len(one) for one in text.splitlines(keepends=True)[: line - 1])
    description = str(details.get("description", "")).rstrip(".")
    return f"this cannot be read as a query: {description}", min(start + before + max(column - 1, 0), start + len(text))
