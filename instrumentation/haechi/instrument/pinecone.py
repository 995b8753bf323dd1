"""Observes Pinecone: ``query`` and ``search`` of an index, over HTTP, async and over gRPC."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit

from haechi._content import field
from haechi._endpoints import Patches
from haechi.instrument import _retrieval
from haechi.instrument._retrieval import Document, Store
from haechi.instrument._steps import Called
from haechi_schemas import attributes as names

_CLASSES: Final = ("Index", "AsyncIndex", "GrpcIndex", "_IndexAsyncio", "GRPCIndex")


class Query(Store):
    """``query``: the nearest vectors of one."""

    system = "pinecone"

    def where(self, called: Called) -> str | None:
        """Return the index's name, the first word of its host."""
        own = vars(called.instance)
        host = own.get("_host") or next((c.host for k in ("config", "_config") if (c := own.get(k))), "")
        name = urlsplit(host if "//" in host else f"//{host}").hostname or ""
        return name.partition(".")[0] if name.endswith(".pinecone.io") else name

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return how many vectors are wanted, and in which namespace."""
        return {names.RETRIEVAL_TOP_K: called.kwargs.get("top_k"), names.DB_NAMESPACE: called.kwargs.get("namespace")}

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the matches."""
        del called
        return [
            Document(str(match.id), _retrieval.text_of(match.metadata or {}), match.score)
            for match in getattr(result, "matches", ())
        ]


class Search(Query):
    """``search`` and ``search_records``: the nearest records of a text."""

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return how many records are wanted, and in which namespace."""
        top_k = called.kwargs.get("top_k") or field(self._query(called), "top_k")
        return {names.RETRIEVAL_TOP_K: top_k, names.DB_NAMESPACE: called.argument(1, "namespace")}

    def question(self, called: Called) -> object:
        """Return the text."""
        return field(called.kwargs.get("inputs") or field(self._query(called), "inputs"), "text")

    def _query(self, called: Called) -> Any:
        return called.argument(2, "query")

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the hits."""
        del called
        return [_hit(hit) for hit in result.result.hits]


def _hit(hit: Any) -> Document:
    own, score = (getattr(hit, f"{key}_", None) or getattr(hit, f"_{key}", None) for key in ("id", "score"))
    return Document(str(own), _retrieval.text_of(hit.fields or {}), score)


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    for name in _CLASSES:
        owner = vars(module).get(name)
        if isinstance(owner, type):
            patches.wrap(owner, "query", _retrieval.begin(Query()))
            patches.wrap(owner, "search", _retrieval.begin(Search()))
            patches.wrap(owner, "search_records", _retrieval.begin(Search()))
