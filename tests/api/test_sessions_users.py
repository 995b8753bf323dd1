"""Lists of sessions and users and the view of one, in front of a real store."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.questions import SECOND, T0_NS, Answering, answering, call, score, span

from haechi_collector.api import models_people
from haechi_collector.query import limits

ONCE = [Phase.explicit, Phase.reuse, Phase.generate]
SLOW = settings(max_examples=4, deadline=None, phases=ONCE, suppress_health_check=[HealthCheck.function_scoped_fixture])
IDS = ["a/b c?d#e", "철수", "'; DROP TABLE spans --", "x" * 3_000, "%2F", "\\", "s,t"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    with answering(tmp_path_factory.mktemp("people")) as running:
        yield running


def said(role: str, text: str) -> str:
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()


def pages(api: Answering, route: str, **question: Any) -> list[dict[str, Any]]:
    """All rows of a list, page by page."""
    answer = api.get(route, **question)
    found: list[dict[str, Any]] = answer[route]
    while answer["next_cursor"]:
        assert len(answer[route]) == question["limit"]
        answer = api.get(route, cursor=answer["next_cursor"], **question)
        found += answer[route]
    return found


def some_calls(seed: int, count: int = 80) -> list[dict[str, Any]]:
    """Calls and other spans of a few people, over two days, with equal figures here and there."""
    r = random.Random(seed)
    return [
        r.choice([call, call, call, span])(
            n,
            trace_id=f"{r.randrange(40):032x}",
            session_id=r.choice(["", *IDS]),
            user_id=r.choice(["", *IDS]),
            start_time=T0_NS + r.randrange(33) * 3_600 * SECOND + n,
            duration_ns=r.choice([1, 10**9]),
            cost_usd=r.choice([None, Decimal("0.5"), Decimal("0.000000000001")]),
            status_code=r.choice(["ok", "error"]),
        )
        for n in range(count)
    ]


def lent(rows: list[dict[str, Any]], id_: str, column: str) -> list[dict[str, Any]]:
    """Those without an id in the traces whose earliest span with one has this."""
    named = sorted((row for row in rows if row[column]), key=lambda row: row["start_time"])
    owner = {row["trace_id"]: row[column] for row in reversed(named)}
    return [row for row in rows if not row[column] and owner.get(row["trace_id"]) == id_]


def is_call(row: dict[str, Any]) -> bool:
    return row["operation"] == "chat"


def total(rows: list[dict[str, Any]]) -> Decimal:
    return sum((row["cost_usd"] for row in rows if row["cost_usd"] is not None), Decimal(0))


PLACES: dict[str, Any] = {
    "newest": lambda rows: max(row["start_time"] for row in rows),
    "longest": lambda rows: (
        max(row["start_time"] + row["duration_ns"] for row in rows) - min(row["start_time"] for row in rows)
    ),
    "dearest": total,
    "requests": lambda rows: sum(map(is_call, rows)),
    "errors": lambda rows: sum(is_call(row) and row["status_code"] == "error" for row in rows),
    "sessions": lambda rows: len({row["session_id"] for row in rows} - {""}),
    "days": lambda rows: len({row["start_time"] // (86_400 * SECOND) for row in rows}),
}
ORDERS = [("sessions", order) for order in ("newest", "longest", "dearest", "requests", "errors")]
ORDERS += [("users", order) for order in ("newest", "dearest", "requests", "errors", "sessions", "days")]


@SLOW
@given(seed=st.integers(0, 10**6), limit=st.integers(1, 4), route_and_order=st.sampled_from(ORDERS))
def test_pages_show_each_once_in_order_with_its_own_figures(
    api: Answering, seed: int, limit: int, route_and_order: tuple[str, str]
) -> None:
    """Whatever its id looks like; sums are exact, spans without an id belong to whom their trace names."""
    route, order = route_and_order
    rows = some_calls(seed)
    api.fill(rows)
    column, name = ("session_id", "session") if route == "sessions" else ("user_id", "user")
    by_id = {i: [row for row in rows if row[column] == i] for i in {row[column] for row in rows} - {""}}
    whole = {i: [*own, *lent(rows, i, column)] for i, own in by_id.items()}
    found = pages(api, route, limit=limit, order=order)
    assert sorted(one[name] for one in found) == sorted(by_id)
    meant = whole if order in {"requests", "errors", "dearest"} else by_id
    places = [PLACES[order](meant[one[name]]) for one in found]
    assert places == sorted(places, reverse=True)
    for one in found:
        own = whole[one[name]]
        assert one["requests"] == sum(map(is_call, own))
        assert one["errors"] == PLACES["errors"](own)
        assert one["traces"] == len({row["trace_id"] for row in own})
        assert Decimal(one["cost_usd"] or 0) == total(own)
        assert (one["cost_usd"] is None) == all(row["cost_usd"] is None for row in own)


@pytest.mark.parametrize("id_", IDS)
def test_any_id_has_a_view_of_its_own(api: Answering, id_: str) -> None:
    """With slashes, quotes, percent signs and Korean, of any length; its figures are those of the filter."""
    api.fill([call(n, session_id=IDS[n % 7], user_id=IDS[n % 7]) for n in range(14)])
    for route, name in (("sessions", "session"), ("users", "user")):
        shown = api.get(f"{route}/{quote(id_, safe='')}")
        assert (shown[name], shown["requests"]) == (id_, 2)
        assert api.get("summary", **{name: id_})["total_requests"] == 2


def test_a_session_is_a_timeline_of_traces(api: Answering) -> None:
    """By start, with what was asked and answered, failures, costs and judgements, also those made days later."""
    rows = [
        span(1, trace_id="a" * 32, session_id="s", name="ask", service_name="web", duration_ns=3 * SECOND),
        call(2, trace_id="a" * 32, session_id="s", parent_span_id=f"{1:016x}", user_id="ada"),
        call(3, trace_id="b" * 32, session_id="s", status_code="error", cost_usd=None, cost_source="unpriced"),
        call(4, trace_id="c" * 32, session_id="other"),
    ]
    rows[1] |= {"input_messages": said("user", "얼마예요?"), "output_messages": said("assistant", "만 원")}
    late = T0_NS + 9 * 86_400 * SECOND
    judged = [
        score(1, trace_id="a" * 32, name="user_feedback", label="thumbs_up", value=1.0, timestamp=late),
        score(2, trace_id="b" * 32, name="hallucination", value=0.9),
        score(4, trace_id="c" * 32, name="quality", value=0.1),
    ]
    api.fill(rows, judged)
    shown = api.get("sessions/s", to="now", from_="2026-09-01T00:00:00Z")
    first, second = shown["timeline"]
    told = [first[k] for k in ("trace_id", "name", "service", "spans", "requests", "input_excerpt", "output_excerpt")]
    assert told == ["a" * 32, "ask", "web", 2, 1, "얼마예요?", "만 원"]
    assert (first["duration_ms"], first["is_failed"], first["cost_usd"]) == (3000.0, False, "0.000001")
    assert (second["errors"], second["is_failed"], second["cost_usd"], second["unpriced_requests"]) == (
        1,
        True,
        None,
        1,
    )
    assert [[s["name"] for s in trace["scores"]] for trace in shown["timeline"]] == [
        ["user_feedback"],
        ["hallucination"],
    ]
    figures = ("thumbs_up", "thumbs_down", "hallucination_rate", "avg_quality_score", "user", "cost_usd", "error_rate")
    assert [shown[k] for k in figures] == [1, 0, 1.0, None, "ada", "0.000001", 0.5]
    (listed,) = [s for s in api.get("sessions")["sessions"] if s["session"] == "s"]
    assert listed["first_question_excerpt"] == "얼마예요?"
    assert {k: v for k, v in listed.items() if k in shown} == {k: v for k, v in shown.items() if k in listed}


def rooted(number: int, people: dict[str, str], **columns: Any) -> list[dict[str, Any]]:
    """A trace whose root alone carries the ids, as many libraries write it; its two calls cost a millionth each."""
    own = {"trace_id": f"{number:032x}", **columns}
    root = span(3 * number, **own, **people, name="ask", duration_ns=9 * SECOND)
    below = {**own, "parent_span_id": f"{3 * number:016x}"}
    texts = {"input_messages": said("user", f"질문 {number}"), "output_messages": said("assistant", "답")}
    return [root, call(3 * number + 1, **below, **texts), call(3 * number + 2, **below, status_code="error")]


def test_calls_below_a_root_with_the_ids_belong_to_them(api: Answering) -> None:
    """In lists, views, orders and with filters, one as the other; a call with an id of its own belongs there alone."""
    rows = [*rooted(1, {"session_id": "s", "user_id": "u"}), *rooted(2, {"session_id": "s", "user_id": "u"})]
    rows += [call(20, session_id="t", user_id="v"), call(21, trace_id=f"{1:032x}", session_id="t", user_id="v")]
    rows += [*rooted(9, {}), *rooted(10, {"session_id": "s", "user_id": "u"}, project="other")]
    api.fill(rows, [score(1, name="quality", value=0.5)])
    figures = ("requests", "errors", "traces", "failed_traces", "input_tokens", "cost_usd", "avg_quality_score")
    for route, (first, second) in {"sessions": ("s", "t"), "users": ("u", "v")}.items():
        for order in ("requests", "errors", "newest", "dearest"):
            listed = api.get(route, "default", order=order)[route]
            assert {one[route[:-1]] for one in listed} == {first, second}
        assert [one[route[:-1]] for one in api.get(route, "default", order="dearest")[route]] == [first, second]
        assert [one[route[:-1]] for one in api.get(route, "default", model="gpt-4o")[route]] == [second, first]
        listed = {one[route[:-1]]: one for one in listed}
        for name, told in ((first, [4, 2, 2, 2, 400, "0.000004"]), (second, [2, 0, 2, 0, 200, "0.000002"])):
            shown = api.get(f"{route}/{name}", "default")
            assert [shown[k] for k in figures] == [listed[name][k] for k in figures] == [*told, 0.5]
    (met,) = api.get("users/u", "default")["newest_sessions"]
    assert (met["session"], met["requests"], met["cost_usd"]) == ("s", 4, "0.000004")
    assert api.get("users/u", "default")["model_distribution"][0]["requests"] == 4
    timeline = api.get("sessions/s", "default")["timeline"]
    assert [(one["requests"], one["spans"], one["name"], one["input_excerpt"]) for one in timeline] == [
        (2, 3, "ask", "질문 1"),
        (2, 3, "ask", "질문 2"),
    ]
    assert api.get("sessions", "default")["sessions"][1]["first_question_excerpt"] == "질문 1"


def test_a_long_session_is_cut_and_says_so(api: Answering) -> None:
    """The earliest traces are shown, up to the limit that may be asked for."""
    most = limits.SESSION_TRACES_MAX
    api.fill([call(n, session_id="s") for n in range(most + 5)])
    shown = api.get("sessions/s", limit=most)
    assert (len(shown["timeline"]), shown["traces_left_out"], shown["traces"]) == (most, 5, most + 5)
    assert [int(t["trace_id"], 16) for t in shown["timeline"][:3]] == [0, 1, 2]


def test_the_days_of_a_user_add_up(api: Answering) -> None:
    """Days, models and sessions each hold every request once; money to the last digit."""
    rows = [dict(row, user_id="철수", request_model=f"m{n % 3}") for n, row in enumerate(some_calls(7))]
    api.fill(rows, [score(n, trace_id=f"{n:032x}", name="quality", value=n / 40) for n in range(40)])
    shown = api.get("users/철수")
    calls = [row for row in rows if is_call(row)]
    for part in ("daily", "model_distribution"):
        assert sum(one["requests"] for one in shown[part]) == shown["requests"] == len(calls)
        assert sum(one["errors"] for one in shown[part]) == shown["errors"]
    assert sum(Decimal(day["cost_usd"] or 0) for day in shown["daily"]) == Decimal(shown["cost_usd"]) == total(rows)
    days = {row["start_time"] // (86_400 * SECOND) for row in rows}
    assert (len(shown["daily"]), shown["days_active"]) == (len(days), len(days))
    assert shown["sessions"] == len(shown["newest_sessions"]) == len({row["session_id"] for row in rows} - {""})
    judged = [int(t, 16) / 40 for t in {row["trace_id"] for row in rows}]
    assert abs(shown["avg_quality_score"] - sum(judged) / len(judged)) < 1e-9
    assert sum(one["share"] for one in shown["model_distribution"]) == pytest.approx(1)


def test_a_filter_finds_people_and_their_figures_stay_whole(api: Answering) -> None:
    """A session that used a model is shown with all its requests."""
    api.fill([call(1, session_id="s", request_model="claude"), call(2, session_id="s"), call(3, session_id="t")])
    assert [(s["session"], s["requests"]) for s in api.get("sessions", model="claude")["sessions"]] == [("s", 2)]


def test_a_key_sees_people_of_its_project_alone(api: Answering) -> None:
    """In lists, views, totals, judgements and excerpts; also with another's cursor."""
    both = [
        call(n, project=p, session_id="s", user_id="u", input_messages=said("user", p))
        for n, p in enumerate(["alpha", "beta", "beta"])
    ]
    api.fill(both, [score(n, project=p, name="quality", value=float(n)) for n, p in enumerate(["alpha", "beta"])])
    for route, id_ in (("sessions", "s"), ("users", "u")):
        for who, requests, quality in (("alpha", 1, 0.0), ("beta", 2, 1.0)):
            (listed,) = api.get(route, who)[route]
            shown = api.get(f"{route}/{id_}", who)
            assert listed["requests"] == shown["requests"] == requests
            assert listed["avg_quality_score"] == shown["avg_quality_score"] == quality
        assert api.get(route, "gamma")[route] == []
        assert api.ask(f"{route}/{id_}", "gamma").status_code == 404
    assert api.get("sessions", "alpha")["sessions"][0]["first_question_excerpt"] == "alpha"
    assert [t["input_excerpt"] for t in api.get("sessions/s", "alpha")["timeline"]] == ["alpha"]
    api.fill([call(n, project="alpha", session_id=f"s{n}") for n in range(3)])
    cursor = api.get("sessions", "alpha", limit=1)["next_cursor"]
    assert api.get("sessions", "gamma", limit=1, cursor=cursor)["sessions"] == []


def test_an_empty_store_has_nobody(api: Answering) -> None:
    """No rows, no error; a view is 404."""
    api.fill([])
    assert api.get("sessions")["sessions"] == api.get("users")["users"] == []
    for path in ("sessions/s", "users/u", "sessions/", "users/%20"):
        answer = api.ask(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "wrong", "parameter"),
    [
        ("sessions", {"order": "slowest"}, "order"),
        ("sessions", {"limit": limits.LIST_PAGE_MAX + 1}, "limit"),
        ("sessions", {"cursor": "x"}, "cursor"),
        ("sessions", {"sesion": "s"}, "sesion"),
        ("sessions/s", {"limit": limits.SESSION_TRACES_MAX + 1}, "limit"),
        ("sessions/s", {"from_": "soon"}, "from"),
        ("users", {"order": "longest"}, "order"),
        ("users", {"limit": 0}, "limit"),
        ("users/u", {"cursor": "x"}, "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(api: Answering, path: str, wrong: dict[str, Any], parameter: str) -> None:
    """As problem JSON with status 400."""
    answer = api.ask(path, **wrong)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["parameter"]) == (400, parameter)


def test_a_cursor_belongs_to_its_list_and_order(api: Answering) -> None:
    """Another list, order or filter refuses it."""
    api.fill([call(n, session_id=f"s{n}", user_id=f"u{n}") for n in range(3)])
    cursor = api.get("sessions", limit=1)["next_cursor"]
    asked = [("users", {}), ("sessions", {"order": "dearest"}), ("sessions", {"model": "x"})]
    for route, other in asked:
        answer = api.ask(route, cursor=cursor, **other)
        assert (answer.status_code, answer.json()["parameter"]) == (400, "cursor")


def test_answers_are_those_of_the_openapi(api: Answering) -> None:
    """Every field is declared, and none is missing."""
    api.fill(some_calls(3), [score(1, name="quality", value=0.5)])
    assert models_people.Sessions.model_validate(api.get("sessions"))
    assert models_people.Session.model_validate(api.get(f"sessions/{quote(IDS[0], safe='')}"))
    assert models_people.Users.model_validate(api.get("users"))
    assert models_people.User.model_validate(api.get("users/철수"))
