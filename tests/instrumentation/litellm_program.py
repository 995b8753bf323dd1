"""A program that calls models through LiteLLM, with us and without; prints what it got and what was recorded, as JSON.

A program of its own because LiteLLM keeps sockets and event loops open for as long as its process lives.
"""

import asyncio
import gc
import json
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import litellm

from haechi import testing

Json = dict[str, Any]
URL = sys.argv[1]
PLACE = {"api_base": f"{URL}/v1", "api_key": "x"}
ASKED = {"korean": "서울은 어디입니까? [korean]", "tool": "날씨? [tool]", "error": "[error_400]"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "날씨", "parameters": SCHEMA}}


def body(scenario: str, **more: Any) -> Json:
    tools = {"tools": [WEATHER]} if scenario == "tool" else {}
    return {"messages": [{"role": "user", "content": ASKED[scenario]}], **PLACE, **tools, **more}


def chat(asynchronous: bool, scenario: str, model: str = "openai/gpt-4o-mini", **more: Any) -> list[Any]:
    """Call `completion` as most programs do, with the model in front; return the answer or the chunks."""
    if not asynchronous:
        result = litellm.completion(model, **body(scenario, **more))
        return list(result) if more.get("stream") else [result]

    async def main() -> list[Any]:
        result = await litellm.acompletion(model, **body(scenario, **more))
        return [chunk async for chunk in result] if more.get("stream") else [result]

    return asyncio.run(main())


def left(asynchronous: bool) -> list[Any]:
    del asynchronous
    stream = litellm.completion("openai/gpt-4o-mini", **body("korean", stream=True))
    next(stream)
    del stream
    gc.collect()
    return []


def routed(asynchronous: bool, *, stream: bool) -> list[Any]:
    place = {"model": "openai/gpt-4o-mini", **PLACE}
    router = litellm.Router(model_list=[{"model_name": "ours", "litellm_params": place}], num_retries=0)
    messages: list[Any] = [{"role": "user", "content": ASKED["korean"]}]
    if not asynchronous:
        result: Any = router.completion("ours", messages, stream=stream)
        return list(result) if stream else [result]

    async def main() -> list[Any]:
        result: Any = await router.acompletion("ours", messages, stream=stream)
        return [chunk async for chunk in result] if stream else [result]

    return asyncio.run(main())


def embedded(asynchronous: bool) -> list[Any]:
    if asynchronous:
        asyncio.run(litellm.aembedding(model="openai/text-embedding-3-small", input=["서울"], **PLACE))
    else:
        litellm.embedding("openai/text-embedding-3-small", ["서울"], **PLACE)
    return []


def responded(asynchronous: bool, *, stream: bool) -> list[Any]:
    arguments = {"input": ASKED["korean"], "model": "openai/gpt-5-mini", "stream": stream, **PLACE}
    if not asynchronous:
        result: Any = litellm.responses(**arguments)
        return [len(list(result))] if stream else []

    async def main() -> list[Any]:
        result: Any = await litellm.aresponses(**arguments)
        return [len([event async for event in result])] if stream else []

    return asyncio.run(main())


Case = Callable[[bool], list[Any]]
CASES: dict[str, Case] = {
    **{name: lambda way, name=name: chat(way, name, temperature=0.5) for name in ("korean", "tool")},
    **{f"{name} streamed": lambda way, name=name: chat(way, name, stream=True) for name in ("korean", "tool")},
    "usage asked for": lambda way: chat(way, "korean", stream=True, stream_options={"include_usage": True}),
    "plain name": lambda way: chat(way, "korean", model="gpt-4o-mini"),
    "error": lambda way: chat(way, "error"),
    "error streamed": lambda way: chat(way, "error", stream=True),
    "left": left,
    "routed": lambda way: routed(way, stream=False),
    "routed streamed": lambda way: routed(way, stream=True),
    "embedded": embedded,
    "responded": lambda way: responded(way, stream=False),
    "responded streamed": lambda way: responded(way, stream=True),
}


def said(value: Any) -> Any:
    """What the application sees of an answer or a chunk."""
    if isinstance(value, int):
        return value
    choices = [(str(getattr(c, "delta", None) or c.message), c.finish_reason) for c in value.choices]
    return type(value).__name__, re.sub(r"standin\d+", "", str(choices)), str(getattr(value, "usage", None))


def run(case: Case, asynchronous: bool) -> Json:
    try:
        return {"got": [said(value) for value in case(asynchronous)]}
    except Exception as error:  # noqa: BLE001  whatever it is
        return {"error": [type(error).__name__, str(error)]}


def told(case: Case, asynchronous: bool, content: Any) -> Json:
    with testing.capture(content=content, clock=time.time_ns) as captured:
        ran = run(case, asynchronous)
        gc.collect()
    return {**ran, "spans": [dict(span.attributes or {}) for span in captured.spans]}


def main() -> None:
    litellm.suppress_debug_info = True
    known: Json = {}
    for name, case in CASES.items():
        for asynchronous in (False, True):
            known[f"{name}, async" if asynchronous else name] = {
                "alone": run(case, asynchronous),
                "on": told(case, asynchronous, "on"),
            }
    known["content off"] = {"on": told(CASES["korean"], False, "off")}
    known["content off, streamed"] = {"on": told(CASES["tool streamed"], True, "off")}
    sys.stdout.write("\n" + json.dumps(known))


if __name__ == "__main__":
    main()
