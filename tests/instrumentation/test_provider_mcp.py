"""The Model Context Protocol: real clients and servers in processes of their own, over stdio and over HTTP."""

import asyncio
import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import mcp
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client import streamable_http
from mcp.client.stdio import stdio_client
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from tests.instrumentation import programs
from tests.instrumentation.receiver import Receiver, Sent

import haechi
from haechi import testing
from haechi_schemas import attributes as names

SERVER = Path(__file__).with_name("mcp_server.py")
PATHS = f"{programs.ROOT / 'instrumentation'}:{programs.ROOT / 'schemas'}"
SINCE_2 = hasattr(mcp, "Client")
BROKEN = "Error executing tool broken" if SINCE_2 else "Error executing tool broken: the tool broke"

Open = Callable[[], AbstractAsyncContextManager[ClientSession]]
Asked = dict[str, Any]


async def ask(session: ClientSession) -> Asked:
    """Ask for everything that a server offers, and for what it does not."""
    await session.list_tools()
    asked: Asked = {
        "add": await session.call_tool("add", {"a": 1, "b": 2}),
        "greet": await session.call_tool("greet", {"name": "민수"}),
        "broken": await session.call_tool("broken", {}),
        "memo": await session.read_resource("memo://today"),  # type: ignore[arg-type]  # before 2.0 an object
        "ask": await session.get_prompt("ask", {"name": "Kim"}),
    }
    try:
        await session.get_prompt("nobody", {})
    except Exception as error:  # noqa: BLE001  its class has two names
        asked["nobody"] = error
    return asked


def environment(receiver: Receiver) -> dict[str, str]:
    return programs.environment(HAECHI_ENDPOINT=receiver.endpoint, PYTHONPATH=PATHS)


def over_stdio(receiver: Receiver, record: Path | None = None) -> Open:
    """A server of one's own behind pipes; what it is sent is copied to ``record``."""
    server = [sys.executable, str(SERVER), "stdio"]
    command = ["sh", "-c", f"tee {shlex.quote(str(record))} | {shlex.join(server)}"] if record else server

    @asynccontextmanager
    async def opened() -> AsyncIterator[ClientSession]:
        started = StdioServerParameters(command=command[0], args=command[1:], env=environment(receiver))
        async with stdio_client(started) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            yield session

    return opened


def over_http(port: int) -> Open:
    """A server that others use too."""
    connect = getattr(streamable_http, "streamable_http_client", None) or streamable_http.streamablehttp_client

    @asynccontextmanager
    async def opened() -> AsyncIterator[ClientSession]:
        async with connect(f"http://127.0.0.1:{port}/mcp") as streams, ClientSession(*streams[:2]) as session:
            await session.initialize()
            yield session

    return opened


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def port(receiver: Receiver) -> Iterator[int]:
    """The port of a server over HTTP."""
    number = free_port()
    server = subprocess.Popen([sys.executable, str(SERVER), str(number)], env=environment(receiver))
    try:
        wait_for(number)
        yield number
    finally:
        server.terminate()
        server.wait(30)


class Ran:
    """What was answered, and what both sides told."""

    def __init__(self, opened: Open, receiver: Receiver) -> None:
        receiver.spans.clear()

        async def run() -> Asked:
            async with opened() as session:
                return await ask(session)

        with testing.capture() as captured, haechi.span("application"):
            self.answers = asyncio.run(run())
        self.client = captured.spans
        traces = {span.context.trace_id for span in captured.spans if span.context}
        for wanted in self.client:
            if wanted.name != "application":
                self._wait_for(receiver, wanted)
        self.server = [span for span in receiver.spans if int.from_bytes(span.trace_id, "big") in traces]

    @staticmethod
    def _wait_for(receiver: Receiver, client: ReadableSpan) -> None:
        assert client.context
        parent, deadline = client.context.span_id, time.monotonic() + 20
        while not any(int.from_bytes(span.parent_id, "big") == parent for span in receiver.spans):
            assert time.monotonic() < deadline, (client.name, receiver.names())
            time.sleep(0.02)

    def sides(self, name: str) -> tuple[ReadableSpan, Sent]:
        """The one span of that name on either side."""
        (client,) = [span for span in self.client if span.name == name]
        (server,) = [span for span in self.server if span.name == name]
        return client, server


@pytest.fixture(scope="module", params=["stdio", "http"])
def ran(request: pytest.FixtureRequest, receiver: Receiver) -> Ran:
    opened = over_http(request.getfixturevalue("port")) if request.param == "http" else over_stdio(receiver)
    return Ran(opened, receiver)


def shared(facts: dict[str, Any]) -> dict[str, Any]:
    """Attributes without those that a version, a transport or one side alone has."""
    only = {names.MCP_PROTOCOL_VERSION, names.MCP_SESSION_ID, names.JSONRPC_REQUEST_ID}
    return {
        name: value for name, value in facts.items() if name not in {*only, names.SERVER_ADDRESS, names.SERVER_PORT}
    }


TOOLS: dict[str, dict[str, Any]] = {
    "add": {names.TOOL_CALL_ARGUMENTS: '{"a":1,"b":2}', names.TOOL_CALL_RESULT: "3"},
    "greet": {names.TOOL_CALL_ARGUMENTS: '{"name":"민수"}', names.TOOL_CALL_RESULT: "안녕하세요, 민수님"},
    "broken": {names.TOOL_CALL_ARGUMENTS: "{}", names.TOOL_CALL_RESULT: BROKEN, names.ERROR_TYPE: "tool_error"},
}


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_call_is_one_span_on_each_side(ran: Ran, tool: str) -> None:
    """Both say the same facts; the server's span is the child of the client's."""
    client, server = ran.sides(f"execute_tool {tool}")
    facts = {
        names.OPERATION_NAME: "execute_tool",
        names.MCP_METHOD_NAME: "tools/call",
        names.TOOL_NAME: tool,
        **TOOLS[tool],
    }
    assert shared(dict(client.attributes or {})) == facts
    assert shared(server.attributes) == facts
    assert client.context
    assert (client.kind, server.parent_id) == (SpanKind.CLIENT, client.context.span_id.to_bytes(8, "big"))
    assert client.status.status_code is (StatusCode.ERROR if tool == "broken" else StatusCode.UNSET)


def test_what_a_tool_does_lies_under_the_servers_span(ran: Ran) -> None:
    """The context is current in the tool's own code."""
    _, server = ran.sides("execute_tool greet")
    (inner,) = [span for span in ran.server if span.name == "inside of a tool"]
    assert inner.parent_id == server.span_id


def test_prompts_and_resources_are_spans(ran: Ran) -> None:
    """They have names, and no content."""
    client, server = ran.sides("prompts/get ask")
    asked = {names.MCP_METHOD_NAME: "prompts/get", names.PROMPT_NAME: "ask"}
    assert shared(dict(client.attributes or {})) == shared(server.attributes) == asked
    client, server = ran.sides("resources/read")
    read = {names.MCP_METHOD_NAME: "resources/read", names.MCP_RESOURCE_URI: "memo://today"}
    assert shared(dict(client.attributes or {})) == shared(server.attributes) == read


def test_an_error_of_the_protocol_is_told_by_its_code(ran: Ran) -> None:
    """The application gets its exception."""
    client, _ = ran.sides("prompts/get nobody")
    facts = dict(client.attributes or {})
    assert (facts[names.ERROR_TYPE], facts[names.RPC_RESPONSE_STATUS_CODE]) == ("0", "0")
    assert client.status.status_code is StatusCode.ERROR
    assert "nobody" in str(ran.answers["nobody"])


def test_every_span_is_ours(ran: Ran) -> None:
    """Of what is observed the SDK's own spans are not made as well; all requests lie under the application's span."""
    wanted = {*(f"execute_tool {tool}" for tool in TOOLS), "prompts/get ask", "prompts/get nobody", "resources/read"}
    assert sorted(span.name for span in ran.client) == sorted({*wanted, "application"})
    observed = {"tools/call", "prompts/get", "resources/read"}
    mine = [span.name for span in ran.server if span.attributes.get(names.MCP_METHOD_NAME) in observed]
    assert sorted(mine) == sorted(wanted)
    (application,) = [span for span in ran.client if span.name == "application"]
    assert {span.parent.span_id for span in ran.client if span.parent} == {application.context.span_id}  # type: ignore[union-attr]


def test_a_session_over_http_is_known_on_both_sides(port: int, receiver: Receiver) -> None:
    """With the server's address, which is the client's to know, and the numbers of the requests."""
    ran = Ran(over_http(port), receiver)
    client, server = ran.sides("execute_tool add")
    facts = dict(client.attributes or {})
    assert (facts[names.SERVER_ADDRESS], facts[names.SERVER_PORT]) == ("127.0.0.1", port)
    assert len(str(facts[names.MCP_SESSION_ID])) == 32
    assert server.attributes[names.MCP_SESSION_ID] == facts[names.MCP_SESSION_ID]
    assert str(facts[names.MCP_PROTOCOL_VERSION]).startswith("2025-")
    assert int(server.attributes[names.JSONRPC_REQUEST_ID]) > 0


def sent(opened: Open, record: Path) -> list[Any]:
    async def run() -> None:
        async with opened() as session:
            await ask(session)

    asyncio.run(run())
    return [json.loads(line) for line in record.read_text("utf-8").splitlines()]


def test_nothing_but_the_context_is_added_to_what_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    """Line by line, the same requests with us and without."""
    without = sent(over_stdio(receiver, tmp_path / "without"), tmp_path / "without")
    with testing.capture() as captured:
        with_us = sent(over_stdio(receiver, tmp_path / "with"), tmp_path / "with")
    carried = [line["params"]["_meta"].pop("traceparent") for line in with_us if "_meta" in line.get("params", {})]
    assert carried == [f"00-{s.context.trace_id:032x}-{s.context.span_id:016x}-01" for s in captured.spans if s.context]
    for line in with_us:
        if line.get("params", {}).get("_meta") == {}:
            del line["params"]["_meta"]
    assert with_us == without


def test_a_framework_s_span_of_the_tool_is_the_clients(receiver: Receiver) -> None:
    """The request is no second span, and the facts of the protocol are added to the one that there is."""

    async def run() -> None:
        async with over_stdio(receiver)() as session:
            with haechi.span("add", kind="tool"):
                await session.call_tool("add", {"a": 1, "b": 2})

    with testing.capture() as captured:
        asyncio.run(run())
    (span,) = captured.spans
    facts = dict(span.attributes or {})
    assert (span.name, facts[names.MCP_METHOD_NAME]) == ("execute_tool add", "tools/call")
    assert facts[names.TOOL_CALL_RESULT] == "3"


def test_requests_at_the_same_time_are_told_apart(port: int, receiver: Receiver) -> None:
    """Each has its own context at the server, whatever goes on in the session beside it."""
    receiver.spans.clear()

    async def run() -> None:
        async with over_http(port)() as session:
            await asyncio.gather(*(session.call_tool("add", {"a": number, "b": 0}) for number in range(8)))

    with testing.capture() as captured:
        asyncio.run(run())
    asked = {s.context.span_id: (s.attributes or {})[names.TOOL_CALL_RESULT] for s in captured.spans if s.context}
    deadline = time.monotonic() + 20
    while receiver.names()["execute_tool add"] < len(asked) and time.monotonic() < deadline:
        time.sleep(0.02)
    told = [s for s in receiver.spans if s.name == "execute_tool add"]
    assert {int.from_bytes(s.parent_id, "big"): s.attributes[names.TOOL_CALL_RESULT] for s in told} == asked
    assert sorted(map(str, asked.values())) == [str(number) for number in range(8)]


def test_without_content_no_text_is_recorded(receiver: Receiver) -> None:
    """Neither arguments nor results."""

    async def run() -> None:
        async with over_stdio(receiver)() as session:
            await session.call_tool("greet", {"name": "민수"})

    with testing.capture(content="off") as captured:
        asyncio.run(run())
    assert "민수" not in json.dumps(dict(captured.spans[0].attributes or {}), ensure_ascii=False)


CLIENT = """
    import asyncio, sys
    import haechi
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    async def main():
        env = {"PYTHONPATH": sys.argv[2]}
        server = StdioServerParameters(command=sys.executable, args=[sys.argv[1], "stdio"], env=env)
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await session.call_tool("add", {"a": 1, "b": 2})

    haechi.init()
    asyncio.run(main())
"""


def test_the_sdks_own_spans_give_way(tmp_path: Path) -> None:
    """Where a provider of the whole process would record them too, each side still tells of a call once."""
    with Receiver() as receiver:
        ended = programs.python(tmp_path, CLIENT, str(SERVER), PATHS, **environment(receiver))
        assert ended.status == 0, ended.err
        told = [span for span in receiver.spans if "add" in span.name]
    assert [span.name for span in told] == ["execute_tool add"]
