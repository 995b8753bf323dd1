"""Observes pgvector, PostgreSQL's vector search, through psycopg (and so through SQLAlchemy on psycopg).

Guarantee: a statement that does not order by a distance of vectors costs one look at its text. The application's
cursor is as it would be: rows are read from the result that the driver holds already, not fetched.

A search is told by pgvector's operators. ``<=>`` and ``<#>`` are its own; ``<->`` and ``<+>`` are PostgreSQL's too, for
points and for words, so that there a vector must stand in the text or among the parameters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, Final

from haechi import _guard, _wrapping
from haechi._endpoints import Patches
from haechi.instrument import _retrieval
from haechi.instrument._retrieval import DOCUMENTS_MAX, Document, Store
from haechi.instrument._steps import IDLE, Called
from haechi_schemas import attributes as names

_OWN: Final = ("<=>", "<#>")
_SHARED: Final = ("<->", "<+>")
_TABLE: Final = re.compile(r'\bFROM\s+((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))*)', re.IGNORECASE)
_LIMIT: Final = re.compile(r"\bLIMIT\s+(\d+)\b", re.IGNORECASE)
_SCORES: Final = ("distance", "score", "similarity")


class Search(Store):
    """``Cursor.execute`` with a search."""

    system = "postgresql"

    def where(self, called: Called) -> str | None:
        """Return the first table's name."""
        found = _TABLE.search(sql(called.argument(1, "query")))
        return found[1].replace('"', "") if found else None

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return how many rows are wanted, where the statement says it."""
        found = _LIMIT.search(sql(called.argument(1, "query")))
        return {names.RETRIEVAL_TOP_K: int(found[1]) if found else None}

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the rows."""
        del result
        cursor = called.instance
        if cursor.description is None:
            return []
        columns = [column.name.lower() for column in cursor.description]
        rows = cursor._tx.load_rows(0, min(cursor.rowcount, DOCUMENTS_MAX), tuple)  # noqa: SLF001  without fetching
        return [_document(dict(zip(columns, row, strict=True))) for row in rows]


def _document(row: Mapping[str, Any]) -> Document:
    own = next((row[key] for key in row if key in {"id", "uuid"} or key.endswith("_id")), None)
    by_name = (row[key] for key in row if key in _SCORES)
    score = next(by_name, None) or next((value for value in row.values() if isinstance(value, float)), None)
    texts = {key.rpartition("_")[2] if key.endswith("_document") else key: value for key, value in row.items()}
    texts = {key: value for key, value in texts.items() if value is not own}
    return Document(
        None if own is None else str(own),
        _retrieval.text_of(texts),
        float(score) if isinstance(score, int | float) else None,
    )


def sql(query: Any) -> str:
    """Return the text of a statement; '' where it can be had only from a connection."""
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if isinstance(query, str):
        return query
    told = getattr(query, "as_string", None)
    return str(told(None)) if callable(told) else ""


def is_search(query: str, parameters: Any) -> bool:
    """Tell whether a statement looks for vectors near to another."""
    if any(operator in query for operator in _OWN):
        return True
    if not any(operator in query for operator in _SHARED):
        return False
    return "vector" in query or "'[" in query or any(_is_vector(value) for value in _values(parameters))


def _values(parameters: Any) -> Iterable[Any]:
    if isinstance(parameters, Mapping):
        return parameters.values()
    return parameters if isinstance(parameters, Sequence) else ()


def _is_vector(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith("[")
    return isinstance(value, list | tuple) or type(value).__name__ in {"ndarray", "Vector", "HalfVector"}


def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
    """Begin to observe ``execute``."""
    with _KEPT:
        called = Called(args, kwargs)
        if is_search(sql(called.argument(1, "query")), called.argument(2, "params")):
            return _BEGIN(args, kwargs)
    return IDLE


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    for name in ("Cursor", "AsyncCursor"):
        if isinstance(owner := vars(module).get(name), type):
            patches.wrap(owner, "execute", begin)


_BEGIN: Final = _retrieval.begin(Search())
_KEPT: Final = _guard.Kept("observing a search in PostgreSQL")
