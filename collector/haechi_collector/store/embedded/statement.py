"""What the HTTP layer must know of a statement before the engine runs it.

Guarantees: an INSERT that carries data is cut exactly where ClickHouse's parser would begin to read data (after
``VALUES``, or after ``FORMAT name``, blanks and one line end), whatever the data holds; nothing is decoded beyond it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from haechi_collector.store.lexer import Piece, Token, pieces

_KILL: Final = re.compile(
    r"""\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*(?:'(?P<id>[\w.:-]+)'|\{(?P<name>\w+)\s*:\s*String\s*\})
    \s*(?:A?SYNC)?\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_SILENT: Final = frozenset(
    [
        "ALTER",
        "CREATE",
        "DELETE",
        "DROP",
        "GRANT",
        "INSERT",
        "OPTIMIZE",
        "RENAME",
        "SET",
        "SYSTEM",
        "TRUNCATE",
        "UPDATE",
    ]
)
_BLANKS: Final = frozenset({b" ", b"\t", b"\f"})


@dataclass(frozen=True, slots=True)
class InsertHead:
    """``INSERT INTO ...`` without its data.

    Attributes:
        sql: the statement before ``FORMAT`` or ``VALUES``.
        format: the input format.
        data_start: where the data begins in the bytes that were given.
    """

    sql: str
    format: str
    data_start: int


def insert_head(head: bytes) -> InsertHead | None:
    """Return the statement's head when it is an INSERT whose data follows, else None.

    Args:
        head: the first bytes of the statement; enough of them to hold all that stands before the data.
    """
    text = head.decode("latin-1")  # one character per byte, so that places in the text are places in the bytes
    if _first_word(text) != "INSERT":
        return None
    depth, awaits_format, format_start = 0, False, 0
    for piece in pieces(text):
        depth += (piece.token is Token.OPEN) - (piece.token is Token.CLOSE)
        if piece.token is Token.SPACE or depth:
            continue
        word = piece.text.upper() if piece.token is Token.WORD else ""
        if awaits_format:
            return _head(head, format_start, piece.text, piece.end)
        if word == "VALUES":
            return _head(head, piece.start, "Values", piece.end)
        if word in {"SELECT", "WITH", "WATCH", "INFILE"} or piece.token is Token.END:
            return None
        awaits_format, format_start = word == "FORMAT", piece.start
    return None


def output_format(text: str) -> str | None:
    """Return the format that a query names itself (``... FORMAT name [SETTINGS ...]``), if it does."""
    if _first_word(text) in _SILENT or "format" not in text.lower():
        return None  # a long UPDATE is not read to its end for a word that it cannot have
    clause = format_clause(text)
    return clause.text if clause else None


def format_clause(text: str) -> Piece | None:
    """Return the name in a query's own ``FORMAT name``; it starts where the word FORMAT does."""
    words = [piece for piece in _outer(text) if piece.token is not Token.SPACE]
    for at in range(len(words) - 2, -1, -1):
        if words[at].text.upper() == "FORMAT" and words[at + 1].token is Token.WORD:
            after = words[at + 2].text.upper() if at + 2 < len(words) else ""
            is_clause = after in {"", ";", "SETTINGS", "INTO"}
            return words[at + 1]._replace(start=words[at].start) if is_clause else None
    return None


def text_end(text: str) -> int:
    """Return where a single statement ends: at its semicolon, or with the text."""
    return next((piece.start for piece in _outer(text) if piece.token is Token.END), len(text))


def is_streamed(text: str) -> bool:
    """Tell whether the engine can give the statement's result block by block: SELECT, however it begins."""
    return _first_word(text) in {"SELECT", "WITH", "FROM", "("}


def killed_query(text: str, params: Mapping[str, str]) -> str | None:
    """Return the id that ``KILL QUERY WHERE query_id = ...`` names, None for any other statement."""
    found = _KILL.fullmatch(text)
    return (found["id"] or params.get(found["name"])) if found else None


def _outer(text: str) -> list[Piece]:
    found, depth = [], 0
    for piece in pieces(text):
        depth += (piece.token is Token.OPEN) - (piece.token is Token.CLOSE)
        if depth == 0 and piece.token in {Token.WORD, Token.END, Token.OTHER}:
            found.append(piece)
    return found


def _first_word(text: str) -> str:
    return next((piece.text.upper() for piece in pieces(text) if piece.token is not Token.SPACE), "")


def _head(head: bytes, sql_end: int, format_: str, at: int) -> InsertHead:
    if format_ != "Values":
        while head[at : at + 1] in _BLANKS:
            at += 1
        at += head[at : at + 1] == b"\r"
        at += head[at : at + 1] == b"\n"
    return InsertHead(head[:sql_end].decode("utf-8", "surrogateescape"), format_, at)


def split_settings(sql: str) -> tuple[str, str]:
    """Cut ``INSERT INTO t (...) SETTINGS ...`` before its SETTINGS, '' when it has none."""
    depth = 0
    for piece in pieces(sql):
        depth += (piece.token is Token.OPEN) - (piece.token is Token.CLOSE)
        if depth == 0 and piece.token is Token.WORD and piece.text.upper() == "SETTINGS":
            return sql[: piece.start], sql[piece.start :]
    return sql, ""
