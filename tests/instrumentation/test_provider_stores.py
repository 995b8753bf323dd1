"""Vector stores: a search is one retrieval span that holds what was found."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from tests.instrumentation import pinecone_service, postgresql

from haechi.testing import Captured, capture
from haechi_schemas import attributes as names

SEOUL, HAECHI = "Seoul is the capital", "해치는 전설의 동물"
TEXTS = {"a": SEOUL, "b": HAECHI}
VECTORS = {"a": [1.0, 0.0], "b": [0.0, 1.0]}
NEAR_A = [0.9, 0.1]


@dataclass(frozen=True)
class Asked:
    """A search that was made, and what its span must say."""

    search: Callable[[], Any]  # made in the test; a coroutine is awaited
    system: str
    where: str
    top_k: int | None
    scored: bool = True
    question: str | None = None
    more: Mapping[str, object] = field(default_factory=dict)


# --- Chroma ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chroma() -> Any:
    import chromadb

    collection = chromadb.EphemeralClient().get_or_create_collection("guide", embedding_function=None)
    collection.add(ids=list(TEXTS), documents=list(TEXTS.values()), embeddings=list(VECTORS.values()))
    return collection


def chroma_query(chroma: Any) -> Asked:
    return Asked(lambda: chroma.query(query_embeddings=[NEAR_A], n_results=2), "chroma", "guide", 2)


def chroma_get(chroma: Any) -> Asked:
    return Asked(lambda: chroma.get(ids=["a", "b"]), "chroma", "guide", None, scored=False)


# --- Qdrant ------------------------------------------------------------------------------------------------------


def _filled(client: Any) -> Any:
    from qdrant_client import models

    size = models.VectorParams(size=2, distance=models.Distance.COSINE)
    points = [
        models.PointStruct(id=n, vector=VECTORS[key], payload={"text": text, "lang": "?"})
        for n, (key, text) in enumerate(TEXTS.items())
    ]
    return client.create_collection("guide", vectors_config=size), lambda: client.upsert("guide", points)


@pytest.fixture(scope="module")
def qdrant() -> Any:
    from qdrant_client import QdrantClient

    client = QdrantClient(":memory:")
    _, upsert = _filled(client)
    upsert()
    yield client
    client.close()


def qdrant_query(qdrant: Any) -> Asked:
    return Asked(lambda: qdrant.query_points("guide", query=NEAR_A, limit=2), "qdrant", "guide", 2)


def qdrant_batch(qdrant: Any) -> Asked:
    from qdrant_client import models

    asked = [models.QueryRequest(query=NEAR_A, limit=2, with_payload=True)]
    return Asked(lambda: qdrant.query_batch_points("guide", requests=asked), "qdrant", "guide", None)


def qdrant_groups(qdrant: Any) -> Asked:
    def search() -> Any:
        return qdrant.query_points_groups("guide", group_by="lang", query=NEAR_A, limit=2)

    return Asked(search, "qdrant", "guide", 2)


def qdrant_async() -> Asked:
    from qdrant_client import AsyncQdrantClient

    async def search() -> Any:
        client = AsyncQdrantClient(":memory:")
        created, upsert = _filled(client)
        await created
        await upsert()
        try:
            return await client.query_points("guide", query=NEAR_A, limit=2)
        finally:
            await client.close()

    return Asked(search, "qdrant", "guide", 2)


# --- Pinecone ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pinecone() -> Iterator[str]:
    with pinecone_service.service() as url:
        yield url


def _index(url: str, search: Callable[[Any], object]) -> Callable[[], object]:
    from pinecone import Pinecone

    def searched() -> object:
        # An index binds its methods when it is made, so this is done while it is observed.
        with Pinecone(api_key="k").Index(host=url) as index:
            return search(index)

    return searched


def pinecone_query(pinecone: str) -> Asked:
    search = _index(pinecone, lambda i: i.query(vector=NEAR_A, top_k=2, namespace="docs", include_metadata=True))
    return Asked(search, "pinecone", "127.0.0.1", 2, more={names.DB_NAMESPACE: "docs"})


def pinecone_search(pinecone: str) -> Asked:
    search = _index(pinecone, lambda i: i.search(namespace="docs", query={"inputs": {"text": "서울?"}, "top_k": 2}))
    return Asked(search, "pinecone", "127.0.0.1", 2, question="서울?", more={names.DB_NAMESPACE: "docs"})


# --- pgvector ----------------------------------------------------------------------------------------------------

SEARCH = "SELECT id, content, embedding <=> %s AS distance FROM guide ORDER BY distance LIMIT 2"


@pytest.fixture(scope="module")
def pgvector() -> Iterator[str]:
    import psycopg

    with postgresql.server() as url:
        with psycopg.connect(url) as connection:
            connection.execute(postgresql.COSINE)
            connection.execute("CREATE TABLE guide (id text, content text, embedding float8[])")
            for key, text in TEXTS.items():
                connection.execute("INSERT INTO guide VALUES (%s, %s, %s)", (key, text, VECTORS[key]))
        yield url


def pgvector_psycopg(pgvector: str) -> Asked:
    import psycopg

    def search() -> Any:
        with psycopg.connect(pgvector) as connection:
            rows = connection.execute(SEARCH, (NEAR_A,)).fetchall()
        assert [row[0] for row in rows] == ["a", "b"]  # the application's rows are all there

    return Asked(search, "postgresql", "guide", 2)


def pgvector_async(pgvector: str) -> Asked:
    import psycopg

    async def search() -> Any:
        async with await psycopg.AsyncConnection.connect(pgvector) as connection:
            rows = await (await connection.execute(SEARCH, (NEAR_A,))).fetchall()
        assert [row[0] for row in rows] == ["a", "b"]

    return Asked(search, "postgresql", "guide", 2)


CASES = [
    chroma_query,
    chroma_get,
    qdrant_query,
    qdrant_batch,
    qdrant_groups,
    qdrant_async,
    pinecone_query,
    pinecone_search,
    pgvector_psycopg,
    pgvector_async,
]


def made(case: Callable[..., Asked], request: pytest.FixtureRequest) -> Asked:
    fixture = case.__name__.partition("_")[0]
    return case(request.getfixturevalue(fixture)) if case.__code__.co_argcount else case()


def run(asked: Asked) -> Any:
    result = asked.search()
    if isinstance(result, Awaitable):

        async def wait() -> Any:
            return await result

        return asyncio.run(wait())
    return result


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_search_is_one_retrieval_with_its_documents(
    case: Callable[..., Asked], request: pytest.FixtureRequest
) -> None:
    """A search is one span: the store, the collection, how many were wanted, and the documents with their scores."""
    asked = made(case, request)
    with capture(cost=False) as captured:
        run(asked)
    span = captured.one(f"retrieval {asked.where}")
    facts = dict(span.attributes or {})
    documents = json.loads(facts.pop(names.RETRIEVAL_DOCUMENTS))
    top_k = {} if asked.top_k is None else {names.RETRIEVAL_TOP_K: asked.top_k}
    question = {} if asked.question is None else {names.RETRIEVAL_QUERY_TEXT: asked.question}
    assert facts == {
        names.OPERATION_NAME: "retrieval",
        names.DB_SYSTEM_NAME: asked.system,
        names.DATA_SOURCE_ID: asked.where,
        names.RETRIEVAL_DOCUMENT_COUNT: 2,
        **top_k,
        **question,
        **asked.more,
    }
    assert [document["content"] for document in documents] == [SEOUL, HAECHI]
    assert all(document["id"] for document in documents)
    assert [isinstance(document.get("score"), float) for document in documents] == [asked.scored] * 2
    assert (span.kind, span.status.status_code) == (SpanKind.CLIENT, StatusCode.UNSET)
    assert len(captured.spans) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_without_content_a_search_says_only_how_many(
    case: Callable[..., Asked], request: pytest.FixtureRequest
) -> None:
    """With content off no text and no question is in the span, but the number of documents."""
    asked = made(case, request)
    with capture(content="off", cost=False) as captured:
        run(asked)
    facts = captured.one(f"retrieval {asked.where}").attributes or {}
    assert facts[names.RETRIEVAL_DOCUMENT_COUNT] == 2
    assert not {names.RETRIEVAL_DOCUMENTS, names.RETRIEVAL_QUERY_TEXT} & facts.keys()
    assert not any(text in str(facts) for text in (SEOUL, HAECHI, "서울"))


def _failing(captured: Captured, call: Callable[[], object], name: str) -> Mapping[str, object]:
    with pytest.raises(Exception, match=r"."):
        call()
    span = captured.one(name)
    assert span.status.status_code is StatusCode.ERROR
    return dict(span.attributes or {})


def test_a_search_that_fails_says_why(qdrant: Any, pgvector: str) -> None:
    """The store's own exception reaches the application, and its name is on the span."""
    import psycopg

    with capture(cost=False) as captured:
        facts = _failing(captured, lambda: qdrant.query_points("nowhere", query=NEAR_A), "retrieval nowhere")
        assert facts[names.ERROR_TYPE] == "ValueError"
        with psycopg.connect(pgvector) as connection:
            lost = _failing(captured, lambda: connection.execute("SELECT a <=> b FROM lost"), "retrieval lost")
        assert lost[names.ERROR_TYPE] == "UndefinedTable"


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT 1", None),
        ("SELECT point '(1,2)' <-> point '(3,4)'", None),
        ("SELECT count(*) FROM guide WHERE id = %s", ("a",)),
        (b"SELECT 1", None),
    ],
)
def test_other_statements_are_left_alone(pgvector: str, statement: Any, parameters: Any) -> None:
    """Only a search for near vectors is a retrieval, not every distance and not every statement."""
    import psycopg

    with capture(cost=False) as captured, psycopg.connect(pgvector) as connection:
        assert connection.execute(statement, parameters).fetchone() is not None
    assert captured.spans == []


def test_a_composed_statement_is_a_search_too(pgvector: str) -> None:
    """Statements that psycopg composes are read, and a dictionary for each row changes nothing."""
    import psycopg
    from psycopg import rows, sql

    query = sql.SQL("SELECT id, content FROM {} ORDER BY embedding <=> %(v)s LIMIT 1").format(sql.Identifier("guide"))
    with capture(cost=False) as captured, psycopg.connect(pgvector, row_factory=rows.dict_row) as connection:
        assert connection.execute(query, {"v": NEAR_A}).fetchall() == [{"id": "a", "content": SEOUL}]
    facts = captured.one("retrieval guide").attributes or {}
    assert json.loads(str(facts[names.RETRIEVAL_DOCUMENTS])) == [{"id": "a", "content": SEOUL}]
