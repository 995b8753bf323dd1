"""Pydantic AI: real agents against the stand-in and the library's own test models."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.test import TestModel as PlayedModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.toolsets import FunctionToolset
from tests.instrumentation import programs
from tests.instrumentation.expectations import attributes, cost_usd, counts, everything
from tests.standin import Facts, Standin, expected

import haechi
from haechi import testing
from haechi_schemas import attributes as names

SERVER = programs.ROOT / "tests" / "instrumentation" / "mcp_server.py"
ENVIRONMENT = programs.environment(PYTHONPATH=f"{programs.ROOT / 'instrumentation'}:{programs.ROOT / 'schemas'}")
QUESTION = "서울의 날씨는? [tool]"
ASKED = {"openai": "gpt-4o-mini", "openai_responses": "gpt-5-mini"}
MODELS: dict[str, Any] = {"openai": OpenAIChatModel, "openai_responses": OpenAIResponsesModel}
OFFERED = ({"name": "get_weather", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}},)
seen: list[int] = []


def get_weather(city: str) -> str:
    """Tells the weather."""
    seen.append(trace.get_current_span().get_span_context().span_id)
    return f"{city}: 맑음"


def get_nothing(city: str) -> str:
    """Fails."""
    raise ValueError(f"no weather in {city}")


async def plain(agent: Agent[Any, Any], text: str) -> Any:
    return (await agent.run(text)).output


async def streamed(agent: Agent[Any, Any], text: str) -> Any:
    async with agent.run_stream(text) as result:
        return [text async for text in result.stream_text(debounce_by=None)][-1]


async def by_node(agent: Agent[Any, Any], text: str) -> Any:
    async with agent.iter(text) as run:
        async for _ in run:
            pass
    assert run.result
    return run.result.output


Way = Callable[[Any, str], Any]
WAYS: list[Way] = [plain, streamed, by_node]


class Client:
    """A model of the stand-in, made anew for each run: a client belongs to one event loop."""

    def __init__(self, standin: Standin, vendor: str) -> None:
        self.standin = standin
        self.vendor = vendor

    def run(self, way: Way, text: str, make: Callable[[Any], Any] | None = None) -> Any:
        """Run an agent, by default one with a tool; return its output."""

        async def body() -> Any:
            async with AsyncOpenAI(base_url=f"{self.standin.url}/v1", api_key="k", max_retries=0) as client:
                model = MODELS[self.vendor](ASKED[self.vendor], provider=OpenAIProvider(openai_client=client))
                agent = make(model) if make else Agent(model, name="날씨 봇", tools=[get_weather])
                return await way(agent, text)

        return asyncio.run(body())


@pytest.fixture(params=MODELS)
def client(request: pytest.FixtureRequest, standin: Standin) -> Client:
    return Client(standin, request.param)


def tree(captured: testing.Captured) -> list[tuple[str, str | None]]:
    """The spans' names in the order of their beginning, each with its parent's."""
    ids = {span.context.span_id: span.name for span in captured.spans if span.context}
    ordered = sorted(captured.spans, key=lambda span: span.start_time or 0)
    return [(span.name, ids[span.parent.span_id] if span.parent else None) for span in ordered]


def chats(captured: testing.Captured) -> list[ReadableSpan]:
    return sorted(captured.llm(), key=lambda span: span.start_time or 0)


def told_usage(told: Facts) -> dict[str, Any]:
    usage = counts(told)
    return {**usage, names.COST_USD: cost_usd("openai", (told.response_model,), usage)}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_with_a_tool_is_one_trace(client: Client, way: Way) -> None:
    """The agent, and under it the model's two calls and the tool's, each once and with its facts."""
    chat = f"chat {ASKED[client.vendor]}"
    seen.clear()
    with testing.capture() as captured:
        answer = client.run(way, QUESTION)
    assert answer == expected(f"{client.vendor}.tool_answer").text
    assert tree(captured) == [
        ("invoke_agent 날씨 봇", None),
        (chat, "invoke_agent 날씨 봇"),
        ("execute_tool get_weather", "invoke_agent 날씨 봇"),
        (chat, "invoke_agent 날씨 봇"),
    ]
    agent = attributes(captured.one("invoke_agent 날씨 봇"))
    assert agent.pop(names.OBSERVED_OUTPUT, answer) == answer  # before 2.0 a streamed run does not know it
    assert agent == {
        names.OPERATION_NAME: "invoke_agent",
        names.AGENT_NAME: "날씨 봇",
        names.OBSERVED_INPUT: QUESTION,
    }
    tool = captured.one("execute_tool get_weather")
    facts = attributes(tool)
    assert facts.pop(names.TOOL_CALL_ID).startswith("call_")
    assert facts == {
        names.OPERATION_NAME: "execute_tool",
        names.TOOL_NAME: "get_weather",
        names.TOOL_TYPE: "function",
        names.TOOL_DESCRIPTION: "Tells the weather.",
        names.TOOL_CALL_ARGUMENTS: '{"city":"Seoul"}',
        names.TOOL_CALL_RESULT: "Seoul: 맑음",
    }
    assert tool.context
    assert seen == [tool.context.span_id]


@pytest.mark.parametrize("way", WAYS)
def test_the_models_calls_are_the_clients_spans(client: Client, way: Way) -> None:
    """With usage, cost and, of streams, the time to the first chunk."""
    with testing.capture() as captured:
        client.run(way, QUESTION)
    first, second = chats(captured)
    for span, told in (
        (first, expected(f"{client.vendor}.tool", tools=OFFERED)),
        (second, expected(f"{client.vendor}.tool_answer")),
    ):
        facts = attributes(span)
        assert {name: facts[name] for name in told_usage(told)} == told_usage(told)
        assert facts[names.PROVIDER_NAME] == "openai"
        assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in facts) is (way is streamed)


def test_runs_at_the_same_time_are_traces_of_their_own(client: Client) -> None:
    """Each span lies in the run that it is of."""

    async def body(agent: Any, text: str) -> None:
        await asyncio.gather(*(way(agent, text) for way in (*WAYS, *WAYS)))

    with testing.capture() as captured:
        client.run(body, QUESTION)
    sizes = Counter(span.context.trace_id for span in captured.spans if span.context)
    assert list(sizes.values()) == [4] * 6


def test_a_run_without_an_event_loop(client: Client) -> None:
    """``run_sync`` is one run, and the agent is named by the variable that holds it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    made = AsyncOpenAI(base_url=f"{client.standin.url}/v1", api_key="k")
    model = MODELS[client.vendor](ASKED[client.vendor], provider=OpenAIProvider(openai_client=made))
    poet = Agent(model)
    try:
        with testing.capture() as captured:
            assert poet.run_sync("Where is Seoul?").output == expected(f"{client.vendor}.chat").text
    finally:
        loop.run_until_complete(made.close())
        asyncio.set_event_loop(None)
        loop.close()
    chat = f"chat {ASKED[client.vendor]}"
    assert tree(captured) == [("invoke_agent poet", None), (chat, "invoke_agent poet")]


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_that_fails_fails_the_run(client: Client, way: Way) -> None:
    """The application gets the tool's own exception."""
    with testing.capture() as captured, pytest.raises(ValueError, match="no weather in Seoul"):
        client.run(way, QUESTION, lambda model: Agent(model, name="bot", tools=[get_nothing]))
    for name in ("execute_tool get_nothing", "invoke_agent bot"):
        span = captured.one(name)
        assert attributes(span)[names.ERROR_TYPE] == "ValueError"
        assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_of_the_provider_is_told_at_both_levels(client: Client, way: Way, status: int) -> None:
    """The call's span has the client's error, the agent's the one that the application gets."""
    with testing.capture() as captured, pytest.raises(Exception, match=str(status)) as raised:
        client.run(way, f"Go. [error_{status}]")
    agent, call = captured.one("invoke_agent 날씨 봇"), captured.one(f"chat {ASKED[client.vendor]}")
    assert attributes(agent)[names.ERROR_TYPE] == type(raised.value).__name__
    assert attributes(call)[names.HTTP_STATUS_CODE] == status
    assert {agent.status.status_code, call.status.status_code} == {StatusCode.ERROR}


def test_a_stream_that_is_left_early_ends_every_span(client: Client) -> None:
    """Each once."""

    async def left(agent: Any, text: str) -> None:
        async with agent.run_stream(text) as result:
            async for _ in result.stream_text(debounce_by=None):
                break

    with testing.capture() as captured:
        client.run(left, "Where is Seoul?")
    assert [name for name, _ in tree(captured)] == ["invoke_agent 날씨 봇", f"chat {ASKED[client.vendor]}"]


def test_a_structured_answer_is_no_tool(client: Client) -> None:
    """The model's way to answer is not a call of the application's."""

    class City(BaseModel):
        name: str

    with testing.capture() as captured:
        answer = client.run(plain, "Go. [tool]", lambda model: Agent(model, name="bot", output_type=City))
    assert isinstance(answer, City)
    assert [name for name, _ in tree(captured)] == ["invoke_agent bot", f"chat {ASKED[client.vendor]}"]
    assert json.loads(attributes(captured.one("invoke_agent bot"))[names.OBSERVED_OUTPUT]) == {"name": answer.name}


@pytest.mark.parametrize("way", [plain, streamed])
def test_the_requests_are_the_same_with_us_and_without(client: Client, way: Way) -> None:
    """Byte for byte, but for the usage of streams that is asked for."""
    client.run(way, QUESTION)
    without = [request.body for request in client.standin.requests]
    client.standin.reset()
    with testing.capture(stream_usage=False):
        client.run(way, QUESTION)
    assert [request.body for request in client.standin.requests] == without


def test_without_content_no_text_is_recorded(client: Client) -> None:
    """At no level."""
    with testing.capture(content="off") as captured:
        client.run(plain, QUESTION)
    for span in captured.spans:
        assert all(text not in everything(span) for text in ("날씨는", "맑음", "Seoul", "Tells"))


def told_by_theirs(captured: testing.Captured) -> list[str]:
    return [s.name for s in captured.spans if s.instrumentation_scope and s.instrumentation_scope.name == "pydantic-ai"]


@pytest.mark.parametrize("way", [plain, streamed])
@pytest.mark.parametrize("turned", ["agent", "model"])
def test_where_the_library_tells_of_itself_nothing_is_told_twice(client: Client, way: Way, turned: str) -> None:
    """Every span is the library's; ours stand back, the client's too."""
    with testing.capture() as captured:
        settings = InstrumentationSettings(tracer_provider=captured.tracer_provider)

        def make(model: Any) -> Agent[Any, Any]:
            if turned == "model":
                return Agent(InstrumentedModel(model, settings), name="bot", tools=[get_weather])
            agent: Agent[Any, Any] = Agent(model, name="bot", tools=[get_weather])
            agent.instrument = settings
            return agent

        client.run(way, QUESTION, make)
    assert told_by_theirs(captured) == [span.name for span in captured.spans]
    assert len(chats(captured)) == 2


def test_the_librarys_own_spans_that_go_nowhere_do_not_count(client: Client) -> None:
    """Turned on without a provider, they record nothing: ours go on."""

    def make(model: Any) -> Agent[Any, Any]:
        agent: Agent[Any, Any] = Agent(model, name="bot")
        agent.instrument = InstrumentationSettings(tracer_provider=trace.NoOpTracerProvider())
        return agent

    with testing.capture() as captured:
        client.run(plain, "Where is Seoul?", make)
    assert [name for name, _ in tree(captured)] == ["invoke_agent bot", f"chat {ASKED[client.vendor]}"]


# --- models without a client ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_model_without_an_observed_client_is_a_span_too(way: Way) -> None:
    """Told of by what the library knows."""
    agent = Agent(
        PlayedModel(custom_output_text="안녕"), name="bot", instructions="Greet.", model_settings={"top_p": 0.5}
    )
    with testing.capture() as captured:
        asyncio.run(way(agent, "인사"))
    facts = attributes(captured.one("chat test"))
    assert tree(captured) == [("invoke_agent bot", None), ("chat test", "invoke_agent bot")]
    assert (facts[names.PROVIDER_NAME], facts[names.REQUEST_MODEL], facts[names.REQUEST_TOP_P]) == ("test", "test", 0.5)
    assert facts[names.USAGE_INPUT_TOKENS] > 0
    assert facts[names.USAGE_OUTPUT_TOKENS] > 0
    assert facts[names.INPUT_MESSAGES] == [
        {"role": "system", "parts": [{"type": "text", "content": "Greet."}]},
        {"role": "user", "parts": [{"type": "text", "content": "인사"}]},
    ]
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": "안녕"}]
    if way is streamed:
        assert facts[names.REQUEST_STREAM] is True
        assert facts[names.RESPONSE_CHUNK_COUNT] > 0
        assert facts[names.RESPONSE_TIME_TO_FIRST_CHUNK] > 0


def replies(*parts: Any) -> FunctionModel:
    """A model that answers with one part after the other."""
    waiting = list(parts)
    return FunctionModel(lambda _messages, _info: ModelResponse(parts=[waiting.pop(0)]), model_name="played")


def test_a_tool_that_asks_for_another_try_is_two_calls() -> None:
    """The first failed, the second did not; the model hears of both."""
    tries: list[int] = []

    def guess(number: int) -> str:
        """Guesses."""
        tries.append(number)
        if number < 2:
            raise ModelRetry("higher")
        return "right"

    model = replies(ToolCallPart("guess", {"number": 1}), ToolCallPart("guess", {"number": 2}), TextPart("done"))
    with testing.capture() as captured:
        asyncio.run(Agent(model, name="bot", tools=[guess]).run("go"))
    tools = [attributes(span).get(names.ERROR_TYPE) for span in captured.spans if span.name == "execute_tool guess"]
    assert (tries, tools) == ([1, 2], ["ModelRetry", None])
    told = attributes(chats(captured)[1])[names.INPUT_MESSAGES][-1]["parts"][0]
    assert (told["type"], told["response"]) == ("tool_call_response", "higher")


def test_an_output_that_is_refused_is_asked_for_again() -> None:
    """Two calls of the model under one agent, which has not failed."""
    agent: Agent[Any, Any] = Agent(replies(TextPart("short"), TextPart("long enough")), name="bot")

    @agent.output_validator
    def long(output: str) -> str:
        if len(output) < 8:
            raise ModelRetry("longer")
        return output

    with testing.capture() as captured:
        assert asyncio.run(agent.run("go")).output == "long enough"
    assert len(chats(captured)) == 2
    assert captured.one("invoke_agent bot").status.status_code is StatusCode.UNSET


def test_models_around_models_are_one_call() -> None:
    """The one that failed is told of as well."""

    def fails(_messages: Any, _info: Any) -> ModelResponse:
        from pydantic_ai.exceptions import ModelHTTPError

        raise ModelHTTPError(500, "first")

    model = FallbackModel(FunctionModel(fails, model_name="first"), replies(TextPart("second")))
    with testing.capture() as captured:
        asyncio.run(Agent(model, name="bot").run("go"))
    assert [name for name, _ in tree(captured)] == ["invoke_agent bot", "chat first", "chat played"]
    assert attributes(captured.one("chat first"))[names.ERROR_TYPE] == "ModelHTTPError"


def test_toolsets_around_toolsets_are_one_call() -> None:
    """By the name that the model knows."""
    tools: FunctionToolset[None] = FunctionToolset([get_weather])
    agent = Agent(PlayedModel(), name="bot", toolsets=[tools.prefixed("kr").filtered(lambda _context, _tool: True)])
    with testing.capture() as captured:
        asyncio.run(agent.run("go"))
    assert [name for name, _ in tree(captured) if "tool" in name] == ["execute_tool kr_get_weather"]


def test_an_agent_inside_of_a_tool_lies_under_it() -> None:
    """And its model's calls under itself."""
    inner: Agent[None, str] = Agent(PlayedModel(custom_output_text="inner"), name="inner")

    async def ask_inner() -> str:
        """Asks."""
        return (await inner.run("go")).output

    with testing.capture() as captured:
        asyncio.run(Agent(PlayedModel(), name="outer", tools=[ask_inner]).run("go"))
    assert ("invoke_agent inner", "execute_tool ask_inner") in tree(captured)
    assert ("chat test", "invoke_agent inner") in tree(captured)


def test_who_asks_is_known_on_every_span() -> None:
    """What `haechi.context` says."""
    with testing.capture() as captured, haechi.context(user="u-1", session="s-1"):
        asyncio.run(Agent(PlayedModel(), name="bot", tools=[get_weather]).run("go"))
    assert {attributes(span)[names.USER_ID] for span in captured.spans} == {"u-1"}
    assert {attributes(span)[names.CONVERSATION_ID] for span in captured.spans} == {"s-1"}


def mcp_toolset() -> Any:
    """The MCP server of these tests, in a process of its own, as either generation of the library has it."""
    try:
        from fastmcp.client.transports import StdioTransport
        from pydantic_ai.mcp import MCPToolset
    except ImportError:  # before 2.0
        from pydantic_ai.mcp import MCPServerStdio

        return MCPServerStdio(sys.executable, args=[str(SERVER), "stdio"], env=ENVIRONMENT)
    return MCPToolset(StdioTransport(sys.executable, [str(SERVER), "stdio"], env=ENVIRONMENT))


def test_a_tool_of_an_mcp_server_is_one_span() -> None:
    """The agent's call of the tool and the request to the server are one."""

    async def body() -> None:
        agent = Agent(PlayedModel(call_tools=["my_add"]), name="bot", toolsets=[mcp_toolset().prefixed("my")])
        async with agent:
            await agent.run("go")

    with testing.capture() as captured:
        asyncio.run(body())
    facts = attributes(captured.one("execute_tool my_add"))
    assert (facts[names.TOOL_NAME], facts[names.MCP_METHOD_NAME]) == ("my_add", "tools/call")
    assert [name for name, _ in tree(captured) if "execute_tool" in name] == ["execute_tool my_add"]


def test_events_of_a_run_can_be_read_one_by_one() -> None:
    """A model that streams through a function."""

    async def words(_messages: Any, _info: Any) -> AsyncIterator[str]:
        for word in ("안녕", "하세요"):
            yield word

    agent = Agent(FunctionModel(stream_function=words, model_name="played"), name="bot")
    with testing.capture() as captured:
        assert asyncio.run(streamed(agent, "go")) == "안녕하세요"
    facts = attributes(captured.one("chat played"))
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": "안녕하세요"}]
    assert facts[names.RESPONSE_CHUNK_COUNT] > 1
