"""LangChain and LangGraph: chains, agents, nodes, prompts, tools, retrievers and models, in whatever way they run."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import LLM, BaseChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import GenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import ToolException, tool
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from tests.instrumentation.trees import tree
from tests.standin import Standin
from tests.standin.facts import expected

import haechi
from haechi.instrument import _langchain_runs
from haechi.testing import Captured, capture
from haechi_schemas import attributes as names

DOCUMENTS = {"a": "Seoul is the capital", "b": "해치는 불을 막는 전설의 동물"}
USAGE = {
    "input_tokens": 30,
    "output_tokens": 7,
    "total_tokens": 37,
    "input_token_details": {"cache_read": 20, "cache_creation": 4},
    "output_token_details": {"reasoning": 3},
}


LOOP = asyncio.Runner()
"""One event loop for all tests: LangChain's OpenAI shares its asynchronous connections between models."""


@pytest.fixture(scope="module", autouse=True)
def closing(standing: Standin) -> Iterator[None]:
    yield
    for model in (openai(standing), openai(standing, stream_usage=True)):
        model.root_client.close()
        LOOP.run(model.root_async_client.close())
    LOOP.close()


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """When a test is over no run is remembered."""
    yield
    assert _langchain_runs._runs == {}


@cache
def openai(standin: Standin, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-4o-mini", base_url=f"{standin.url}/v1", api_key="k", max_retries=0, **more)


def local(text: str = "해치는 불을 막는다") -> BaseChatModel:
    """A model without a client: nobody else can tell of its calls."""
    told = {"finish_reason": "stop", "model_name": "local-1"}
    answer = AIMessage(content=text, usage_metadata=USAGE, response_metadata=told)  # type: ignore[arg-type]
    return GenericFakeChatModel(messages=iter([answer] * 20))


def rag(model: BaseChatModel) -> Runnable[Any, str]:
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_texts(list(DOCUMENTS.values()), ids=list(DOCUMENTS))
    prompt = ChatPromptTemplate.from_messages([("system", "Answer from: {context}"), ("user", "{question}")])
    given = RunnableParallel(context=store.as_retriever(), question=RunnablePassthrough())
    return given | prompt | model | StrOutputParser()


def facts(captured: Captured, name: str) -> dict[str, Any]:
    return dict(captured.one(name).attributes or {})


# --- chains ------------------------------------------------------------------------------------------------------

RAG = [
    "invoke_workflow RunnableSequence",
    "  retrieval VectorStoreRetriever",
    "    embeddings DeterministicFakeEmbedding",
    "  prompt ChatPromptTemplate",
    "  chat gpt-4o-mini",
]


async def _read(chain: Runnable[Any, str]) -> str:
    return "".join([part async for part in chain.astream("서울?")])


async def _events(chain: Runnable[Any, str]) -> str:
    events = [event async for event in chain.astream_events("서울?", version="v2")]
    return "".join(event["data"]["chunk"] for event in events if event["event"] == "on_parser_stream")


def _in_thread(chain: Runnable[Any, str]) -> str:
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(chain.invoke("서울?")))
    thread.start()
    thread.join()
    return answers[0]


WAYS: dict[str, Callable[[Runnable[Any, str]], str]] = {
    "invoke": lambda chain: chain.invoke("서울?"),
    "ainvoke": lambda chain: LOOP.run(chain.ainvoke("서울?")),
    "stream": lambda chain: "".join(chain.stream("서울?")),
    "astream": lambda chain: LOOP.run(_read(chain)),
    "astream_events": lambda chain: LOOP.run(_events(chain)),
    "batch": lambda chain: chain.batch(["서울?"])[0],
    "abatch": lambda chain: LOOP.run(chain.abatch(["서울?"]))[0],
    "thread": _in_thread,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_is_one_trace_in_whatever_way_it_runs(standin: Standin, way: str) -> None:
    """The same spans with the same parents, one model call with its tokens, and the answer that the model gave."""
    answer = expected("openai.chat")
    chain = rag(openai(standin))
    with capture(clock=time.time_ns) as captured:
        assert WAYS[way](chain) == answer.text
    assert tree(captured.spans) == RAG
    assert len({span.context.trace_id for span in captured.spans}) == 1
    chat = facts(captured, "chat gpt-4o-mini")
    assert chat[names.USAGE_INPUT_TOKENS] == answer.input_tokens
    assert chat[names.USAGE_OUTPUT_TOKENS] == answer.output_tokens
    assert chat[names.USAGE_CACHE_READ_TOKENS] == answer.cache_read_tokens
    assert chat[names.RESPONSE_FINISH_REASONS] == ("stop",)
    assert chat[names.COST_USD] > 0
    if "stream" in way:
        assert chat[names.REQUEST_STREAM] is True
        duration = _seconds(captured, "chat gpt-4o-mini")
        assert 0 < chat[names.RESPONSE_TIME_TO_FIRST_CHUNK] <= duration


def _seconds(captured: Captured, name: str) -> float:
    span = captured.one(name)
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


@pytest.mark.parametrize("way", WAYS)
def test_what_goes_in_and_comes_out_is_recorded_once(standin: Standin, way: str) -> None:
    """The chain holds question and answer, the retrieval its documents, the prompt its variables."""
    chain = rag(openai(standin))
    with capture(cost=False) as captured:
        WAYS[way](chain)
    root = facts(captured, "invoke_workflow RunnableSequence")
    assert root == {
        names.OPERATION_NAME: "invoke_workflow",
        names.WORKFLOW_NAME: "RunnableSequence",
        names.OBSERVED_INPUT: "서울?",
        names.OBSERVED_OUTPUT: expected("openai.chat").text,
    }
    retrieval = facts(captured, "retrieval VectorStoreRetriever")
    found = json.loads(retrieval.pop(names.RETRIEVAL_DOCUMENTS))
    assert {one["id"]: one["content"] for one in found} == DOCUMENTS
    assert retrieval == {
        names.OPERATION_NAME: "retrieval",
        names.RETRIEVAL_QUERY_TEXT: "서울?",
        names.RETRIEVAL_DOCUMENT_COUNT: 2,
    }
    assert facts(captured, "prompt ChatPromptTemplate")[f"{names.PROMPT_VARIABLE_PREFIX}question"] == "서울?"


def test_several_inputs_are_several_traces_or_one_where_somebody_is_around(standin: Standin) -> None:
    """Each input of a batch is a chain of its own; inside of a block they lie under it."""
    chain = rag(openai(standin))
    with capture(cost=False) as captured:
        chain.batch(["1", "2", "3"])
        assert len({span.context.trace_id for span in captured.spans}) == 3
        captured.exporter.clear()
        with haechi.span("all"):
            chain.batch(["1", "2"])
        assert len({span.context.trace_id for span in captured.spans}) == 1
    assert tree(captured.spans).count("  " + RAG[0]) == 2


def test_the_application_spans_lie_in_the_chain_and_the_chain_leaves_no_trace_behind() -> None:
    """Code of a chain runs under the chain's span; between two parts of a stream nothing of ours is current."""
    seen: list[trace.Span] = []

    def work(text: str) -> str:
        with haechi.span("own"):
            return text.upper()

    chain = RunnableLambda(work) | local() | StrOutputParser()
    with capture(cost=False) as captured:
        seen.extend(trace.get_current_span() for _ in chain.stream("hi"))
        assert seen
        assert set(seen) == {trace.INVALID_SPAN}
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert tree(captured.spans) == [
        "invoke_workflow RunnableSequence",
        "  own",
        "  chat GenericFakeChatModel",
    ]


def test_a_chain_within_a_chain_and_a_named_one() -> None:
    """Only the outermost chain is a span, under the name that the application gives it."""
    inner = ChatPromptTemplate.from_template("{q}") | local() | StrOutputParser()
    outer = (RunnableParallel(one=inner, two=inner) | RunnableLambda(str)).with_config(run_name="compare")
    with capture(cost=False) as captured:
        outer.invoke({"q": "?"})
    assert sorted(tree(captured.spans)) == sorted(
        ["invoke_workflow compare", *["  prompt ChatPromptTemplate", "  chat GenericFakeChatModel"] * 2]
    )


def test_a_stream_that_is_left_early_ends_its_spans(standin: Standin) -> None:
    """A stream that is read in part and dropped is over, with its time to first chunk."""
    chain = rag(openai(standin))
    with capture(cost=False, clock=time.time_ns) as captured:
        stream = chain.stream("[slow:5] 서울?")
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        assert tree(captured.spans) == RAG
    assert facts(captured, "chat gpt-4o-mini")[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0
    assert {span.status.status_code for span in captured.spans} == {StatusCode.UNSET}


def test_an_async_stream_that_is_left_early_ends_its_spans(standin: Standin) -> None:
    """The same for an asynchronous one."""
    chain = rag(openai(standin))

    async def read() -> None:
        stream = chain.astream("[slow:5] 서울?")
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        for _ in range(200):  # LangChain leaves the inner streams to the loop
            await asyncio.sleep(0.01 if _langchain_runs._runs or len(captured.spans) < len(RAG) else 0)

    with capture(cost=False, clock=time.time_ns) as captured:
        LOOP.run(read())
    assert tree(captured.spans) == RAG
    assert {span.status.status_code for span in captured.spans} == {StatusCode.UNSET}


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_of_the_model_is_the_chain_s(standin: Standin, status: int) -> None:
    """The exception reaches the application as it is; model and chain have failed with it, the prompt has not."""
    chain = ChatPromptTemplate.from_template("{q}") | openai(standin)
    plain = pytest.raises(Exception, match=r".")
    with plain as before:
        chain.invoke({"q": f"[error_{status}]"})
    with capture(cost=False) as captured, pytest.raises(Exception, match=r".") as raised:
        chain.invoke({"q": f"[error_{status}]"})
    assert type(raised.value) is type(before.value)
    failed = {span.name: span.attributes[names.ERROR_TYPE] for span in captured.spans if not span.status.is_unset}  # type: ignore[index]
    assert failed.keys() == {"invoke_workflow RunnableSequence", "chat gpt-4o-mini"}
    assert facts(captured, "chat gpt-4o-mini")[names.HTTP_STATUS_CODE] == status


def test_content_off_leaves_no_text(standin: Standin) -> None:
    """With content off no question, document, variable or answer is in any span."""

    @tool
    def look(secret: str) -> str:
        """A described tool."""
        return f"found {secret}"

    with capture(content="off", cost=False) as captured:
        rag(openai(standin)).invoke("서울?")
        "".join(rag(local()).stream("서울?"))
        look.invoke({"secret": "열쇠"})
    told = str([dict(span.attributes or {}) for span in captured.spans])
    answer = expected("openai.chat").text
    for text in ("서울", "열쇠", "해치", "Answer from", "described", answer, *DOCUMENTS.values()):
        assert text not in told
    assert facts(captured, "execute_tool look")[names.TOOL_NAME] == "look"


def test_the_application_gets_and_sends_the_same_without_us(standin: Standin) -> None:
    """What the provider receives and what the application reads is the same, byte for byte."""

    def run() -> tuple[list[bytes], list[str]]:
        standin.reset()
        chain = rag(openai(standin, stream_usage=True))
        read = [chain.invoke("서울?"), *chain.stream("서울?"), LOOP.run(_read(chain))]
        return [request.body for request in standin.requests], read

    without = run()
    with capture(cost=False):
        assert run() == without


# --- models of their own ------------------------------------------------------------------------------------------


def test_a_model_without_a_client_is_told_by_langchain() -> None:
    """Where no client answers the span is LangChain's: usage with its parts, models, finish reason, messages."""
    with capture(cost=False) as captured:
        local().invoke([("system", "짧게"), ("user", "누구?")])
    told = facts(captured, "chat GenericFakeChatModel")
    asked, said = (json.loads(told.pop(name)) for name in (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES))
    assert asked == [
        {"role": "system", "parts": [{"type": "text", "content": "짧게"}]},
        {"role": "user", "parts": [{"type": "text", "content": "누구?"}]},
    ]
    text = {"type": "text", "content": "해치는 불을 막는다"}
    assert said == [{"role": "assistant", "parts": [text], "finish_reason": "stop"}]
    assert told == {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: "genericfakechatmodel",
        names.REQUEST_MODEL: "GenericFakeChatModel",
        names.RESPONSE_MODEL: "local-1",
        names.RESPONSE_FINISH_REASONS: ("stop",),
        names.USAGE_INPUT_TOKENS: 30,
        names.USAGE_OUTPUT_TOKENS: 7,
        names.USAGE_CACHE_READ_TOKENS: 20,
        names.USAGE_CACHE_WRITE_TOKENS: 4,
        names.USAGE_REASONING_TOKENS: 3,
    }


def test_a_streamed_model_without_a_client_has_its_times() -> None:
    """Time to first chunk and number of chunks are counted where LangChain streams, whoever asked it to."""
    with capture(cost=False) as captured:
        parts = list(local("one two three").stream("hi"))
    told = facts(captured, "chat GenericFakeChatModel")
    assert told[names.RESPONSE_CHUNK_COUNT] == len(parts)
    assert 0 < told[names.RESPONSE_TIME_TO_FIRST_CHUNK] <= _seconds(captured, "chat GenericFakeChatModel")
    assert json.loads(told[names.OUTPUT_MESSAGES])[0]["parts"] == [{"type": "text", "content": "one two three"}]


def test_a_streamed_model_without_a_client_that_is_left() -> None:
    """What was read until the end is told."""
    with capture(cost=False) as captured:
        stream = local("one two three").stream("hi")
        next(stream)
        stream.close()  # type: ignore[attr-defined]
    told = facts(captured, "chat GenericFakeChatModel")
    assert told[names.STREAM_OUTCOME] == "closed"
    assert json.loads(told[names.OUTPUT_MESSAGES])[0]["parts"] == [{"type": "text", "content": "one"}]
    assert told[names.RESPONSE_CHUNK_COUNT] == 1


def test_an_answer_from_a_cache_is_no_model_call() -> None:
    """LangChain's cache answers the second time: no model was asked, so there is no call to pay for."""
    from langchain_core.caches import InMemoryCache

    model = local()
    model.cache = InMemoryCache()
    with capture(cost=False) as captured:
        first = model.invoke("who?").content
        assert model.invoke("who?").content == first
    assert [span.name for span in captured.spans] == ["chat GenericFakeChatModel"]


class Words(LLM):
    """A model that completes text."""

    @property
    def _llm_type(self) -> str:
        return "words"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        del prompt, stop, run_manager, kwargs
        return "해치"

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        del prompt, stop, run_manager, kwargs
        yield from (GenerationChunk(text=part) for part in "해치")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_text_model_without_a_client(*, streamed: bool) -> None:
    """Models that complete text are told too."""
    model = Words()
    with capture(cost=False) as captured:
        answer = "".join(model.stream("who?")) if streamed else model.invoke("who?")
    assert answer == "해치"
    told = facts(captured, "text_completion Words")
    assert json.loads(told[names.INPUT_MESSAGES])[0]["parts"] == [{"type": "text", "content": "who?"}]
    assert json.loads(told[names.OUTPUT_MESSAGES])[0]["parts"] == [{"type": "text", "content": "해치"}]
    assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in told) == streamed


# --- tools and retrievers ------------------------------------------------------------------------------------------


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    if city == "Atlantis":
        raise ToolException("no such city")
    return f"{city}: 맑음"


CALL = {"name": "weather", "args": {"city": "Seoul"}, "id": "call_1", "type": "tool_call"}


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_tool_call_is_a_span(way: str) -> None:
    """Name, description, id of the call, arguments and result."""
    with capture(cost=False) as captured:
        result = weather.invoke(CALL) if way == "invoke" else LOOP.run(weather.ainvoke(CALL))
    assert isinstance(result, ToolMessage)
    assert facts(captured, "execute_tool weather") == {
        names.OPERATION_NAME: "execute_tool",
        names.TOOL_NAME: "weather",
        names.TOOL_TYPE: "function",
        names.TOOL_DESCRIPTION: "The weather of a city.",
        names.TOOL_CALL_ID: "call_1",
        names.TOOL_CALL_ARGUMENTS: '{"city":"Seoul"}',
        names.TOOL_CALL_RESULT: "Seoul: 맑음",
    }


def test_a_tool_that_fails_is_a_failed_span() -> None:
    """A tool's exception is the application's; one that is answered with its text has failed all the same."""
    with capture(cost=False) as captured:
        with pytest.raises(ToolException, match="no such city"):
            weather.invoke({"city": "Atlantis"})
        assert facts(captured, "execute_tool weather")[names.ERROR_TYPE] == "ToolException"
        captured.exporter.clear()
        kind = weather.model_copy(update={"handle_tool_error": True})
        assert kind.invoke({**CALL, "args": {"city": "Atlantis"}}).status == "error"
    assert facts(captured, "execute_tool weather")[names.ERROR_TYPE] == "tool_error"


def test_a_retriever_over_a_store_is_one_retrieval() -> None:
    """The store tells the retriever's span where it looked and how near the documents are."""
    import chromadb

    collection = chromadb.EphemeralClient().get_or_create_collection("langchain", embedding_function=None)
    collection.upsert(ids=list(DOCUMENTS), documents=list(DOCUMENTS.values()), embeddings=[[1.0, 0.0], [0.0, 1.0]])

    class Chroma(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            del query, run_manager
            found = collection.query(query_embeddings=[[1.0, 0.0]], n_results=2)
            return [Document(id=i, page_content=t) for i, t in zip(found["ids"][0], found["documents"][0], strict=True)]  # type: ignore[index]

    with capture(cost=False) as captured:
        Chroma().invoke("서울?")
    assert [span.name for span in captured.spans] == ["retrieval Chroma"]
    told = facts(captured, "retrieval Chroma")
    assert told[names.DB_SYSTEM_NAME] == "chroma"
    assert told[names.DATA_SOURCE_ID] == "langchain"
    assert told[names.RETRIEVAL_TOP_K] == 2
    documents = json.loads(told[names.RETRIEVAL_DOCUMENTS])
    assert documents == [
        {"id": "a", "content": DOCUMENTS["a"], "score": 0.0},
        {"id": "b", "content": DOCUMENTS["b"], "score": 2.0},
    ]


# --- graphs and agents ----------------------------------------------------------------------------------------------


def graph(model: BaseChatModel) -> Any:
    def talk(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    def approve(state: MessagesState) -> dict[str, Any]:
        del state
        word = interrupt("may I?")
        return {"messages": [("user", weather.invoke({"city": str(word)}))]}

    made = StateGraph(MessagesState).add_node("talk", talk).add_node("approve", approve)
    made = made.add_edge(START, "talk").add_edge("talk", "approve").add_edge("approve", END)
    return made.compile(checkpointer=InMemorySaver())


def _graph_stream(compiled: Any, given: Any, config: Any) -> None:
    for _ in compiled.stream(given, config, stream_mode="messages"):
        pass


GRAPH_WAYS: dict[str, Callable[[Any, Any, Any], object]] = {
    "invoke": lambda compiled, given, config: compiled.invoke(given, config),
    "ainvoke": lambda compiled, given, config: LOOP.run(compiled.ainvoke(given, config)),
    "stream": _graph_stream,
}


@pytest.mark.parametrize("way", GRAPH_WAYS)
def test_a_graph_that_waits_and_goes_on(way: str) -> None:
    """Each node is a span; a node that waits for somebody has not failed; the thread is the conversation."""
    compiled, run = graph(local()), GRAPH_WAYS[way]
    config = {"configurable": {"thread_id": "thread-1"}}
    with capture(cost=False) as captured:
        run(compiled, {"messages": [("user", "hi")]}, config)
        assert tree(captured.spans) == [
            "invoke_workflow LangGraph",
            "  execute_task talk",
            "    chat GenericFakeChatModel",
            "  execute_task approve",
        ]
        assert facts(captured, "execute_task approve")[names.GRAPH_INTERRUPTED] is True
        assert {span.status.status_code for span in captured.spans} == {StatusCode.UNSET}
        conversations = {(span.attributes or {}).get(names.CONVERSATION_ID) for span in captured.spans}
        captured.exporter.clear()
        run(compiled, Command(resume="Seoul"), config)
        assert tree(captured.spans) == [
            "invoke_workflow LangGraph",
            "  execute_task approve",
            "    execute_tool weather",
        ]
        conversations |= {(span.attributes or {}).get(names.CONVERSATION_ID) for span in captured.spans}
    assert conversations == {"thread-1"}


def test_the_application_s_word_on_the_conversation_holds() -> None:
    """A conversation that the application names is not overruled by the graph's thread."""
    with capture(cost=False) as captured, haechi.context(session="mine"):
        graph(local()).invoke({"messages": [("user", "hi")]}, {"configurable": {"thread_id": "thread-1"}})
    assert {(span.attributes or {}).get(names.CONVERSATION_ID) for span in captured.spans} == {"mine"}


def test_a_graph_within_a_graph() -> None:
    """The nodes of a subgraph lie under the node that it is."""
    model = local()

    def talk(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    inner = StateGraph(MessagesState).add_node("deep", talk).add_edge(START, "deep").add_edge("deep", END).compile()
    outer = StateGraph(MessagesState).add_node("sub", inner).add_edge(START, "sub").add_edge("sub", END).compile()
    with capture(cost=False) as captured:
        outer.invoke({"messages": [("user", "hi")]})
    assert tree(captured.spans) == [
        "invoke_workflow LangGraph",
        "  execute_task sub",
        "    execute_task deep",
        "      chat GenericFakeChatModel",
    ]


def test_a_node_that_fails() -> None:
    """A node's exception reaches the application, and marks the node and its graph."""

    def fail(state: MessagesState) -> dict[str, Any]:
        return {"messages": {}["lost"], **state}

    compiled = StateGraph(MessagesState).add_node("fail", fail).add_edge(START, "fail").compile()
    with capture(cost=False) as captured, pytest.raises(KeyError, match="lost"):
        compiled.invoke({"messages": []})
    assert {span.name: (span.attributes or {})[names.ERROR_TYPE] for span in captured.spans} == {
        "execute_task fail": "KeyError",
        "invoke_workflow LangGraph": "KeyError",
    }


def agent(model: BaseChatModel) -> tuple[Any, str]:
    """An agent of the version at hand, and what its span is called."""
    try:
        from langchain.agents import create_agent
    except ImportError:
        from langgraph.prebuilt import create_react_agent

        return create_react_agent(model, [weather], name="helper"), "invoke_workflow helper"
    return create_agent(model, [weather], name="helper"), "invoke_agent helper"


@pytest.mark.parametrize("way", GRAPH_WAYS)
def test_an_agent_is_one_trace_with_its_tools_and_models(standin: Standin, way: str) -> None:
    """Agent, nodes, tool and model calls, each under the one that made it, and each call paid once."""
    made, name = agent(openai(standin))
    with capture() as captured:
        GRAPH_WAYS[way](made, {"messages": [("user", "weather? [tool]")]}, {})
    shape = [line.replace("execute_task agent", "execute_task model") for line in tree(captured.spans)]
    assert shape == [
        name,
        "  execute_task model",
        "    chat gpt-4o-mini",
        "  execute_task tools",
        "    execute_tool weather",
        "  execute_task model",
        "    chat gpt-4o-mini",
    ]
    calls = captured.llm()
    tokens = [(call.attributes or {})[names.USAGE_INPUT_TOKENS] for call in calls]
    assert tokens == [expected("openai.tool").input_tokens, expected("openai.tool_answer").input_tokens]
    assert facts(captured, "execute_tool weather")[names.TOOL_CALL_RESULT] == "Seoul: 맑음"
