"""Observes Qdrant: the queries of ``QdrantClient`` and ``AsyncQdrantClient``, local and remote."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from haechi._content import field
from haechi._endpoints import Patches
from haechi.instrument import _retrieval
from haechi.instrument._retrieval import Document, Store
from haechi.instrument._steps import Called
from haechi_schemas import attributes as names

_METHODS: Final = (
    "query_points",
    "query_batch_points",
    "query_points_groups",
    "query",
    # before 1.17:
    "search",
    "search_batch",
    "search_groups",
    "recommend",
    "discover",
)


class Query(Store):
    """Any of the client's queries."""

    system = "qdrant"

    def where(self, called: Called) -> str | None:
        """Return the collection's name."""
        return str(called.argument(1, "collection_name"))

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return how many points are wanted, where it is said."""
        return {names.RETRIEVAL_TOP_K: called.kwargs.get("limit")}

    def question(self, called: Called) -> object:
        """Return the question, where Qdrant makes the vector itself."""
        query = called.kwargs.get("query_text", called.argument(2, "query"))
        return query if isinstance(query, str) else field(query, "text")

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the points."""
        del called
        return [_document(point) for point in _points(result)]


def _points(result: Any) -> Iterator[Any]:
    """Return the points of a response, of several, or of groups."""
    for group in getattr(result, "groups", ()):
        yield from group.hits
    for one in getattr(result, "points", result if isinstance(result, list) else ()):
        if isinstance(one, list) or hasattr(one, "points"):
            yield from _points(one)
        else:
            yield one


def _document(point: Any) -> Document:
    payload = getattr(point, "payload", None) or getattr(point, "metadata", None) or {}
    return Document(str(point.id), _retrieval.text_of(payload), getattr(point, "score", None))


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the library's modules."""
    owner = getattr(module, "AsyncQdrantClient" if "async" in module.__name__ else "QdrantClient")
    for method in _METHODS:
        patches.wrap(owner, method, _retrieval.begin(Query()))
