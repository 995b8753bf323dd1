"""Observes Chroma: ``Collection.query`` and ``get``, of the client in the process, over HTTP, and of the async one."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from haechi._endpoints import Patches
from haechi.instrument import _retrieval
from haechi.instrument._retrieval import Document, Store
from haechi.instrument._steps import Called
from haechi_schemas import attributes as names


class Query(Store):
    """``Collection.query``: the nearest documents of one or several questions."""

    system = "chroma"

    def where(self, called: Called) -> str | None:
        """Return the collection's name."""
        return str(called.instance.name)

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return how many documents are wanted."""
        return {names.RETRIEVAL_TOP_K: called.kwargs.get("n_results", 10)}

    def question(self, called: Called) -> object:
        """Return the question, where Chroma makes the vector itself."""
        texts = called.argument(2, "query_texts")
        return "\n".join(texts) if isinstance(texts, list) else texts

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the documents of all questions."""
        del called
        rows = range(len(result["ids"]))
        return [
            document
            for row in rows
            for document in _documents(*(_row(result.get(key), row) for key in ("ids", "documents", "distances")))
        ]


class Get(Store):
    """``Collection.get``: documents by their ids or by a filter."""

    system = "chroma"
    where = Query.where

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return how many documents are wanted at most."""
        return {names.RETRIEVAL_TOP_K: called.argument(3, "limit")}

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the documents."""
        del called
        return _documents(result["ids"], result.get("documents"), None)


def _row(table: Any, row: int) -> Any:
    return table[row] if table is not None else None


def _documents(ids: list[str], texts: list[str | None] | None, distances: list[float] | None) -> list[Document]:
    return [
        Document(one, texts[n] if texts else None, float(distances[n]) if distances else None)
        for n, one in enumerate(ids)
    ]


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    owner = getattr(module, module.__name__.rpartition(".")[2])
    patches.wrap(owner, "query", _retrieval.begin(Query()))
    patches.wrap(owner, "get", _retrieval.begin(Get()))
