"""LlamaIndex: engines, retrievers, rerankers, tools, workflows and models, plain, streamed and asynchronous."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, PromptTemplate, VectorStoreIndex
from llama_index.core.llms import ChatMessage, CompletionResponse, CustomLLM, LLMMetadata, MockLLM
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.postprocessor import LLMRerank
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.tools import FunctionTool, QueryEngineTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from tests.instrumentation.trees import tree
from tests.standin import Standin
from tests.standin.facts import expected

from haechi.testing import Captured, capture
from haechi_schemas import attributes as names

# What the oldest supported version says of itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*get_doc_id:DeprecationWarning")

DOCUMENTS = {"a": "Seoul is the capital", "b": "해치는 불을 막는 전설의 동물"}
LOOP = asyncio.Runner()


@pytest.fixture(scope="module", autouse=True)
def closing() -> Iterator[None]:
    yield
    LOOP.close()


class Remote(CustomLLM):
    """A model behind OpenAI's client."""

    client: Any

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="gpt-4o-mini")

    def _ask(self, prompt: str, **more: Any) -> Any:
        messages = [{"role": "user", "content": prompt}]
        return self.client.chat.completions.create(model="gpt-4o-mini", messages=messages, **more)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        del formatted, kwargs
        return CompletionResponse(text=self._ask(prompt).choices[0].message.content)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
        del formatted, kwargs

        def read() -> Iterator[CompletionResponse]:
            text = ""
            for chunk in self._ask(prompt, stream=True):
                delta = chunk.choices[0].delta.content or ""
                text += delta
                yield CompletionResponse(text=text, delta=delta)

        return read()


@pytest.fixture
def remote(standin: Standin) -> Iterator[Remote]:
    with OpenAI(base_url=f"{standin.url}/v1", api_key="k", max_retries=0) as client:
        yield Remote(client=client)


@pytest.fixture(scope="module")
def index() -> VectorStoreIndex:
    documents = [Document(text=text, id_=key) for key, text in DOCUMENTS.items()]
    return VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=4))


def facts(captured: Captured, name: str) -> dict[str, Any]:
    return dict(captured.one(name).attributes or {})


# --- engines -----------------------------------------------------------------------------------------------------

RAG = [
    "invoke_workflow RetrieverQueryEngine",
    "  retrieval VectorIndexRetriever",
    "    embeddings MockEmbedding",
    "  execute_task CompactAndRefine",
    "    chat gpt-4o-mini",
]


def _plain(index: VectorStoreIndex, llm: Any) -> str:
    return str(index.as_query_engine(llm=llm).query("서울?"))


def _async(index: VectorStoreIndex, llm: Any) -> str:
    return str(LOOP.run(_awaited(index, llm)))


async def _awaited(index: VectorStoreIndex, llm: Any) -> object:
    return await index.as_query_engine(llm=llm).aquery("서울?")


def _streamed(index: VectorStoreIndex, llm: Any) -> str:
    response = index.as_query_engine(llm=llm, streaming=True).query("서울?")
    return "".join(response.response_gen)  # type: ignore[union-attr]


WAYS: dict[str, Callable[[VectorStoreIndex, Any], str]] = {"query": _plain, "aquery": _async, "streamed": _streamed}


@pytest.mark.parametrize("way", WAYS)
def test_a_query_is_one_trace_in_whatever_way_it_runs(index: VectorStoreIndex, remote: Remote, way: str) -> None:
    """The same spans with the same parents, one model call with its tokens, also when the answer is read later."""
    answer = expected("openai.chat")
    with capture(clock=time.time_ns) as captured:
        assert WAYS[way](index, remote) == answer.text
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert tree(captured.spans) == RAG
    assert len({span.context.trace_id for span in captured.spans}) == 1
    chat = facts(captured, "chat gpt-4o-mini")
    assert chat[names.USAGE_INPUT_TOKENS] == answer.input_tokens
    assert chat[names.COST_USD] > 0
    assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in chat) == (way == "streamed")
    root = facts(captured, RAG[0])
    assert root[names.OBSERVED_INPUT] == "서울?"
    retrieval = facts(captured, "retrieval VectorIndexRetriever")
    found = json.loads(retrieval.pop(names.RETRIEVAL_DOCUMENTS))
    assert sorted(one["content"] for one in found) == sorted(DOCUMENTS.values())
    assert {type(one["score"]) for one in found} == {float}
    assert retrieval[names.RETRIEVAL_QUERY_TEXT] == "서울?"


def test_a_streamed_answer_that_nobody_reads_ends(index: VectorStoreIndex, remote: Remote) -> None:
    """An answer that is dropped unread asks no model; its engine is over when it is dropped."""
    with capture(cost=False) as captured:
        response = index.as_query_engine(llm=remote, streaming=True).query("서울?")
        assert len(captured.spans) == 2
        del response
        import gc

        gc.collect()
    assert tree(captured.spans) == RAG[:-1]


def test_a_chat_engine_is_a_trace(index: VectorStoreIndex, remote: Remote) -> None:
    """A chat engine with its retrieval and its model call, plain and streamed."""
    engine = index.as_chat_engine(llm=remote, chat_mode="context", memory=ChatMemoryBuffer(token_limit=1_000))
    with capture(cost=False) as captured:
        engine.chat("hi")
        plain = tree(captured.spans)
        captured.exporter.clear()
        "".join(engine.stream_chat("hi").response_gen)
    assert plain == tree(captured.spans) or plain == [
        line.replace("  chat", "    chat") for line in tree(captured.spans)
    ]
    assert plain[0] == "invoke_workflow ContextChatEngine"
    assert [line.strip() for line in plain[1:]] == [
        "retrieval VectorIndexRetriever",
        "embeddings MockEmbedding",
        "execute_task CompactAndRefine",
        "chat gpt-4o-mini",
    ]


def test_an_error_of_the_model_is_the_engine_s(index: VectorStoreIndex, remote: Remote) -> None:
    """The exception reaches the application as it is, and marks everything around the call."""
    engine = index.as_query_engine(llm=remote)
    with pytest.raises(Exception, match=r".") as before:
        engine.query("[error_429]")
    with capture(cost=False) as captured, pytest.raises(Exception, match=r".") as raised:
        engine.query("[error_429]")
    assert type(raised.value) is type(before.value)
    failed = {span.name for span in captured.spans if span.status.status_code is StatusCode.ERROR}
    assert failed == {RAG[0], "execute_task CompactAndRefine", "chat gpt-4o-mini"}


def test_content_off_leaves_no_text(index: VectorStoreIndex) -> None:
    """With content off no question, document or answer is in any span."""
    with capture(content="off", cost=False) as captured:
        index.as_query_engine(llm=MockLLM(max_tokens=3)).query("비밀?")
    told = str([dict(span.attributes or {}) for span in captured.spans])
    assert not any(text in told for text in ("비밀", "text text", *DOCUMENTS.values()))
    assert len(captured.spans) == 5


# --- models and embeddings of their own --------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
def test_a_model_without_a_client_is_told_by_llama_index(*, streamed: bool) -> None:
    """Where no client answers the span is LlamaIndex's; one span, though its chat is made of its completion."""
    model = MockLLM(max_tokens=3)
    messages = [ChatMessage(role="user", content="하나 둘 셋")]
    with capture(cost=False) as captured:
        answer = list(model.stream_chat(messages))[-1] if streamed else model.chat(messages)
    [span] = captured.spans
    told = dict(span.attributes or {})
    text = answer.message.content
    assert json.loads(str(told[names.OUTPUT_MESSAGES]))[0]["parts"] == [{"type": "text", "content": text}]
    assert "하나" in str(told[names.INPUT_MESSAGES])
    assert told[names.REQUEST_MODEL] == "MockLLM"
    assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in told) == streamed


def test_embeddings_without_a_client() -> None:
    """How many numbers a vector has, whose it is, and what was embedded."""
    with capture(cost=False) as captured:
        MockEmbedding(embed_dim=4).get_text_embedding_batch(["하나", "둘"])
        LOOP.run(MockEmbedding(embed_dim=4).aget_query_embedding("셋"))
    assert [span.name for span in captured.spans] == ["embeddings MockEmbedding"] * 2
    told = dict(captured.spans[0].attributes or {})
    assert told[names.EMBEDDINGS_DIMENSION_COUNT] == 4
    assert "둘" in str(told[names.INPUT_MESSAGES])


# --- tools, rerankers, workflows ------------------------------------------------------------------------------------


def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: {'맑음' if city else 1 / 0}"


@pytest.mark.parametrize("way", ["call", "acall"])
def test_a_tool_call_is_a_span(way: str) -> None:
    """Name, arguments and result; an exception is the application's."""
    tool = FunctionTool.from_defaults(weather)

    def call(city: str) -> object:
        return tool.call(city=city) if way == "call" else LOOP.run(tool.acall(city=city))

    with capture(cost=False) as captured:
        call(city="Seoul")
        told = facts(captured, "execute_tool weather")
        captured.exporter.clear()
        with pytest.raises(ZeroDivisionError):
            call(city="")
    assert told[names.TOOL_CALL_ARGUMENTS] == '{"city":"Seoul"}'
    assert told[names.TOOL_CALL_RESULT] == "Seoul: 맑음"
    assert facts(captured, "execute_tool weather")[names.ERROR_TYPE] == "ZeroDivisionError"


def test_an_engine_as_a_tool(index: VectorStoreIndex) -> None:
    """A query engine that serves as a tool lies under the tool."""
    tool = QueryEngineTool.from_defaults(index.as_query_engine(llm=MockLLM(max_tokens=3)), name="look")
    with capture(cost=False) as captured:
        tool.call("서울?")
    assert tree(captured.spans)[:3] == [
        "execute_tool look",
        "  invoke_workflow RetrieverQueryEngine",
        "    retrieval VectorIndexRetriever",
    ]


class Fixed(BaseRetriever):
    """A retriever over a store that tells where it looked."""

    collection: Any = None

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        assert query_bundle.query_str
        found = self.collection.query(query_embeddings=[[1.0, 0.0]], n_results=2)
        pairs = zip(found["ids"][0], found["documents"][0], strict=True)
        return [NodeWithScore(node=TextNode(id_=key, text=text)) for key, text in pairs]


def test_a_retriever_over_a_store_is_one_retrieval() -> None:
    """The store tells the retriever's span where it looked and how near the documents are."""
    import chromadb

    collection = chromadb.EphemeralClient().get_or_create_collection("llama", embedding_function=None)
    collection.upsert(ids=list(DOCUMENTS), documents=list(DOCUMENTS.values()), embeddings=[[1.0, 0.0], [0.0, 1.0]])
    retriever = Fixed()
    retriever.collection = collection
    with capture(cost=False) as captured:
        retriever.retrieve("서울?")
    assert [span.name for span in captured.spans] == ["retrieval Fixed"]
    told = facts(captured, "retrieval Fixed")
    assert (told[names.DB_SYSTEM_NAME], told[names.DATA_SOURCE_ID]) == ("chroma", "llama")
    assert [one["score"] for one in json.loads(told[names.RETRIEVAL_DOCUMENTS])] == [0.0, 2.0]


def test_a_reranker_says_what_it_kept() -> None:
    """The order after reranking, without the texts, which the retrieval holds."""
    nodes = [NodeWithScore(node=TextNode(id_=key, text=text), score=0.5) for key, text in DOCUMENTS.items()]
    answer = "Doc: 2, Relevance: 9"
    model = MockLLM()
    reranker = LLMRerank(llm=model, top_n=1, choice_select_prompt=PromptTemplate(answer))
    with capture(cost=False) as captured:
        kept = reranker.postprocess_nodes(nodes, query_str="해치?")
    told = facts(captured, "rerank LLMRerank")
    assert [node.node.node_id for node in kept] == ["b"]
    assert json.loads(told[names.RETRIEVAL_DOCUMENTS]) == [{"id": "b", "score": 9.0}]


class Flow(Workflow):
    """A workflow of one step."""

    @step
    async def ask(self, ev: StartEvent) -> StopEvent:
        if ev.topic == "fire":
            raise KeyError(ev.topic)
        answer = await MockLLM(max_tokens=2).acomplete(str(ev.topic))
        return StopEvent(result=answer.text)


def test_a_workflow_is_a_trace() -> None:
    """A workflow returns at once and runs in tasks of its own: its span lasts until it is done, the calls lie in it."""

    async def run(topic: str) -> object:
        result = await Flow().run(topic=topic)
        await asyncio.sleep(0)
        assert trace.get_current_span() is trace.INVALID_SPAN
        return result

    with capture(cost=False) as captured:
        LOOP.run(run("해치"))
        assert tree(captured.spans) == ["invoke_workflow Flow", "  text_completion MockLLM"]
        captured.exporter.clear()
        with pytest.raises(Exception, match="fire"):
            LOOP.run(run("fire"))
    assert captured.one("invoke_workflow Flow").status.status_code is StatusCode.ERROR
