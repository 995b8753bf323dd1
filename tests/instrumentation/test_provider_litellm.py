"""LiteLLM: one span for a call, whichever client it goes through, by the provider that it resolves."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.instrumentation import programs
from tests.instrumentation.expectations import answer, cost_usd, counts
from tests.standin import Facts, Standin, expected
from tests.standin.openai_media import EMBEDDING_TOKENS

from haechi_schemas import attributes as names

Json = dict[str, Any]
PROGRAM = Path(__file__).with_name("litellm_program.py")
TOOLS = ({"name": "get_weather", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}},)
WAYS = ("", ", async")
ways = pytest.mark.parametrize("way", WAYS, ids=["plain", "async"])
streaming = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def known(standing: Standin) -> Json:
    """What the program got and what was recorded, by case."""
    ended = programs.run(
        [sys.executable, "-W", "ignore", str(PROGRAM), standing.url],
        programs.ROOT,
        seconds=110,
        PYTHONPATH=os.pathsep.join(sys.path),
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # otherwise it asks the network for prices
        DISABLE_AIOHTTP_TRANSPORT="True",
    )
    assert ended.status == 0, ended.err
    told: Json = json.loads(ended.out.rsplit("\n", 1)[1])
    return told


def one(known: Json, case: str) -> Json:
    """The attributes of the only span of a case."""
    (span,) = known[case]["on"]["spans"]
    return {k: json.loads(v) if isinstance(v, str) and v.startswith("[") else v for k, v in span.items()}


def usage(facts: Facts) -> Json:
    return {**counts(facts), names.COST_USD: cost_usd("openai", ("gpt-4o-mini",), counts(facts))}


def test_every_call_has_one_span(known: Json) -> None:
    """The clients under LiteLLM, and the functions that it calls of its own, make none."""
    assert {case: len(ran["on"]["spans"]) for case, ran in known.items()} == dict.fromkeys(known, 1)


def test_the_application_gets_the_same(known: Json) -> None:
    """Answers, chunks and errors are what they are without us; the question for usage is not seen."""
    twice = {case: (ran["on"], ran["alone"]) for case, ran in known.items() if "alone" in ran}
    for case, (watched, alone) in twice.items():
        assert (case, watched.get("got"), watched.get("error")) == (case, alone.get("got"), alone.get("error"))


@pytest.mark.parametrize("scenario", ["korean", "tool"])
@streaming
@ways
def test_a_call_tells_every_fact(scenario: str, stream: bool, way: str, known: Json, standing: Standin) -> None:
    """Provider and model are LiteLLM's; tokens, words and cost are the provider's."""
    facts = one(known, f"{scenario}{' streamed' if stream else ''}{way}")
    said = expected(f"openai.{scenario}", tools=TOOLS)
    (message,) = facts[names.OUTPUT_MESSAGES]
    for part in message["parts"]:
        assert part.pop("id", "call_standin").startswith("call_standin")
    (wanted_message,) = answer(said, ["", ""])
    for part in wanted_message["parts"]:
        part.pop("id", None)
    wanted = {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: "openai",
        names.REQUEST_MODEL: "gpt-4o-mini",
        names.RESPONSE_FINISH_REASONS: [said.finish_reason],
        names.SERVER_ADDRESS: "127.0.0.1",
        names.SERVER_PORT: standing.port,
        names.OUTPUT_MESSAGES: [wanted_message],
        **(
            {names.STREAM_OUTCOME: "complete", names.REQUEST_STREAM: True}
            if stream
            else {names.REQUEST_TEMPERATURE: 0.5}
        ),
        **usage(said),
    }
    assert {name: facts.get(name) for name in wanted} == wanted
    assert (facts.get(names.RESPONSE_TIME_TO_FIRST_CHUNK, 0) > 0) == stream
    assert facts[names.RESPONSE_MODEL].startswith("gpt-4o-mini")


@ways
def test_usage_that_the_application_asks_for_is_its_own(way: str, known: Json) -> None:
    """The chunk with the usage is not hidden from who asked for it."""
    *_, (_, _, told) = known[f"usage asked for{way}"]["on"]["got"]
    assert f"prompt_tokens={expected('openai.korean').input_tokens}" in told


@streaming
@ways
def test_an_error_names_who_was_asked(stream: bool, way: str, known: Json) -> None:
    """The span has the type of LiteLLM's error, its status and the provider."""
    facts = one(known, f"error{' streamed' if stream else ''}{way}")
    assert (facts[names.ERROR_TYPE], facts[names.HTTP_STATUS_CODE]) == ("BadRequestError", 400)
    assert facts[names.PROVIDER_NAME] == "openai"


def test_a_stream_that_is_left_is_told(known: Json) -> None:
    """What was read of it is on the span when nobody holds the stream any more."""
    assert one(known, "left")[names.STREAM_OUTCOME] == "abandoned"


@pytest.mark.parametrize("case", ["plain name", "routed", "routed streamed"])
@ways
def test_a_name_is_resolved(case: str, way: str, known: Json) -> None:
    """A model without its provider's name, and one behind a router's own, are told as what they are."""
    facts = one(known, f"{case}{way}")
    assert (facts[names.PROVIDER_NAME], facts[names.REQUEST_MODEL]) == ("openai", "gpt-4o-mini")
    wanted = usage(expected("openai.korean"))
    assert {name: facts.get(name) for name in wanted} == wanted


@ways
def test_embeddings_are_told(way: str, known: Json) -> None:
    """`embedding` and `aembedding` have their tokens and what they cost."""
    facts = one(known, f"embedded{way}")
    tokens = {names.USAGE_INPUT_TOKENS: EMBEDDING_TOKENS}
    wanted = {names.OPERATION_NAME: "embeddings", **tokens}
    assert {name: facts.get(name) for name in wanted} == wanted
    assert facts[names.COST_USD] == cost_usd("openai", ("text-embedding-3-small",), tokens)


@streaming
@ways
def test_responses_are_told(stream: bool, way: str, known: Json) -> None:
    """`responses` is a call like the client's own."""
    facts = one(known, f"responded{' streamed' if stream else ''}{way}")
    said = expected("openai_responses.korean")
    assert {name: facts.get(name) for name in counts(said)} == counts(said)
    assert facts[names.OUTPUT_MESSAGES][0]["parts"] == [{"type": "text", "content": said.text}]


def test_content_is_off_unless_wanted(known: Json) -> None:
    """With content off no word of a question or an answer is in any span."""
    off = [known[name]["on"]["spans"] for name in ("content off", "content off, streamed")]
    spans = json.dumps(off, ensure_ascii=False)
    words = (*expected("openai.korean").text.split(), "어디", "날씨", "get_weather")
    assert not [word for word in words if word in spans]
