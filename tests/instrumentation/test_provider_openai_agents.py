"""The OpenAI Agents SDK: runs of real agents against the stand-in, plain and streamed."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    Model,
    ModelResponse,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    Usage,
    add_trace_processor,
    function_tool,
    input_guardrail,
    set_trace_processors,
    trace,
)
from agents.mcp import MCPServerStdio
from agents.tracing import TracingProcessor, set_tracing_disabled
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseCompletedEvent, ResponseOutputMessage, ResponseOutputText
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from tests.instrumentation import programs
from tests.instrumentation.expectations import attributes, cost_usd, counts, everything
from tests.standin import Facts, Standin, expected

import haechi
from haechi import testing
from haechi_schemas import attributes as names

SERVER = programs.ROOT / "tests" / "instrumentation" / "mcp_server.py"
PATHS = f"{programs.ROOT / 'instrumentation'}:{programs.ROOT / 'schemas'}"
QUESTION = "서울의 날씨는? [tool]"
seen: list[int] = []


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """Without this the SDK would send its own traces to OpenAI."""
    set_trace_processors([])
    set_tracing_disabled(False)


@function_tool
def get_weather(city: str) -> str:
    """Tells the weather."""
    seen.append(otel.get_current_span().get_span_context().span_id)
    return f"{city}: 맑음"


@function_tool
def get_nothing(city: str) -> str:
    """Fails."""
    raise ValueError(f"no weather in {city}")


@input_guardrail
async def polite(_context: Any, _agent: Any, asked: Any) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput(output_info=None, tripwire_triggered="rude" in str(asked))


async def plain(agent: Agent[Any], text: str, **options: Any) -> Any:
    return (await Runner.run(agent, text, **options)).final_output


async def streamed(agent: Agent[Any], text: str, **options: Any) -> Any:
    result = Runner.run_streamed(agent, text, **options)
    async for _ in result.stream_events():
        pass
    return result.final_output


WAYS = [plain, streamed]
ASKED = {"openai": "gpt-4o-mini", "openai_responses": "gpt-5-mini"}
MODELS = {"openai": OpenAIChatCompletionsModel, "openai_responses": OpenAIResponsesModel}


class Client:
    """A model of the stand-in, made anew for each run: a client belongs to one event loop."""

    def __init__(self, standin: Standin, vendor: str) -> None:
        self.standin = standin
        self.vendor = vendor

    def run(self, way: Any, text: str, agent: Any = None, **options: Any) -> Any:
        """Run an agent, by default one with a tool; return its output."""
        makes = agent or (lambda model: Agent("날씨 봇", model=model, tools=[get_weather]))

        async def body() -> Any:
            async with AsyncOpenAI(base_url=f"{self.standin.url}/v1", api_key="k", max_retries=0) as client:
                model = MODELS[self.vendor](ASKED[self.vendor], client)
                try:
                    return await way(makes(model), text, **options)
                finally:
                    await asyncio.sleep(0)  # the end of a streamed run's task is told of in the loop's next round

        return asyncio.run(body())


@pytest.fixture(params=MODELS)
def client(request: pytest.FixtureRequest, standin: Standin) -> Client:
    return Client(standin, request.param)


def tree(captured: testing.Captured) -> list[tuple[str, str | None]]:
    """The spans' names in the order of their beginning, each with its parent's."""
    ids = {span.context.span_id: span.name for span in captured.spans if span.context}
    ordered = sorted(captured.spans, key=lambda span: span.context.span_id if span.context else 0)
    return [(span.name, ids[span.parent.span_id] if span.parent else None) for span in ordered]


def chats(captured: testing.Captured) -> list[ReadableSpan]:
    return sorted(captured.llm(), key=lambda span: span.start_time or 0)


def told_usage(told: Facts) -> dict[str, Any]:
    usage = counts(told)
    return {**usage, names.COST_USD: cost_usd("openai", (told.response_model,), usage)}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_with_a_tool_is_one_trace(client: Client, way: Any) -> None:
    """The run, its agent, and under it the model's two calls and the tool's, each once and with its facts."""
    chat = f"chat {ASKED[client.vendor]}"
    seen.clear()
    with testing.capture() as captured:
        answer = client.run(way, QUESTION)
    assert answer == expected(f"{client.vendor}.tool_answer").text
    assert tree(captured) == [
        ("invoke_workflow Agent workflow", None),
        ("invoke_agent 날씨 봇", "invoke_workflow Agent workflow"),
        (chat, "invoke_agent 날씨 봇"),
        ("execute_tool get_weather", "invoke_agent 날씨 봇"),
        (chat, "invoke_agent 날씨 봇"),
    ]
    assert attributes(captured.one("invoke_workflow Agent workflow")) == {
        names.OPERATION_NAME: "invoke_workflow",
        names.WORKFLOW_NAME: "Agent workflow",
        names.OBSERVED_INPUT: QUESTION,
        names.OBSERVED_OUTPUT: answer,
    }
    assert attributes(captured.one("invoke_agent 날씨 봇")) == {
        names.OPERATION_NAME: "invoke_agent",
        names.AGENT_NAME: "날씨 봇",
    }
    tool = captured.one("execute_tool get_weather")
    facts = attributes(tool)
    assert facts.pop(names.TOOL_CALL_ID).startswith("call_")
    assert json.loads(facts.pop(names.TOOL_CALL_ARGUMENTS)) == {"city": "Seoul"}
    assert facts == {
        names.OPERATION_NAME: "execute_tool",
        names.TOOL_NAME: "get_weather",
        names.TOOL_TYPE: "function",
        names.TOOL_CALL_RESULT: "Seoul: 맑음",
    }
    assert tool.context
    assert seen == [tool.context.span_id]


@pytest.mark.parametrize("way", WAYS)
def test_the_models_calls_are_the_clients_spans(client: Client, way: Any) -> None:
    """With usage, cost and, of streams, the time to the first chunk."""
    with testing.capture() as captured:
        client.run(way, QUESTION)
    first, second = chats(captured)
    offered = ({"name": "get_weather", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}},)
    for span, told in (
        (first, expected(f"{client.vendor}.tool", tools=offered)),
        (second, expected(f"{client.vendor}.tool_answer")),
    ):
        facts = attributes(span)
        assert {name: facts[name] for name in told_usage(told)} == told_usage(told)
        assert facts[names.PROVIDER_NAME] == "openai"
        assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in facts) is (way is streamed)


def test_a_run_in_no_event_loop_of_ones_own(client: Client) -> None:
    """``run_sync`` is one run."""

    def body() -> str:
        made = AsyncOpenAI(base_url=f"{client.standin.url}/v1", api_key="k")
        model = MODELS[client.vendor](ASKED[client.vendor], made)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return str(Runner.run_sync(Agent("bot", model=model), "Where is Seoul?").final_output)
        finally:
            loop.run_until_complete(made.close())
            asyncio.set_event_loop(None)
            loop.close()

    with testing.capture() as captured:
        assert body() == expected(f"{client.vendor}.chat").text
    assert [name.split(" ")[0] for name, _ in tree(captured)] == ["invoke_workflow", "invoke_agent", "chat"]


def test_runs_at_the_same_time_are_traces_of_their_own(client: Client) -> None:
    """Each span lies in the run that it is of."""

    async def body(agent: Any, text: str) -> None:
        await asyncio.gather(*(way(agent, text) for way in (plain, streamed, plain, streamed)))

    with testing.capture() as captured:
        client.run(body, QUESTION)
    sizes = Counter(span.context.trace_id for span in captured.spans if span.context)
    assert list(sizes.values()) == [5, 5, 5, 5]


@pytest.mark.parametrize("way", WAYS)
def test_a_handoff_is_a_span_and_the_agents_are_beside_each_other(client: Client, way: Any) -> None:
    """One trace, the application's own where it has begun one, with its conversation on every span."""

    async def body(agent: Any, text: str) -> None:
        with trace("상담", group_id="c-1"):
            await way(agent, text)

    with testing.capture() as captured:
        client.run(body, "Go. [tool]", lambda model: Agent("Front", model=model, handoffs=[Agent("Back", model=model)]))
    chat = f"chat {ASKED[client.vendor]}"
    assert tree(captured) == [
        ("invoke_workflow 상담", None),
        ("invoke_workflow Agent workflow", "invoke_workflow 상담"),
        ("invoke_agent Front", "invoke_workflow Agent workflow"),
        (chat, "invoke_agent Front"),
        ("handoff Back", "invoke_agent Front"),
        ("invoke_agent Back", "invoke_workflow Agent workflow"),
        (chat, "invoke_agent Back"),
    ]
    handoff = attributes(captured.one("handoff Back"))
    assert (handoff[names.HANDOFF_FROM], handoff[names.HANDOFF_TO]) == ("Front", "Back")
    assert {attributes(span)[names.CONVERSATION_ID] for span in captured.spans} == {"c-1"}


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_that_is_a_tool_is_part_of_the_run(client: Client, way: Any) -> None:
    """Its agent lies under the tool."""

    def agent(model: Any) -> Agent[Any]:
        inner = Agent("Inner", model=model).as_tool("ask_inner", "Asks.")
        return Agent("Outer", model=model, tools=[inner])

    with testing.capture() as captured:
        client.run(way, "[tool]", agent)
    parents = dict(tree(captured))
    assert parents["invoke_agent Inner"] == "execute_tool ask_inner"
    assert [name for name in parents if name.startswith("invoke_workflow")] == ["invoke_workflow Agent workflow"]


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_that_fails_is_told_and_the_run_goes_on(client: Client, way: Any) -> None:
    """The SDK answers the model with the error."""
    with testing.capture() as captured:
        client.run(way, "[tool]", lambda model: Agent("bot", model=model, tools=[get_nothing]))
    tool = captured.one("execute_tool get_nothing")
    assert attributes(tool)[names.ERROR_TYPE] == "tool_error"
    assert tool.status.status_code is StatusCode.ERROR
    assert captured.one("invoke_agent bot").status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("way", WAYS)
def test_guardrails_are_spans_and_say_whether_they_stopped_the_run(client: Client, way: Any) -> None:
    """The exception is the application's, and that of the run's span."""

    def guarded(model: Any) -> Agent[Any]:
        return Agent("bot", model=model, input_guardrails=[polite])

    with testing.capture() as captured:
        client.run(way, "kind", guarded)
    span = captured.one("guardrail polite")
    assert attributes(span)[names.GUARDRAIL_TRIGGERED] is False
    with testing.capture() as captured, pytest.raises(Exception, match="tripwire") as raised:
        client.run(way, "rude", guarded)
    assert attributes(captured.one("guardrail polite"))[names.GUARDRAIL_TRIGGERED] is True
    run = captured.one("invoke_workflow Agent workflow")
    assert attributes(run)[names.ERROR_TYPE] == type(raised.value).__name__


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_of_the_provider_is_told_at_every_level(client: Client, way: Any, status: int) -> None:
    """The application gets it as it is."""
    with testing.capture() as captured, pytest.raises(Exception, match=str(status)) as raised:
        client.run(way, f"Go. [error_{status}]")
    kind = type(raised.value).__name__
    assert {attributes(span)[names.ERROR_TYPE] for span in captured.spans} == {kind}
    assert {span.status.status_code for span in captured.spans} == {StatusCode.ERROR}


@pytest.mark.parametrize("way", WAYS)
def test_too_many_turns_fail_the_run(client: Client, way: Any) -> None:
    """The limit's exception."""
    with testing.capture() as captured, pytest.raises(Exception, match="Max turns"):
        client.run(way, QUESTION, max_turns=1)
    run = captured.one("invoke_workflow Agent workflow")
    assert attributes(run)[names.ERROR_TYPE] == "MaxTurnsExceeded"
    assert captured.one("invoke_agent 날씨 봇").status.status_code is StatusCode.ERROR


def test_a_streamed_run_that_nobody_reads_to_its_end_ends(client: Client) -> None:
    """Cancelled, every span ends once."""

    async def body(agent: Any, text: str) -> None:
        result = Runner.run_streamed(agent, text)
        async for _ in result.stream_events():
            result.cancel()
            break
        await asyncio.sleep(0.1)

    with testing.capture() as captured:
        client.run(body, "Where is Seoul? [slow:5]")
    assert len(captured.spans) == len({span.context.span_id for span in captured.spans if span.context})
    assert captured.one("invoke_workflow Agent workflow").end_time


@pytest.mark.parametrize("way", WAYS)
def test_runs_and_conversations_have_names(client: Client, way: Any) -> None:
    """The run's own; what `haechi.context` says comes first."""
    options = {"run_config": RunConfig(workflow_name="문의", group_id="g-1")}
    with testing.capture() as captured:
        client.run(way, "Where is Seoul?", **options)
    assert attributes(captured.one("invoke_workflow 문의"))[names.WORKFLOW_NAME] == "문의"
    assert {attributes(span)[names.CONVERSATION_ID] for span in captured.spans} == {"g-1"}
    with testing.capture() as captured, haechi.context(session="mine"):
        client.run(way, "Where is Seoul?", **options)
    assert {attributes(span)[names.CONVERSATION_ID] for span in captured.spans} == {"mine"}


class Processor(TracingProcessor):
    """Writes down what the SDK's own tracing sees."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_trace_start(self, trace: Any) -> None:
        self.seen.append(f"trace {trace.name}")

    def on_trace_end(self, trace: Any) -> None:
        self.seen.append(f"end of {trace.name}")

    def on_span_start(self, span: Any) -> None:
        self.seen.append(span.span_data.type)

    def on_span_end(self, span: Any) -> None:
        self.seen.append(f"end of {span.span_data.type}")

    def shutdown(self) -> None:
        pass

    def force_flush(self) -> None:
        pass


@pytest.mark.parametrize("way", WAYS)
def test_the_sdks_own_tracing_stays_as_it_is(client: Client, way: Any) -> None:
    """On, it sees the same with us and without; off, ours goes on."""
    with_us, without = Processor(), Processor()
    add_trace_processor(with_us)
    with testing.capture() as captured:
        client.run(way, QUESTION)
    set_trace_processors([without])
    client.run(way, QUESTION)
    assert with_us.seen == without.seen
    assert with_us.seen
    before = tree(captured)
    set_tracing_disabled(True)
    with testing.capture() as captured:
        client.run(way, QUESTION)
    assert tree(captured) == before


@pytest.mark.parametrize("way", WAYS)
def test_the_requests_are_the_same_with_us_and_without(client: Client, way: Any) -> None:
    """Byte for byte, but for the usage of streams that is asked for."""
    client.run(way, QUESTION)
    without = [request.json() for request in client.standin.requests]
    client.standin.reset()
    with testing.capture(stream_usage=False):
        client.run(way, QUESTION)
    assert [request.json() for request in client.standin.requests] == without


def test_without_content_no_text_is_recorded(client: Client) -> None:
    """At no level."""
    with testing.capture(content="off") as captured:
        client.run(plain, QUESTION)
    for span in captured.spans:
        assert all(text not in everything(span) for text in ("날씨는", "맑음", "Seoul"))


def test_a_tool_of_an_mcp_server_is_one_span() -> None:
    """The SDK's span of the tool and the request to the server are one, in which the server's span lies."""

    async def body() -> None:
        options = {
            "command": sys.executable,
            "args": [str(SERVER), "stdio"],
            "env": programs.environment(PYTHONPATH=PATHS),
        }
        async with MCPServerStdio(params=options) as server:  # type: ignore[arg-type]  # a typed dict
            await Runner.run(Agent("bot", model=Adds(), mcp_servers=[server]), "1+2")

    with testing.capture() as captured:
        asyncio.run(body())
    tool = captured.one("execute_tool add")
    facts = attributes(tool)
    assert (facts[names.MCP_METHOD_NAME], facts[names.TOOL_CALL_ID]) == ("tools/call", "call_1")
    assert [name for name, _ in tree(captured) if name.startswith("execute_tool")] == ["execute_tool add"]


class Echo(Model):
    """A model without a client."""

    async def get_response(self, *_args: Any, **_kwargs: Any) -> ModelResponse:
        usage = Usage(requests=1, input_tokens=11, output_tokens=7, total_tokens=18)
        return ModelResponse(output=[said("메아리")], usage=usage, response_id="r-1")

    async def stream_response(self, *_args: Any, **_kwargs: Any) -> AsyncIterator[Any]:
        response = Response.model_validate(
            {
                "id": "r-1",
                "created_at": 0,
                "model": "echo",
                "object": "response",
                "output": [said("메아리").model_dump()],
                "parallel_tool_calls": False,
                "tool_choice": "auto",
                "tools": [],
                "usage": {
                    "input_tokens": 11,
                    "output_tokens": 7,
                    "total_tokens": 18,
                    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                    "output_tokens_details": {"reasoning_tokens": 0},
                },
            }
        )
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=0)


def said(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(annotations=[], text=text, type="output_text")
    return ResponseOutputMessage(id="m", content=[part], role="assistant", status="completed", type="message")


class Adds(Echo):
    """Calls the tool `add`, then answers."""

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        from openai.types.responses import ResponseFunctionToolCall

        answer = await super().get_response(*args, **kwargs)
        asked = kwargs["input"] if "input" in kwargs else args[1]
        if isinstance(asked, list) and any(item.get("type") == "function_call_output" for item in asked):
            return answer
        call = ResponseFunctionToolCall(
            arguments='{"a": 1, "b": 2}', call_id="call_1", name="add", type="function_call"
        )
        return ModelResponse(output=[call], usage=answer.usage, response_id=None)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_without_an_observed_client_is_a_span_too(way: Any) -> None:
    """Told of by what the SDK knows."""
    with testing.capture() as captured:
        asyncio.run(way(Agent("bot", model=Echo(), instructions="Repeat."), "안녕"))
    (span,) = captured.llm()
    facts = attributes(span)
    parts = [{"type": "text", "content": "메아리"}]
    assert (span.name, dict(tree(captured))[span.name]) == ("chat Echo", "invoke_agent bot")
    assert (facts[names.USAGE_INPUT_TOKENS], facts[names.USAGE_OUTPUT_TOKENS]) == (11, 7)
    assert facts[names.RESPONSE_ID] == "r-1"
    assert facts[names.INPUT_MESSAGES][-1]["parts"] == [{"type": "text", "content": "안녕"}]
    assert facts[names.SYSTEM_INSTRUCTIONS] == [{"type": "text", "content": "Repeat."}]
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == parts
