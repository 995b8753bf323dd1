"""The pretend application's requests, before any SDK is involved."""

import json
import statistics
from collections import Counter
from collections.abc import Iterator

import pytest

from haechi.pricing import PriceBook
from haechi_collector.demo.corpus import TOPICS
from haechi_collector.demo.plan import CONTRADICTS, SpanPlan, TracePlan, plan_trace
from haechi_collector.demo.traffic import MODELS, NS_PER_S, rhythm, slowdown
from haechi_schemas import attributes as names

NOW_NS = 1_795_000_000 * NS_PER_S


@pytest.fixture(scope="module")
def plans() -> list[TracePlan]:
    """An hour and a half of traffic."""
    return [plan_trace(7, number, NOW_NS + number * NS_PER_S * 2) for number in range(3000)]


def walk(span: SpanPlan) -> Iterator[SpanPlan]:
    yield span
    for child in span.children:
        yield from walk(child)


def spans(plans: list[TracePlan], operation: str) -> list[SpanPlan]:
    return [s for plan in plans for s in walk(plan.root) if s.attributes[names.OPERATION_NAME] == operation]


def test_the_same_seed_gives_the_same_request() -> None:
    """And another seed another one."""
    assert plan_trace(3, 11, NOW_NS) == plan_trace(3, 11, NOW_NS)
    assert plan_trace(3, 11, NOW_NS) != plan_trace(4, 11, NOW_NS)


def test_children_lie_inside_their_parent_and_nothing_in_the_future(plans: list[TracePlan]) -> None:
    """Children follow one another; the whole ends when it was told to end."""
    for number, plan in enumerate(plans):
        assert plan.root.end_ns == NOW_NS + number * NS_PER_S * 2
        times = [plan.root.start_ns, *(t for c in plan.root.children for t in (c.start_ns, c.end_ns)), plan.root.end_ns]
        assert times == sorted(times)
        assert times[-1] - times[0] < 90 * NS_PER_S


def test_every_operation_of_a_rag_application_occurs(plans: list[TracePlan]) -> None:
    """Workflow, embedding, retrieval, chat, and tool calls that a second chat follows."""
    counts = Counter(s.attributes[names.OPERATION_NAME] for plan in plans for s in walk(plan.root))
    assert counts["invoke_workflow"] == counts["embeddings"] == counts["retrieval"] == len(plans)
    assert counts["chat"] > len(plans)
    assert counts["execute_tool"] > 300


def test_failures_are_few_and_of_several_kinds(plans: list[TracePlan]) -> None:
    """Rate limits, time-outs, content filters."""
    chats = spans(plans, "chat")
    kinds = Counter(s.attributes.get(names.ERROR_TYPE) for s in chats if s.error)
    assert kinds.keys() == {"RateLimitError", "APITimeoutError"}
    assert 0.01 < kinds.total() / len(chats) < 0.06
    assert any(s.attributes.get(names.RESPONSE_FINISH_REASONS) == ["content_filter"] for s in chats)


def test_usage_follows_the_convention(plans: list[TracePlan]) -> None:
    """Input includes cached tokens, output includes reasoning."""
    answered = [s.attributes for s in spans(plans, "chat") if not s.error]
    for usage in answered:
        cached = int(usage.get(names.USAGE_CACHE_READ_TOKENS, 0)) + int(usage.get(names.USAGE_CACHE_WRITE_TOKENS, 0))
        assert cached <= int(usage[names.USAGE_INPUT_TOKENS])
        assert int(usage.get(names.USAGE_REASONING_TOKENS, 0)) < int(usage[names.USAGE_OUTPUT_TOKENS])
    for key in (names.USAGE_CACHE_READ_TOKENS, names.USAGE_CACHE_WRITE_TOKENS, names.USAGE_REASONING_TOKENS):
        assert any(key in usage for usage in answered)


def test_streams_tell_their_first_chunk_in_seconds(plans: list[TracePlan]) -> None:
    """It lies inside the span."""
    streams = [s for s in spans(plans, "chat") if names.RESPONSE_TIME_TO_FIRST_CHUNK in s.attributes]
    assert len(streams) > 2000
    for span in streams:
        first = float(span.attributes[names.RESPONSE_TIME_TO_FIRST_CHUNK])
        assert 0 < first < (span.end_ns - span.start_ns) / NS_PER_S
        assert span.attributes[names.REQUEST_STREAM] is True


def test_messages_have_the_shape_of_the_convention(plans: list[TracePlan]) -> None:
    """Roles with parts; the answer comes from a topic's answers."""
    for span in spans(plans, "chat"):
        asked = json.loads(str(span.attributes[names.INPUT_MESSAGES]))
        assert [m["role"] for m in asked] in (["user"], ["user", "assistant", "tool"])
        assert all(part["type"] in {"text", "tool_call", "tool_call_response"} for m in asked for part in m["parts"])
        if span.attributes.get(names.RESPONSE_FINISH_REASONS) == ["stop"]:
            said = json.loads(str(span.attributes[names.OUTPUT_MESSAGES]))[0]["parts"][0]["content"]
            right = span.attributes[CONTRADICTS] is False
            assert said in {topic.answer if right else topic.wrong_answer for topic in TOPICS}


def test_retrieval_carries_the_text_that_the_answer_is_grounded_in(plans: list[TracePlan]) -> None:
    """Documents with id, score and content, the best first."""
    for span in spans(plans, "retrieval"):
        documents = json.loads(str(span.attributes[names.RETRIEVAL_DOCUMENTS]))
        scores = [d["score"] for d in documents]
        assert scores == sorted(scores, reverse=True)
        assert all(d["content"] and d["id"] for d in documents)


def test_wrong_answers_differ_in_a_number_that_no_document_has() -> None:
    """So that a check can find them."""
    for topic in TOPICS:
        context = " ".join(text for _, text in topic.documents)
        right = {w for w in words(topic.answer) if any(c.isdigit() for c in w)}
        wrong = {w for w in words(topic.wrong_answer) if any(c.isdigit() for c in w)}
        assert right <= words(context)
        assert wrong - words(context)


def words(text: str) -> set[str]:
    """Runs of digits, with what joins them."""
    return set("".join(c if c.isdigit() or c in ",.-" else " " for c in text.rstrip(".")).replace(". ", " ").split())


def test_answers_are_judged_by_what_they_say(plans: list[TracePlan]) -> None:
    """The check finds those that contradict their documents, the judge grades them lower, users like them less."""
    found: dict[str, dict[bool, list[float]]] = {}
    for plan in plans:
        wrong = plan.root.children[-1].attributes.get(CONTRADICTS)
        assert isinstance(wrong, bool) or {one.name for one in plan.verdicts} <= {"user_feedback"}
        for one in plan.verdicts if isinstance(wrong, bool) else ():
            found.setdefault(one.name, {}).setdefault(wrong, []).append(one.value)
    assert (set(found["hallucination"][False]), set(found["hallucination"][True])) == ({0.0}, {1.0})
    assert len(found["hallucination"][False]) + len(found["hallucination"][True]) > 0.9 * len(plans)
    assert min(found["quality"][False]) > max(found["quality"][True])
    assert len(set(found["quality"][False])) > 5
    assert len(plans) / 5 < sum(map(len, found["quality"].values())) < len(plans) / 2
    assert statistics.mean(found["user_feedback"][False]) > statistics.mean(found["user_feedback"][True])


def test_the_newer_prompt_is_slower_and_better(plans: list[TracePlan]) -> None:
    """A visible difference for the comparison of versions."""
    chats = [s for s in spans(plans, "chat") if CONTRADICTS in s.attributes]
    by_version = {v: [s for s in chats if s.attributes[names.PROMPT_VERSION] == v] for v in ("v2", "v3")}
    seconds = {v: statistics.median(s.end_ns - s.start_ns for s in group) for v, group in by_version.items()}
    wrong = {v: sum(bool(s.attributes[CONTRADICTS]) for s in g) / len(g) for v, g in by_version.items()}
    assert min(len(group) for group in by_version.values()) > 800
    assert seconds["v3"] > 1.15 * seconds["v2"]
    assert wrong["v3"] < 0.6 * wrong["v2"]


def test_one_model_has_no_price_and_all_others_have(plans: list[TracePlan]) -> None:
    """So that unpriced spend is visible."""
    book = PriceBook.load()
    unpriced = {m.name for m in MODELS if book.schedule(m.provider, m.response_name, m.name) is None}
    assert unpriced == {"hanbit-ko-7b"}
    used = {s.attributes[names.REQUEST_MODEL] for s in spans(plans, "chat")}
    assert used == {m.name for m in MODELS}


def test_traffic_follows_the_korean_day() -> None:
    """Most at 15:00, least at 03:00."""
    midnight_utc = 1_795_046_400 * NS_PER_S
    hours = {(h + 9) % 24: rhythm(midnight_utc + h * 3600 * NS_PER_S) for h in range(24)}
    assert max(hours, key=lambda hour: hours[hour]) == 15
    assert min(hours, key=lambda hour: hours[hour]) == 3


def test_incidents_slow_one_provider_for_five_minutes_in_about_every_second_hour() -> None:
    """And nobody else."""
    minutes = range(100 * 60)
    slow = [slowdown(NOW_NS + m * 60 * NS_PER_S, "openai", 7) > 1 for m in minutes]
    assert 100 < sum(slow) < 400
    assert {slowdown(NOW_NS + m * 60 * NS_PER_S, "anthropic", 7) for m in minutes} == {1.0}
