"""Single requests in an order, failures by kind, and everything of one span, in front of a real store."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.questions import SECOND, T0_NS, Answering, answering, call, score, span

from haechi_collector.api import models_requests, models_span
from haechi_collector.query import limits
from haechi_collector.query.receipt import receipt

ONCE = [Phase.explicit, Phase.reuse, Phase.generate]
SLOW = settings(max_examples=5, deadline=None, phases=ONCE, suppress_health_check=[HealthCheck.function_scoped_fixture])
ORDERS: dict[str, Any] = {
    "slowest": lambda row: row["duration_ns"],
    "slowest_ttft": lambda row: row["ttft_ns"],
    "dearest": lambda row: row["cost_usd"],
    "most_tokens": lambda row: row["input_tokens"] + row["output_tokens"],
    "failing": lambda row: row["start_time"] if row["status_code"] == "error" else None,
    "newest": lambda row: row["start_time"],
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("requests")) as running:
        yield running


def said(role: str, text: str) -> str:
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()


@SLOW
@given(seed=st.integers(0, 10**6), limit=st.integers(1, 30), order=st.sampled_from(sorted(ORDERS)))
def test_pages_show_every_request_that_has_a_place_once(api: Answering, seed: int, limit: int, order: str) -> None:
    """In order, however many share a place; a request without a price, a first token or an error has none there."""
    r = random.Random(seed)
    rows = [
        call(
            n,
            trace_id=f"{r.randrange(9):032x}",
            start_time=T0_NS + r.randrange(5) * SECOND,
            duration_ns=r.choice([1, 5, 10**12]),
            ttft_ns=r.choice([None, 7, 9]),
            input_tokens=r.choice([0, 5]),
            status_code=r.choice(["ok", "error"]),
            cost_usd=r.choice([None, Decimal(0), Decimal("99999.5"), Decimal("0.000000000001")]),
        )
        for n in range(40)
    ]
    api.fill([*rows, span(99, duration_ns=10**15), call(98, usage_source="repeated", cost_usd=None)])
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"order": order, "limit": limit}
    while True:
        answer = api.get("requests", **asked)
        found += answer["requests"]
        if answer["next_cursor"] is None:
            break
        asked["cursor"] = answer["next_cursor"]
    ids = [(ORDERS[order](row), row["trace_id"], row["span_id"]) for row in rows if ORDERS[order](row) is not None]
    expected = [one[1:] for one in sorted(ids, reverse=True)]
    assert [(one["trace_id"], one["span_id"]) for one in found] == expected


def test_a_request_explains_its_place(api: Answering) -> None:
    """Who asked what of which model, what came back, what it cost and why it failed."""
    columns = {
        "duration_ns": 2_911_200_000,
        "ttft_ns": 412_000_000,
        "service_name": "web",
        "response_model": "gpt-4o-2024",
        "prompt_name": "답변",
        "prompt_version": "3",
        "user_id": "ada",
        "session_id": "s",
        "status_code": "error",
        "error_type": "rate_limit",
        "status_message": "429: slow down",
        "cost_usd": Decimal("1.5"),
        "cache_read_tokens": 50,
        "input_messages": said("user", "얼마예요?"),
        "output_messages": said("assistant", "만 원"),
    }
    api.fill([call(1, **columns)])
    (shown,) = api.get("requests")["requests"]
    expected = {
        "trace_id": f"{1:032x}",
        "span_id": f"{1:016x}",
        "service": "web",
        "model": "gpt-4o",
        "response_model": "gpt-4o-2024",
        "prompt": "답변",
        "prompt_version": "3",
        "user": "ada",
        "session": "s",
        "duration_ms": 2911.2,
        "ttft_ms": 412.0,
        "input_tokens": 100,
        "cache_read_tokens": 50,
        "cost_usd": "1.5",
        "status": "error",
        "error_type": "rate_limit",
        "status_message": "429: slow down",
        "input_excerpt": "얼마예요?",
        "output_excerpt": "만 원",
    }
    assert {name: shown[name] for name in expected} == expected


MESSAGES = [
    ("429: retry after 12 s (request req_011CSHoEeq)", "429"),
    ("429: retry after 7.25 s (request req_9Zx1)", "429"),
    ("503: retry after 12 s (request req_011CSHoEeq)", "503"),
    ("모델 3f2504e0-4f89-11d3-9a0c-0305e82c3301 없음", "없음"),
    ("모델 a81bc81b-dead-4e5d-abff-90865d1e13b1 없음", "없음"),
    ("", ""),
]


def test_failures_are_grouped_by_kind(api: Answering) -> None:
    """Messages that differ in numbers and ids are one group, HTTP statuses keep apart, every failure is counted."""
    rows = [call(n, status_code="error", status_message=m, user_id=f"u{n}") for n, (m, _) in enumerate(MESSAGES)]
    rows += [call(10, status_code="error", error_type="timeout", status_message=MESSAGES[0][0]), call(11)]
    api.fill(rows)
    answer = api.get("requests", order="failing", limit=2)
    groups = answer["failures"]
    assert (answer["failure_groups"], sum(g["requests"] for g in groups)) == (5, 7)
    assert sorted((g["requests"], g["latest_message"]) for g in groups if g["requests"] > 1) == [
        (2, MESSAGES[1][0]),
        (2, MESSAGES[4][0]),
    ]
    first = next(g for g in groups if g["latest_message"] == MESSAGES[1][0])
    assert first["message"] == "429: retry after # s (request #)"
    assert (first["users"], first["cost_usd"], first["latest_span_id"]) == (2, "0.000002", f"{1:016x}")
    assert "failures" not in api.get("requests", order="failing", limit=2, cursor=answer["next_cursor"])


def test_more_kinds_than_are_shown_are_told(api: Answering) -> None:
    """The greatest are shown, the number is that of all."""
    most = limits.FAILURES_MAX
    api.fill([call(n, status_code="error", error_type=f"kind {chr(44_032 + n)}") for n in range(most + 3)])
    answer = api.get("requests", order="failing", limit=1)
    assert (len(answer["failures"]), answer["failure_groups"]) == (most, most + 3)


RECEIPT = [
    ("input.tokens", "60"),
    ("input.rate", "0.0000025"),
    ("input.amount", "0.000150000000"),
    ("cache_read.tokens", "40"),
    ("cache_read.rate", "0.00000125"),
    ("cache_read.amount", "0.000050000000"),
    ("output.tokens", "10"),
    ("output.rate", "0.00001"),
    ("output.amount", "0.000100000000"),
    ("priced_as", "gpt-4o"),
    ("price_book", "genai-prices 0.0.1"),
    ("usage.audio_input_tokens", "3"),
]


def whole_span() -> dict[str, Any]:
    """A span with something in every column."""
    return call(
        1,
        parent_span_id=f"{9:016x}",
        kind="client",
        service_name="web",
        service_version="1.2",
        environment="prod",
        status_code="ok",
        status_message="[not json",
        response_model="gpt-4o-2024",
        cache_read_tokens=40,
        cost_usd=Decimal("0.0003"),
        cost_details=RECEIPT,
        ttft_ns=10**7,
        is_streaming=True,
        finish_reasons=["stop"],
        input_messages=said("user", "얼마예요?"),
        output_messages="plain words",
        system_instructions='[{"type":"text","content":"be kind"}]',
        tool_definitions="{broken",
        retrieved_context="만 원",
        attributes_string=[("tenant", "가"), ("long", "x" * 20_000)],
        attributes_number=[("temperature", 0.5), ("odd", float("nan"))],
        attributes_bool=[("vip", True)],
        resource_attributes=[("region", "kr")],
        events='[{"name":"e","attributes":{}}]',
        scope_name="haechi",
        dialect="otel_genai",
    )


def test_everything_of_a_span_is_shown(api: Answering) -> None:
    """Attributes with types, JSON parsed and other text as it stands, the receipt, its judgements."""
    api.fill([whole_span()], [score(1, name="quality", value=0.5, evaluator_version="2"), score(2, name="other")])
    shown = api.get(f"traces/{1:032x}/spans/{1:016X}")
    assert shown["input_messages"]["parsed"] == orjson.loads(said("user", "얼마예요?"))
    assert shown["system_instructions"]["parsed"] == [{"type": "text", "content": "be kind"}]
    texts = ("output_messages", "tool_definitions", "retrieved_context", "status_message", "links")
    assert [(shown[t]["parsed"], shown[t]["text"]) for t in texts] == [
        (None, "plain words"),
        (None, "{broken"),
        (None, "만 원"),
        (None, "[not json"),
        (None, ""),
    ]
    assert shown["events"]["parsed"][0]["name"] == "e"
    attributes = [(one["key"], one["type"], one["value"]) for one in shown["attributes"] if one["key"] != "long"]
    assert attributes == [
        ("tenant", "string", "가"),
        ("temperature", "number", 0.5),
        ("odd", "number", None),
        ("vip", "bool", True),
    ]
    (long,) = [one for one in shown["attributes"] if one["key"] == "long"]
    assert (len(long["value"]), long["is_cut"]) == (limits.SPAN_ATTRIBUTE_CHARS_MAX, True)
    assert shown["resource_attributes"] == [{"key": "region", "type": "string", "value": "kr", "is_cut": False}]
    told = [shown[k] for k in ("service", "environment", "ttft_ms", "is_streaming", "finish_reasons", "dialect")]
    assert told == ["web", "prod", 10.0, True, ["stop"], "otel_genai"]
    assert [(s["name"], s["evaluator_version"]) for s in shown["scores"]] == [("quality", "2")]
    assert models_span.Span.model_validate(shown)


def test_the_receipt_adds_up_to_the_cost(api: Answering) -> None:
    """Line by line, in the order in which it was charged; the rest are remarks."""
    api.fill([whole_span()])
    shown = api.get(f"traces/{1:032x}/spans/{1:016x}")
    lines = shown["receipt"]["lines"]
    assert [(line["bucket"], line["tokens"]) for line in lines] == [("input", 60), ("cache_read", 40), ("output", 10)]
    assert [line["rate_usd"] for line in lines] == ["0.0000025", "0.00000125", "0.00001"]
    assert sum(Decimal(line["amount_usd"]) for line in lines) == Decimal(shown["cost_usd"])
    assert shown["receipt"]["rounding_usd"] == "0"
    assert set(shown["receipt"]["remarks"]) == {"priced_as", "price_book", "usage.audio_input_tokens"}


@given(
    amounts=st.lists(st.decimals(0, 10, places=15), min_size=1, max_size=6),
    rounding=st.integers(-3, 3).map(lambda n: Decimal(n).scaleb(-12)),
)
def test_lines_and_rounding_are_the_cost(amounts: list[Decimal], rounding: Decimal) -> None:
    """To the last digit, whatever the lines."""
    cost = sum(amounts, Decimal(0)) + rounding
    made = receipt({f"b{n}.amount": f"{amount:f}" for n, amount in enumerate(amounts)}, cost)
    told = [*(line["amount_usd"] for line in made["lines"]), made["rounding_usd"]]
    assert sum(Decimal(text) for text in told) == cost


@pytest.mark.parametrize("details", [{}, {"unpriced": "unknown_model"}, {"input.amount": "x"}, {"reported": "0.5"}])
def test_without_lines_nothing_is_claimed_to_add_up(details: dict[str, str]) -> None:
    """A cost that its emitter told, or none, has no rounding."""
    assert receipt(details, Decimal("0.5"))["rounding_usd"] is None


def test_a_monstrous_span_is_cut_and_says_so(api: Answering) -> None:
    """Texts and attributes beyond the bounds are told, not sent."""
    many = limits.SPAN_ATTRIBUTES_MAX + 7
    text = said("user", "가" * (limits.SPAN_TEXT_CHARS_MAX + 1))
    api.fill([call(1, input_messages=text, attributes_string=[(f"k{n}", "v") for n in range(many)])])
    shown = api.get(f"traces/{1:032x}/spans/{1:016x}")
    assert (len(shown["attributes"]), shown["attributes_left_out"]) == (limits.SPAN_ATTRIBUTES_MAX, 7)
    asked = shown["input_messages"]
    assert (asked["parsed"], len(asked["text"]), asked["is_cut"]) == (None, limits.SPAN_TEXT_CHARS_MAX, True)
    assert asked["chars"] == len(text)


def test_a_key_sees_requests_and_spans_of_its_project_alone(api: Answering) -> None:
    """Also their failures and judgements, and with another's ids."""
    owners = ["alpha", "beta", "beta"]
    api.fill(
        [call(n, project=p, status_code="error", status_message=p) for n, p in enumerate(owners)],
        [score(0, project="alpha", name="own"), score(0, project="beta", name="foreign")],
    )
    for order in ORDERS:
        if order != "slowest_ttft":
            assert len(api.get("requests", "beta", order=order)["requests"]) == 2
    assert [g["message"] for g in api.get("requests", "alpha", order="failing")["failures"]] == ["alpha"]
    path = f"traces/{0:032x}/spans/{0:016x}"
    assert [s["name"] for s in api.get(path, "alpha")["scores"]] == ["own"]
    assert api.ask(path, "beta").status_code == 404


def test_an_empty_store_has_no_requests(api: Answering) -> None:
    """No rows, no error; a span is 404, also by an id that is none."""
    api.fill([])
    answer = api.get("requests", order="failing")
    assert (answer["requests"], answer["failures"], answer["next_cursor"]) == ([], [], None)
    for path in (f"traces/{1:032x}/spans/{1:016x}", "traces/x/spans/y", f"traces/{1:032x}/spans/%27"):
        assert api.ask(path).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [({"order": "worst"}, "order"), ({"limit": 201}, "limit"), ({"cursor": "x"}, "cursor"), ({"mdoel": "x"}, "mdoel")],
)
def test_a_wrong_parameter_is_named(api: Answering, wrong: dict[str, Any], parameter: str) -> None:
    """As problem JSON with status 400."""
    answer = api.ask("requests", **wrong)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


def test_answers_are_those_of_the_openapi(api: Answering) -> None:
    """Every field is declared, and none is missing."""
    api.fill([call(1, status_code="error")])
    for order in ORDERS:
        assert models_requests.Requests.model_validate(api.get("requests", order=order))
