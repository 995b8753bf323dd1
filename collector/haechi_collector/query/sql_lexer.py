"""Tokens of ClickHouse SQL, for the guard alone.

Guarantee: where this lexer answers, ClickHouse's own lexer finds the same strings, quoted names and comments. Text in
which the two might differ is refused: what stands outside quotes is printable ASCII; comments do not nest; a quote
never touches a word; a quoted name holds no backslash; heredocs, ``#`` comments and typographic quotes do not exist.

Source: src/Parsers/Lexer.cpp of ClickHouse.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from haechi_collector import limits
from haechi_collector.errors import Invalid

Kind = Literal["space", "comment", "string", "quoted", "word", "sign"]

# Possessive quantifiers: an unclosed quote fails at once and never falls back to a shorter reading.
_TOKEN: Final = re.compile(
    r"""
      (?P<space>   [ \t\n\r]+ )
    | (?P<comment> --[^\n]*+ | /\*(?:(?!\*/|/\*)[\s\S])*+\*/ )
    | (?P<string>  '(?:[^'\\]|\\[\s\S]|'')*+' )
    | (?P<quoted>  "(?:[^"\\]|"")*+" | `(?:[^`\\]|``)*+` )
    | (?P<word>    [A-Za-z0-9_]+ )
    | (?P<sign>    -> | :: | <= | >= | != | <> | == | \|\| | [()\[\]{},;.*+\-%<>=?:] | /(?![*/]) )
    """,
    re.VERBOSE,
)
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|[\ud800-\udfff]")


class SqlRefused(Invalid):
    """The text is not a query that the read-only door answers. ``offset`` is where, in characters from 0."""

    code = "sql_refused"

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: ``text == sql[start:end]``."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The upper-case word; '' for anything else, a quoted name included."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The name that a bare or quoted identifier stands for; '' for anything else."""
        if self.kind == "quoted":
            return self.text[1:-1].replace(self.text[0] * 2, self.text[0])
        return self.text if self.kind == "word" else ""


def lex(sql: str) -> list[Token]:
    """Cut the text into tokens, spaces and comments included.

    Raises:
        SqlRefused: the text is too long or nests too deep, or holds something that two lexers may read differently.
    """
    if len(sql) > limits.SQL_CHARS_MAX:
        raise SqlRefused(f"the query has {len(sql)} characters, the limit is {limits.SQL_CHARS_MAX}")
    if found := _FORBIDDEN.search(sql):
        raise SqlRefused(f"control character {found[0]!r}", found.start())
    tokens: list[Token] = []
    offset = 0
    while offset < len(sql):
        tokens.append(_next(sql, offset, tokens[-1] if tokens else None))
        offset = tokens[-1].end
    return tokens


def _next(sql: str, offset: int, before: Token | None) -> Token:
    found = _TOKEN.match(sql, offset)
    if found is None:
        raise SqlRefused(_reason(sql, offset), offset)
    kind: Kind = found.lastgroup  # type: ignore[assignment]  # the groups of the pattern are the kinds
    token = Token(kind, found[0], offset, found.end())
    if before is not None and {before.kind, kind} <= {"word", "string", "quoted"} and {before.kind, kind} != {"word"}:
        raise SqlRefused("a quote touches what stands before it; put a space between", offset)
    return token


def _reason(sql: str, offset: int) -> str:
    character = sql[offset]
    if character in "'\"`":
        return f"the quote {character} is never closed" + (", or holds a backslash" if character != "'" else "")
    if sql.startswith("/*", offset):
        return "the comment /* is never closed, or holds another /*"
    if ord(character) > 126:
        return f"{character!r} outside quotes; quotes are ' and names that are not ASCII go into backticks"
    return f"{character!r} is not accepted here outside quotes"
