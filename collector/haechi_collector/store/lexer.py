"""ClickHouse SQL cut into tokens, as far as statements, formats and names need it.

Guarantees: the tokens joined give the text again; no text raises; time is linear in the text (every pattern is
tried at one place only and none can run back). Quotes and comments that never close run to the end of the text.
Source: ClickHouse's own lexer (``src/Parsers/Lexer.cpp``); heredocs (``$tag$...$tag$``) are strings here as there.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple


class Token(Enum):
    """What a piece of SQL is."""

    SPACE = "space"
    """White space and comments."""
    STRING = "string"
    NAME = "name"
    """A quoted identifier."""
    WORD = "word"
    """A keyword, an identifier or a number."""
    OPEN = "open"
    CLOSE = "close"
    END = "end"
    """A semicolon."""
    OTHER = "other"


class Piece(NamedTuple):
    """One token of a text, with where it begins and ends."""

    token: Token
    text: str
    start: int
    end: int


_PATTERN: Final = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?)
  | (?P<string>'(?:[^'\\]|\\.|'')*'?|\$(?P<tag>\w*)\$(?:(?!\$(?P=tag)\$).)*(?:\$(?P=tag)\$)?)
  | (?P<name>`(?:[^`\\]|\\.|``)*`?|"(?:[^"\\]|\\.|"")*"?)
  | (?P<word>\w+)
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<end>;)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def pieces(text: str) -> Iterator[Piece]:
    """Yield every token of the text, in order."""
    for match in _PATTERN.finditer(text):
        yield Piece(Token(match.lastgroup), match.group(), match.start(), match.end())


def statements(text: str) -> list[str]:
    """Cut a script at its semicolons; comments stay with the statement that they stand before."""
    found, begin, empty = [], 0, True
    for piece in pieces(text):
        if piece.token is Token.END:
            if not empty:
                found.append(text[begin : piece.start].strip())
            begin, empty = piece.end, True
        elif piece.token is not Token.SPACE:
            empty = False
    return found if empty else [*found, text[begin:].strip()]


def literal(text: str) -> str:
    """Quote text as a ClickHouse string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
