"""The application does not see us: the same requests, objects, chunks and errors with and without."""

import asyncio
import contextlib
import json
import traceback
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import openai
import pytest
from tests.instrumentation.expectations import attributes
from tests.instrumentation.openai_clients import AZURE, OPENAI, OWN, STREAMS, WAYS, Body, Client, Way, at
from tests.standin import Standin

from haechi import _raw, _runtime, testing
from haechi.instrument._openai_streams import ChatReader
from haechi.spans import Call, Request
from haechi_schemas import attributes as names

each_library = pytest.mark.parametrize("client", OWN, ids=lambda client: client.name)
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
every_stream = pytest.mark.parametrize("way", STREAMS, ids=lambda way: way.__name__)
asking_clients = pytest.mark.parametrize("client", [OPENAI, AZURE], ids=lambda client: client.name)


def sent(standin: Standin) -> list[tuple[bytes, bytes]]:
    """Every request, byte for byte."""
    return [(request.head, request.body) for request in standin.requests]


def both(standin: Standin, program: Callable[[], Any]) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """What a program gets and what the server received, without us and with us."""
    standin.reset()
    alone = program(), sent(standin)
    standin.reset()
    with testing.capture():
        return alone, (program(), sent(standin))


def dumped(values: list[Any]) -> list[Any]:
    return [(type(value), value.model_dump()) for value in values]


@each_library
@every_way
@pytest.mark.parametrize("scenario", ["korean", "tool"])
def test_the_same_is_sent_and_received(client: Client, way: Way, scenario: str, standin: Standin) -> None:
    """Requests are the same byte for byte, answers and chunks the same objects, where usage is the application's."""
    body = client.body(scenario)
    if way in STREAMS and client.made_by_openai:
        body["stream_options"] = {"include_usage": True}
    alone, watched = both(standin, lambda: dumped(way(client, standin, body)))
    assert watched == alone


@asking_clients
@every_stream
def test_the_question_for_usage_is_not_seen(client: Client, way: Way, standin: Standin) -> None:
    """A stream whose usage we ask for has the same chunks; the request differs by the question alone."""
    alone, watched = both(standin, lambda: dumped(way(client, standin, client.body("korean"))))
    asked = standin.last.json()
    assert asked.pop("stream_options") == {"include_usage": True}
    assert asked == {**client.body("korean"), "stream": True}
    text = [[choice["delta"]["content"] for choice in chunk["choices"]] for _, chunk in alone[0]]
    assert [[choice["delta"]["content"] for choice in chunk["choices"]] for _, chunk in watched[0]] == text
    assert watched[0] == alone[0]


@every_stream
@pytest.mark.parametrize(
    "said", [{"include_usage": True}, {"include_usage": False}, {"include_usage": True, "include_obfuscation": False}]
)
def test_what_an_application_says_of_usage_holds(way: Way, said: dict[str, bool], standin: Standin) -> None:
    """The chunk with the usage is the application's where it asked for it, and not asked for where it said no."""
    alone, watched = both(standin, lambda: dumped(way(OPENAI, standin, OPENAI.body("chat", stream_options=said))))
    assert watched == alone
    assert standin.last.json()["stream_options"] == said
    assert bool(watched[0][-1][1]["usage"]) == said["include_usage"]


@every_stream
def test_other_options_of_a_stream_are_kept(way: Way, standin: Standin) -> None:
    """Options that say nothing of usage go along with the question."""
    with testing.capture():
        way(OPENAI, standin, OPENAI.body("chat", stream_options={"include_obfuscation": False}))
    assert standin.last.json()["stream_options"] == {"include_obfuscation": False, "include_usage": True}


@pytest.mark.parametrize(
    ("way", "status", "path"),
    [
        (STREAMS[0], 400, "/vllm/v1"),  # each server is another one: they are remembered
        (STREAMS[0], 422, "/together/v1"),
        (STREAMS[1], 400, "/fireworks/v1"),
        (STREAMS[1], 422, "/ollama/v1"),
    ],
)
def test_a_server_that_knows_no_question_is_asked_once(way: Way, status: int, path: str, standin: Standin) -> None:
    """Refused for `stream_options`, the call is sent again without, and that server is not asked any more."""
    body: Body = {"model": "m", "messages": [{"role": "user", "content": f"[strict:{status}] [korean]"}]}
    strict = Client("strict", "openai", "openai", at(path, openai.OpenAI), at(path, openai.AsyncOpenAI))
    with testing.capture() as captured:
        first, second = way(strict, standin, body), way(strict, standin, body)
    assert ["stream_options" in request.json() for request in standin.requests] == [True, False, False]
    assert [len(chunks) for chunks in (first, second)] == [len(OPENAI.told("korean").fragments) + 2] * 2
    ends = [attributes(span) for span in captured.spans]
    assert [end[names.STREAM_OUTCOME] for end in ends] == ["complete", "complete"]
    assert not [end for end in ends if names.ERROR_TYPE in end]


@every_stream
def test_another_refusal_is_the_applications(way: Way, standin: Standin) -> None:
    """An error that says nothing of the question is not tried again."""
    with testing.capture(), pytest.raises(openai.BadRequestError):
        way(OPENAI, standin, {"model": "m", "messages": [{"role": "user", "content": "[error_400]"}]})
    assert len(standin.requests) == 1


@each_library
@every_way
def test_an_error_is_the_same(client: Client, way: Way, standin: Standin) -> None:
    """The error has the same type, text, cause and place of origin."""

    def program() -> Any:
        try:
            way(client, standin, {"model": client.model, "messages": [{"role": "user", "content": "[error_429]"}]})
        except Exception as error:  # noqa: BLE001  whatever it is
            origin = traceback.extract_tb(error.__traceback__)[-1]
            return (
                type(error),
                str(error),
                repr(error.__cause__),
                repr(error.__context__),
                origin.filename,
                origin.lineno,
            )
        return None

    alone, watched = both(standin, program)
    assert alone[0] is not None
    assert watched[0] == alone[0]


def test_a_stream_is_the_clients_own(standin: Standin) -> None:
    """A watched stream is an instance of the client's class and has its attributes."""
    with testing.capture(), OPENAI.made(standin) as made:
        stream = made.chat.completions.create(**OPENAI.body("chat"), stream=True)
        assert isinstance(stream, openai.Stream)
        assert stream.response.status_code == 200
        assert list(stream)


def test_retries_are_one_call(standin: Standin) -> None:
    """What the client tries again by itself is one span."""
    with testing.capture() as captured, openai.OpenAI(base_url=f"{standin.url}/v1", api_key="x") as made:
        made.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "[retry]"}])
    assert len(standin.requests) == 2
    assert len(captured.spans) == 1


# --- raw responses -----------------------------------------------------------------------------------------------


def raw_parsed(made: Any, body: Body) -> Any:
    response = made.chat.completions.with_raw_response.create(**body)
    return type(response), response.headers["x-request-id"], response.parse().model_dump()


def raw_stream(made: Any, body: Body) -> Any:
    response = made.chat.completions.with_raw_response.create(**body, stream=True)
    return type(response), dumped(list(response.parse()))


def streaming_parsed(made: Any, body: Body) -> Any:
    with made.chat.completions.with_streaming_response.create(**body) as response:
        return type(response), response.parse().model_dump()


def streaming_json(made: Any, body: Body) -> Any:
    with made.chat.completions.with_streaming_response.create(**body) as response:
        return response.json()


def streaming_stream(made: Any, body: Body) -> Any:
    with made.chat.completions.with_streaming_response.create(**body, stream=True) as response:
        return dumped(list(response.parse()))


def streaming_lines(made: Any, body: Body) -> Any:
    with made.chat.completions.with_streaming_response.create(**body, stream=True) as response:
        return [line for line in response.iter_lines() if line]


def streaming_bytes(made: Any, body: Body) -> Any:
    with made.chat.completions.with_streaming_response.create(**body, stream=True) as response:
        return b"".join(response.iter_bytes(64))


async def raw_parsed_async(made: Any, body: Body) -> Any:
    response = await made.chat.completions.with_raw_response.create(**body)
    parsed = response.parse()  # newer clients: a coroutine
    return type(response), (await parsed if asyncio.iscoroutine(parsed) else parsed).model_dump()


async def raw_stream_async(made: Any, body: Body) -> Any:
    response = await made.chat.completions.with_raw_response.create(**body, stream=True)
    parsed = response.parse()
    stream = await parsed if asyncio.iscoroutine(parsed) else parsed
    return dumped([chunk async for chunk in stream])


async def streaming_parsed_async(made: Any, body: Body) -> Any:
    async with made.chat.completions.with_streaming_response.create(**body) as response:
        return (await response.parse()).model_dump()


async def streaming_lines_async(made: Any, body: Body) -> Any:
    async with made.chat.completions.with_streaming_response.create(**body, stream=True) as response:
        return [line async for line in response.iter_lines() if line]


RAW: tuple[Callable[..., Any], ...] = (
    raw_parsed,
    raw_stream,
    streaming_parsed,
    streaming_json,
    streaming_stream,
    streaming_lines,
    streaming_bytes,
    raw_parsed_async,
    raw_stream_async,
    streaming_parsed_async,
    streaming_lines_async,
)


def run(client: Client, standin: Standin, way: Callable[..., Any], scenario: str) -> Any:
    """Run one of the programs above, with a client of its kind."""
    if not asyncio.iscoroutinefunction(way):
        with client.made(standin) as made:
            return way(made, client.body(scenario))

    async def main() -> Any:
        async with client.made_async(standin) as made:
            return await way(made, client.body(scenario))

    return asyncio.run(main())


@each_library
@pytest.mark.parametrize("way", RAW, ids=lambda way: way.__name__)
def test_a_raw_response_is_the_same(client: Client, way: Callable[..., Any], standin: Standin) -> None:
    """However a raw response is read, it says what it would say without us; servers add that the usage is to come."""
    alone, watched = both(standin, lambda: run(client, standin, way, "korean"))
    got = watched[0]
    if isinstance(got, bytes):
        got = got.replace(b',"usage":null', b"")
    elif "lines" in way.__name__:
        got = [line.replace(',"usage":null', "") for line in got]
    assert got == alone[0]


@each_library
@pytest.mark.parametrize("way", RAW, ids=lambda way: way.__name__)
def test_a_raw_response_tells_every_fact(client: Client, way: Callable[..., Any], standin: Standin) -> None:
    """However a raw response is read, its span says what it would say of the client's object."""
    with testing.capture() as captured:
        run(client, standin, way, "korean")
    facts = attributes(captured.spans[0])
    told = client.told("korean")
    assert {name: facts.get(name) for name in client.usage_facts(told)} == client.usage_facts(told)
    assert facts[names.RESPONSE_ID] == "chatcmpl-standin000001"
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": told.text}]
    is_stream = (
        "stream_" in f"{way.__name__}_".removeprefix("streaming") or "lines" in way.__name__ or "bytes" in way.__name__
    )
    assert (names.RESPONSE_TIME_TO_FIRST_CHUNK in facts) == is_stream
    assert facts.get(names.STREAM_OUTCOME) == ("complete" if is_stream else None)


def test_a_raw_stream_that_is_left_is_told(standin: Standin) -> None:
    """The end of its block is the end of the call."""
    body = OPENAI.body("chat", stream=True)
    with testing.capture() as captured, OPENAI.made(standin) as made:
        manager = made.chat.completions.with_streaming_response.create(**body)
        with manager as response:
            next(response.iter_lines())
    assert attributes(captured.spans[0])[names.STREAM_OUTCOME] == "closed"


def test_a_raw_stream_that_breaks_is_told(standin: Standin) -> None:
    """A connection that is cut is an error of the call, and an error event in the stream too."""
    for script in ("[cut]", "[fail]"):
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": script}]}
        with (
            testing.capture() as captured,
            OPENAI.made(standin) as made,
            contextlib.suppress(openai.APIError, httpx.TransportError),
        ):
            list(made.chat.completions.with_raw_response.create(**body, stream=True).parse())
        facts = attributes(captured.spans[0])
        assert facts[names.STREAM_OUTCOME] == "error"
        assert facts[names.ERROR_TYPE] in {"APIError", "RemoteProtocolError", "ReadError"}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"], ids=["newlines", "carriage returns"])
def test_events_may_come_in_any_pieces(size: int, end: str) -> None:
    """Wherever a network cuts a stream, the same events pass and the same one is kept."""
    chunk = {"id": "c1", "choices": [{"index": 0, "delta": {"content": "안녕"}, "finish_reason": None}], "usage": None}
    usage = {"id": "c1", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    events = [f"data: {json.dumps(data, ensure_ascii=False)}{end}" for data in (chunk, chunk, usage)]
    body = "".join([f": comment{end}", *events, f"data: [DONE]{end}"]).encode()
    response = SimpleNamespace(
        http_response=httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces(body, size))
    )
    with testing.capture() as captured:
        runtime = _runtime.current()
        assert runtime is not None
        call = Call(runtime, Request("chat", "openai", "gpt-4o-mini", {}))
        _raw.watch(response, call, ChatReader(runtime.content, hide_usage=True), lambda _: {})
        passed = b"".join(response.http_response.iter_bytes())
    assert passed == body.replace(events[2].encode(), b"")
    facts = attributes(captured.spans[0])
    assert (facts[names.USAGE_INPUT_TOKENS], facts[names.USAGE_OUTPUT_TOKENS]) == (7, 3)
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": "안녕안녕"}]
    assert facts[names.RESPONSE_CHUNK_COUNT] == 3


class Pieces(httpx.SyncByteStream):
    """A body that comes in pieces of one size."""

    def __init__(self, body: bytes, size: int) -> None:
        self._pieces = [body[at : at + size] for at in range(0, len(body), size)]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
