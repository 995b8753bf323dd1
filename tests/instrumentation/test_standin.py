"""The stand-in itself: its facts, its server, its process."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.standin import Standin, expected
from tests.standin.facts import VENDORS
from tests.standin.script import ANSWERS, fill, read

ROOT = Path(__file__).parent.parent.parent


def post(url: str, body: object) -> tuple[int, bytes]:
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def ask(text: str, model: str = "gpt-4o-mini") -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("scenario", ANSWERS)
def test_no_two_counts_of_an_answer_are_equal(vendor: str, scenario: str) -> None:
    """A mix-up of two token kinds shows; the parts fit into their wholes."""
    it = expected(f"{vendor}.{scenario}")
    parts = [it.cache_read_tokens, it.cache_write_tokens, it.reasoning_tokens]
    uncached = it.input_tokens - it.cache_read_tokens - it.cache_write_tokens
    wholes = {it.input_tokens, it.output_tokens, uncached, it.output_tokens - it.reasoning_tokens}
    reported = [part for part in parts if part]
    assert len({*reported, it.input_tokens, it.output_tokens, it.total_tokens}) == len(reported) + 3
    assert not wholes & set(reported)
    assert uncached > 0
    assert it.reasoning_tokens < it.output_tokens


def test_no_two_scenarios_of_a_vendor_are_counted_alike() -> None:
    """An assertion on the wrong scenario fails."""
    for vendor in VENDORS:
        told = [expected(f"{vendor}.{scenario}") for scenario in ANSWERS]
        assert len({(it.input_tokens, it.output_tokens) for it in told}) == len(ANSWERS)


def test_markers_are_read_anywhere_in_the_text_or_the_model() -> None:
    """Several at once; unknown ones are ordinary text."""
    script = read("Say [korean] please [slow:7] [unknown] [1]", "gpt-4o-mini--cut--error_429")
    assert (script.answer, script.pause_ms, script.cut, script.status) == ("korean", 7, True, 429)
    assert read("[tool]", after_tool=True).answer == "tool_answer"


def test_a_schema_is_filled_with_its_references() -> None:
    """Objects, arrays, choices, enums and `$defs`."""
    city = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"enum": ["big", "small"]}}}
    schema = {"$defs": {"City": city}, "properties": {"all": {"type": "array", "items": {"$ref": "#/$defs/City"}}}}
    assert fill(schema) == {"all": [{"name": "Seoul", "size": "big"}]}


def test_ids_count_up_and_start_again(standin: Standin) -> None:
    """Every response has its own id; after `reset` the same requests get the same bytes."""
    url = f"{standin.url}/v1/chat/completions"
    first, second = post(url, ask("hi"))[1], post(url, ask("hi"))[1]
    assert first != second
    standin.reset()
    assert [post(url, ask("hi"))[1] for _ in range(2)] == [first, second]
    assert len(standin.requests) == 2


def test_what_it_does_not_play_is_404_and_what_it_cannot_read_500(standin: Standin) -> None:
    """Both say why in the body."""
    assert post(f"{standin.url}/v9/chat", {}) == (
        404,
        b'{"error":{"message":"The stand-in has no POST /v9/chat."}}',
    )
    status, words = post(f"{standin.url}/v1/embeddings", {})
    assert (status, words.partition(b"\n")[0]) == (500, b"The stand-in cannot answer this: KeyError('input')")


async def _raw(port: int, *parts: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    got = await reader.read()
    writer.close()
    await writer.wait_closed()
    return got


def test_requests_may_come_in_pieces_and_together(standin: Standin) -> None:
    """A head cut in two, then two requests in one write, are answered in turn."""
    body = json.dumps(ask("hi")).encode()
    one = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    last = one.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n")
    got = asyncio.run(_raw(standin.port, one[:30], one[30:] + one + last))
    assert got.count(b"HTTP/1.1 200 OK") == len(standin.requests) == 3


def test_slow_replies_do_not_wait_for_each_other(standin: Standin) -> None:
    """Many connections are served at once: fifty replies of a second take less than fifty seconds to come."""

    async def all_at_once() -> list[bytes]:
        body = json.dumps(ask("[slow:1000]")).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        return await asyncio.wait_for(asyncio.gather(*(_raw(standin.port, head + body) for _ in range(50))), 25)

    assert all(got.startswith(b"HTTP/1.1 200 OK") for got in asyncio.run(all_at_once()))


def test_stopping_ends_slow_replies_and_a_second_stop_does_nothing() -> None:
    """Nothing stays open behind a stand-in that is stopped while it answers."""

    async def leave() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        body = json.dumps(ask("[long:1000][slow:100]") | {"stream": True}).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert await reader.readexactly(8) == b"HTTP/1.1"
        await asyncio.to_thread(standin.stop)
        assert not (await reader.read()).endswith(b"0\r\n\r\n")  # the stream has no end
        writer.close()
        await writer.wait_closed()

    standin = Standin()
    asyncio.run(leave())
    standin.stop()


def test_it_runs_as_a_process_and_ends_with_its_stdin() -> None:
    """`python -m tests.standin` prints its port."""
    command = [sys.executable, "-m", "tests.standin"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        status, _ = post(f"http://127.0.0.1:{port}/v1/chat/completions", ask("hi"))
        process.stdin.close()
        assert (status, process.wait(30)) == (200, 0)
