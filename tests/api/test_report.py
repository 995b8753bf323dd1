"""The report in front of a real store: each saving to the last digit, and no advice where there is nothing to save."""

import json
import os.path
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from tests.questions import T0_NS, Answering, answering, call, score

from haechi_collector.api import models_report as models
from haechi_collector.query import limits

MINUTE_NS = 60 * 10**9
SYSTEM = json.dumps([{"type": "text", "content": "You answer for a shop. " + "Be kind and exact. " * 400}])
RATES = {"gpt-4o": ("0.0000025", "0.00000125", "0.00001"), "gpt-4o-mini": ("0.00000015", "0.000000075", "0.0000006")}
"""Of input, cached input and output, as the price book has them."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("report")) as running:
        yield running


def said(*texts: str) -> str:
    """Messages as they are stored: user and assistant in turn."""
    roles = ("user", "assistant")
    return json.dumps(
        [{"role": roles[n % 2], "parts": [{"type": "text", "content": text}]} for n, text in enumerate(texts)],
        separators=(",", ":"),
        ensure_ascii=False,
    )


def paid(number: int, model: str = "gpt-4o", cached: int = 0, **columns: Any) -> dict[str, Any]:
    """A call with a receipt, and the cost that follows from it."""
    full, reduced, output = RATES[model]
    tokens = columns.get("input_tokens", 2_000)
    cost = (tokens - cached) * Decimal(full) + cached * Decimal(reduced) + 10 * Decimal(output)
    receipt = [("input.rate", full), ("output.rate", output)] + [("cache_read.rate", reduced)] * bool(cached)
    given = {
        "request_model": model,
        "input_tokens": tokens,
        "cache_read_tokens": cached,
        "cost_usd": cost,
        "cost_details": receipt,
        "input_messages": said(f"a question of its own, number {number:06d}"),
    }
    return call(number, **{**given, **columns})


def of_kind(answer: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in answer["recommendations"] if one["kind"] == kind]


def only(answer: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = of_kind(answer, kind)
    return found


def tokens_of(size: int, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Tokens of so many bytes of each request, by their share of its text."""
    return [
        row["input_tokens"] * size // len((row["system_instructions"] + row["input_messages"]).encode()) for row in rows
    ]


def prefix_of(rows: Sequence[dict[str, Any]]) -> int:
    return len(os.path.commonprefix([(row["system_instructions"] + row["input_messages"]).encode() for row in rows]))  # noqa: RUF071  bytes are meant


def test_nothing_to_save_is_no_advice(api: Answering) -> None:
    """Short prompts of their own, answered at the first try by one model, with scores."""
    r = random.Random(1)
    rows = [paid(n, input_tokens=r.randrange(20, 900), prompt_name="p") for n in range(100)]
    api.fill(rows, [score(n, name="quality", value=r.random()) for n in range(100)])
    answer = api.get("costs/report")
    assert answer["recommendations"] == []
    assert Decimal(answer["cost_usd"]) == sum(row["cost_usd"] for row in rows)
    assert (answer["requests"], answer["is_sampled"]) == (100, False)


def test_no_requests_are_no_report(api: Answering) -> None:
    """Nothing is known, and nothing recommended."""
    api.fill([])
    answer = api.get("costs/report")
    assert (answer["requests"], answer["cost_usd"], answer["recommendations"]) == (0, None, [])


def test_a_repeated_prefix_is_worth_what_the_cache_would_save(api: Answering) -> None:
    """Twelve requests a second apart: eleven would read the prefix, less what three have read already."""
    rows = [
        paid(n, system_instructions=SYSTEM, prompt_name="answer", cached=500 if n in {3, 4, 5} else 0)
        for n in range(12)
    ]
    api.fill(rows)
    found = only(api.get("costs/report"), "prompt_caching")
    tokens = tokens_of(prefix_of(rows), rows)
    gained = sum(t - row["cache_read_tokens"] for t, row in zip(tokens[1:], rows[1:], strict=True))
    assert found["evidence"]["tokens_to_cache"] == gained
    assert Decimal(found["saving_usd"]) == gained * (Decimal("0.0000025") - Decimal("0.00000125"))
    assert Decimal(found["saving_per_month_usd"]) == Decimal(found["saving_usd"]) * 15  # the window has two days
    assert found["share_of_cost"] == pytest.approx(
        float(Decimal(found["saving_usd"]) / sum(row["cost_usd"] for row in rows))
    )
    shown = api.get("traces", **{("from_" if k == "from" else k): v for k, v in found["traces"].items()})
    assert len(shown["traces"]) == 12


def test_rates_of_the_cache_come_from_the_price_book_if_it_bills_alike(api: Answering) -> None:
    """Claude's writes cost more than input, so that a request after a pause costs; unknown rates give no advice."""
    moments = [0, 1, 2, 3, 20, 21, 22, 23, 24, 25]  # minutes: two of them begin after a pause
    rows = [
        paid(
            n,
            provider="anthropic",
            request_model="claude-sonnet-4-5",
            start_time=T0_NS + minute * MINUTE_NS,
            system_instructions=SYSTEM,
            cost_details=[("input.rate", "0.000003")],
        )
        for n, minute in enumerate(moments)
    ]
    api.fill([{**row, "request_model": "claude-sonnet-4-5"} for row in rows])
    found = only(api.get("costs/report"), "prompt_caching")
    (tokens,) = set(tokens_of(prefix_of(rows), rows))
    gain, loss = Decimal("0.000003") - Decimal("0.0000003"), Decimal("0.00000375") - Decimal("0.000003")
    assert Decimal(found["saving_usd"]) == tokens * (8 * gain - 2 * loss)
    assert (found["evidence"]["rates_from"], found["evidence"]["requests_soon_after_another"]) == (["price book"], 8)
    api.fill([{**row, "cost_details": [("input.rate", "0.000002")]} for row in rows])
    assert of_kind(api.get("costs/report"), "prompt_caching") == []


@pytest.mark.parametrize("case", ["short", "cached", "few", "apart", "unlike"])
def test_what_a_cache_would_not_help_is_no_advice(api: Answering, case: str) -> None:
    """Prefixes below 1,024 tokens, those that are cached, nine requests, an hour between them, unlike beginnings."""
    changes: dict[str, Any] = {
        "short": lambda _: {"input_tokens": 1_000},
        "cached": lambda _: {"cached": 2_000},
        "few": lambda _: {},
        "apart": lambda n: {"start_time": T0_NS + n * 60 * MINUTE_NS},
        "unlike": lambda n: {"system_instructions": f"{n:04d}{SYSTEM}"},
    }
    rows = [paid(n, **{"system_instructions": SYSTEM, **changes[case](n)}) for n in range(9 if case == "few" else 12)]
    api.fill(rows)
    assert of_kind(api.get("costs/report"), "prompt_caching") == []


def test_examples_weigh_what_they_cost(api: Answering) -> None:
    """Two pairs in every request, in Korean too; what may have been read from the cache counts at its rate."""
    pairs = ("질문입니다 " * 20, "답변입니다 " * 20, "second question " * 20, "second answer " * 20)
    rows = [
        paid(n, system_instructions=SYSTEM, input_messages=said(*pairs, f"question {n:06d}"), cached=100 * (n == 5))
        for n in range(20)
    ]
    api.fill(rows)
    found = only(api.get("costs/report"), "few_shot")
    (tokens,) = set(tokens_of(len(said(*pairs)[1:-1].encode()), rows))
    full, reduced = Decimal("0.0000025"), Decimal("0.00000125")
    assert tokens > 100
    assert Decimal(found["saving_usd"]) == (20 * tokens - 100) * full + 100 * reduced
    assert (found["evidence"]["examples"], found["evidence"]["example_tokens"]) == (2, tokens)


def test_the_beginning_of_one_talk_is_no_example(api: Answering) -> None:
    """Twenty requests of one session repeat its first messages."""
    rows = [
        paid(
            n,
            system_instructions=SYSTEM,
            session_id="talk",
            input_messages=said("hello " * 50, "hi " * 50, f"q {n:03d}"),
        )
        for n in range(20)
    ]
    api.fill(rows)
    assert of_kind(api.get("costs/report"), "few_shot") == []


def test_repeats_cost_what_they_cost_and_the_first_is_paid_for(api: Answering) -> None:
    """Three texts, asked four times each; another model, a failed request and one after two days are no repeats."""
    rows = [paid(n, input_messages=said(f"text {n % 3}"), output_tokens=n) for n in range(12)]
    other = [
        paid(20, model="gpt-4o-mini", input_messages=said("text 0")),
        paid(21, input_messages=said("text 4"), status_code="error"),
        paid(22, input_messages=said("text 4")),
        paid(23, input_messages=said("text 5"), start_time=T0_NS - 30 * 3_600 * 10**9),
        paid(24, input_messages=said("text 5")),
    ]
    rows = [{**row, "cost_usd": Decimal(n + 1).scaleb(-12)} for n, row in enumerate(rows)]
    api.fill([*rows, *({**row, "cost_usd": Decimal("0.000000000001")} for row in other)])
    found = only(api.get("costs/report", from_="2026-09-20T00:00:00Z"), "repeated_requests")
    assert Decimal(found["saving_usd"]) == sum(Decimal(n + 1).scaleb(-12) for n in range(3, 12))
    assert {k: found["evidence"][k] for k in ("requests", "repeats", "distinct_repeated")} == {
        "requests": 15,
        "repeats": 9,
        "distinct_repeated": 3,
    }


def scored(quality: dict[str, float], count: int = 40, spread: float = 0.02) -> tuple[list[Any], list[Any]]:
    """Requests of two models for one prompt, and the quality of each."""
    names = list(quality)
    rows = [paid(n, model=names[n % 2], prompt_name="p", cached=300) for n in range(2 * count)]
    offsets = [spread, -spread]
    scores = [score(n, name="quality", value=quality[names[n % 2]] + offsets[n // 2 % 2]) for n in range(2 * count)]
    return rows, scores


def test_a_cheaper_model_that_is_as_good_saves_the_difference(api: Answering) -> None:
    """The dearer one's tokens at the cheaper one's rates, cached ones at its cached rate."""
    rows, scores = scored({"gpt-4o": 0.9, "gpt-4o-mini": 0.89})
    api.fill(rows, scores)
    found = only(api.get("costs/report"), "cheaper_model")
    dear = sum(row["cost_usd"] for row in rows[0::2])
    cheap = sum(row["cost_usd"] for row in rows[1::2])
    assert Decimal(found["saving_usd"]) == dear - cheap
    assert (found["evidence"]["model"], found["evidence"]["cheaper_model"]) == ("gpt-4o", "gpt-4o-mini")
    assert (found["evidence"]["scored"], found["evidence"]["quality"]) == (40, pytest.approx(0.9))
    assert -found["evidence"]["margin"] < found["evidence"]["difference_low"] < -0.01


@pytest.mark.parametrize(
    ("quality", "count", "spread"),
    [
        ({"gpt-4o": 0.9, "gpt-4o-mini": 0.8}, 40, 0.02),
        ({"gpt-4o": 0.9, "gpt-4o-mini": 0.9}, 29, 0.02),
        ({"gpt-4o": 0.6, "gpt-4o-mini": 0.59}, 40, 0.4),
    ],
    ids=["worse", "few", "uncertain"],
)
def test_a_model_that_may_be_worse_is_no_advice(
    api: Answering, quality: dict[str, float], count: int, spread: float
) -> None:
    """By its mean, by too few scores, or by how far they spread."""
    api.fill(*scored(quality, count, spread))
    assert of_kind(api.get("costs/report"), "cheaper_model") == []


def test_a_score_of_a_trace_with_two_models_tells_of_neither(api: Answering) -> None:
    """Which of them was judged is not known, unless the score names the span."""
    rows, _ = scored({"gpt-4o": 0.9, "gpt-4o-mini": 0.9})
    rows = [{**row, "trace_id": f"{n // 2:032x}"} for n, row in enumerate(rows)]
    whole = [score(n, trace_id=f"{n // 2:032x}", span_id="", name="quality", value=0.9) for n in range(80)]
    api.fill(rows, whole)
    assert of_kind(api.get("costs/report"), "cheaper_model") == []
    api.fill(rows, [{**one, "span_id": f"{n:016x}"} for n, one in enumerate(whole)])
    assert len(of_kind(api.get("costs/report"), "cheaper_model")) == 1


def test_failed_requests_that_were_paid_for_are_summed(api: Answering) -> None:
    """By type of error; the same request again within a minute is told, and a free failure is none."""
    failed = {"status_code": "error", "error_type": "timeout"}
    rows = [
        paid(1, input_messages=said("again"), **failed),
        paid(2, input_messages=said("again")),
        paid(3, **failed, cost_usd=Decimal("0.000000000007")),
        paid(4, status_code="error", error_type="rate_limit", cost_usd=None, cost_source=""),
        paid(200, input_messages=said("late"), **failed, cost_usd=Decimal("0.5")),
        paid(300, input_messages=said("late")),
    ]
    api.fill(rows)
    found = only(api.get("costs/report"), "paid_errors")
    assert Decimal(found["saving_usd"]) == rows[0]["cost_usd"] + Decimal("0.500000000007")
    assert (found["evidence"]["requests"], found["evidence"]["error_type"]) == (3, "timeout")
    assert found["evidence"]["retried_within_a_minute"] == 1
    assert Decimal(found["evidence"]["retries_cost_usd"]) == rows[1]["cost_usd"]
    shown = api.get("traces", **{("from_" if k == "from" else k): v for k, v in found["traces"].items()})
    assert len(shown["traces"]) == 3


def test_unpriced_models_stand_last_without_an_amount(api: Answering) -> None:
    """What they cost is not known, so neither is what could be saved."""
    unknown = {"cost_usd": None, "cost_source": "unpriced", "cost_details": [("unpriced", "unknown_model")]}
    rows = [{**paid(n), "request_model": "acme-1", **unknown} for n in range(3)]
    api.fill([*rows, paid(5, input_messages=said("x")), paid(6, input_messages=said("x"))])
    answer = api.get("costs/report")
    assert [one["kind"] for one in answer["recommendations"]] == ["repeated_requests", "unpriced"]
    last = answer["recommendations"][-1]
    assert (last["saving_usd"], last["saving_per_month_usd"], last["share_of_cost"]) == (None, None, None)
    assert {k: last["evidence"][k] for k in ("model", "why", "requests", "input_tokens")} == {
        "model": "acme-1",
        "why": "unknown_model",
        "requests": 3,
        "input_tokens": 6_000,
    }


def test_trifles_are_left_out_and_the_greatest_stands_first(api: Answering) -> None:
    """Below a thousandth of the cost; by money above."""
    rows = [paid(1, cost_usd=Decimal(100)), paid(2, input_messages=said("x")), paid(3, input_messages=said("x"))]
    api.fill(rows)
    assert api.get("costs/report")["recommendations"] == []
    failed = paid(4, status_code="error", cost_usd=Decimal(2))
    again = [paid(n, input_messages=said("y"), cost_usd=Decimal(3)) for n in (5, 6)]
    api.fill([*rows, failed, *again])
    assert [one["kind"] for one in api.get("costs/report")["recommendations"]] == ["repeated_requests", "paid_errors"]


def test_texts_are_read_of_the_newest_requests_and_that_is_told(
    api: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too much to read is left out of what is computed from texts, and of its share; sums go over all."""
    hour = 3_600 * 10**9
    rows = [paid(n, input_messages=said("x"), start_time=T0_NS + n * hour // 10) for n in range(200)]
    failed = paid(500, status_code="error", cost_usd=Decimal(1), start_time=T0_NS)
    api.fill([*rows, failed])
    monkeypatch.setattr(limits, "REPORT_TEXT_REQUESTS_MAX", 50)
    answer = api.get("costs/report")
    found = only(answer, "repeated_requests")
    assert answer["is_sampled"]
    assert 40 <= found["evidence"]["requests"] <= 50
    assert found["traces"]["from"] == answer["texts_from"] > answer["from"]
    assert Decimal(found["saving_usd"]) == rows[0]["cost_usd"] * (found["evidence"]["requests"] - 1)
    assert only(answer, "paid_errors")["saving_usd"] == "1"


def test_a_key_sees_its_project_alone(api: Answering) -> None:
    """In every kind; and what two projects ask alike is no repeat for who sees both."""
    rows, scores = scored({"gpt-4o": 0.9, "gpt-4o-mini": 0.9})
    beta = [
        *({**row, "project": "beta", "system_instructions": SYSTEM} for row in rows),
        {**paid(900, status_code="error"), "project": "beta"},
        {**paid(901, cost_source="unpriced"), "project": "beta", "cost_usd": None},
        *({**paid(n, input_messages=said("x")), "project": "beta"} for n in (902, 903)),
    ]
    alpha = [{**paid(n), "project": "alpha"} for n in range(902, 905)]
    api.fill([*beta, *alpha], [{**one, "project": "beta"} for one in scores])
    kinds = {one["kind"] for one in api.get("costs/report", "beta")["recommendations"]}
    assert kinds >= {"prompt_caching", "repeated_requests", "cheaper_model", "paid_errors", "unpriced"}
    own = api.get("costs/report", "alpha")
    assert (own["requests"], own["recommendations"]) == (3, [])
    assert api.get("costs/report", "gamma")["cost_usd"] is None
    api.fill([{**paid(1, input_messages=said("x")), "project": p, "span_id": f"{n:016x}"} for n, p in enumerate("ab")])
    assert api.get("costs/report")["recommendations"] == []


def test_the_most_that_may_be_asked_is_answered(api: Answering) -> None:
    """Fifty values of filters, numbers as bad as any, over as many groups of prompts as are looked at."""
    wanted = [f"{n + 0.5:.60f}" for n in range(49)]
    rows = [
        paid(n, system_instructions=f"{n % 25:02d}{SYSTEM}", attributes_number=[("k" * 200, 0.5)]) for n in range(250)
    ]
    api.fill(rows)
    answer = api.get("costs/report", user="", attr={"k" * 200: wanted[:25]})
    assert len(of_kind(answer, "prompt_caching")) == limits.REPORT_PROMPTS_MAX
    assert api.get("costs/report", attr={"x": [str(n) for n in range(50)]})["requests"] == 0
    compared = api.get("compare", by="attr:" + "y" * 200, a="가" * 600, b="b", attr={"x": [str(n) for n in range(50)]})
    assert compared["a"]["requests"] == 0


def test_the_answer_is_that_of_the_openapi_and_filters_hold(api: Answering) -> None:
    """Every field is declared; the parameters of traces carry the filters of the question."""
    rows = [paid(n, input_messages=said("x"), user_id="ada", attributes_string=[("tenant", "가")]) for n in range(4)]
    api.fill([*rows, paid(9, user_id="bob")])
    answer = api.get("costs/report", user="ada", attr={"tenant": "가"})
    assert models.Report.model_validate(answer)
    assert answer["requests"] == 4
    assert only(answer, "repeated_requests")["traces"]["user"] == ["ada"]
    assert only(answer, "repeated_requests")["traces"]["attr:tenant"] == ["가"]
    wrong = api.ask("costs/report", group_by="model")
    assert (wrong.status_code, wrong.json()["parameter"]) == (400, "group_by")
