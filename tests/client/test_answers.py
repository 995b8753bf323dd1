"""The questions of the client, against a real API over a filled store."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from tests import filled
from tests.questions import FROM, TO, Answering

from haechi.client import Answer, Client, NotFound, Pages, WrongParameter

BEGIN, END = datetime.fromisoformat(FROM), datetime.fromisoformat(TO)
CALLS = [row for row in filled.spans() if row["operation"] == "chat"]
TRACE, SPAN = f"{3:032x}", f"{11:016x}"


@pytest.fixture(scope="module")
def one_of_each(api: Answering) -> list[Answer]:
    """Every question, once."""
    with Client(api.url, timeout_s=60) as client:
        return asked(client)


def asked(client: Client) -> list[Answer]:
    window: dict[str, Any] = {"from_": BEGIN, "to": END}
    pages: list[Pages[Any]] = [client.traces(**window), client.sessions(**window), client.users(**window)]
    return [
        client.summary(**window),
        client.latency(group_by="model", interval="6h", include=["histogram", "heatmap"], **window),
        client.costs(group_by=["user", "model"], interval="6h", include="users,savings", **window),
        client.forecast(at=END, budget_usd=Decimal("1.5")),
        client.report(**window),
        client.compare(by="prompt_version", a="1", b="2", **window),
        client.trace(TRACE),
        client.span(TRACE, SPAN),
        client.session("session/3"),
        client.user("user-3", **window),
        client.failures(**window),
        client.facets("model", **window),
        client.attributes(**window),
        *(next(iter(page)) for page in pages),
        next(iter(client.requests(**window))),
    ]


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that it is annotated with."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(fits(one, arguments[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(one, arguments[1]) for one in value.values())
    if origin is not None and hint is not Any:  # a union, or literals
        return any(fits(value, one) if isinstance(one, type) or get_origin(one) else value == one for one in arguments)
    if isinstance(hint, type) and issubclass(hint, Answer):
        return isinstance(value, hint) and all(fits(getattr(value, n), h) for n, h in get_type_hints(hint).items())
    return hint is Any or type(value) is hint


def test_every_answer_has_the_types_that_it_promises(one_of_each: list[Answer]) -> None:
    """Down to the last field: money is Decimal, times are datetimes."""
    wrong = [
        f"{type(answer).__name__}.{name}: {getattr(answer, name)!r} is no {hint}"
        for answer in one_of_each
        for name, hint in get_type_hints(type(answer)).items()
        if not fits(getattr(answer, name), hint)
    ]
    assert wrong == []


def test_money_is_exact_and_times_are_aware(client: Client) -> None:
    """The sum of the rows that were stored, to the last digit; a window as it was asked for."""
    costs = client.costs(from_=BEGIN, to=END, group_by="model")
    assert costs.total.cost_usd == sum(row["cost_usd"] for row in CALLS if row["cost_usd"] is not None)
    assert {row.group["model"]: row.cost_usd for row in costs.rows}["in-house"] is None
    assert (costs.from_, costs.to) == (BEGIN, END)
    assert costs.from_.utcoffset() == timedelta(0)


def test_percentiles_are_those_of_the_rows(client: Client) -> None:
    """Within 1 % of the exact one by nearest rank."""
    latency = client.latency(quantiles=[0.5, 0.9], from_=BEGIN, to=END)
    for name, level in (("p50", 0.5), ("p90", 0.9)):
        exact = np.quantile([row["duration_ns"] / 1e6 for row in CALLS], level, method="inverted_cdf")
        assert latency.total.quantiles[name] == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize(
    ("filters", "column", "values"),
    [
        ({"model": "gpt-4o"}, "request_model", {"gpt-4o"}),
        ({"model": ["gpt-4o", "in-house"]}, "request_model", {"gpt-4o", "in-house"}),
        ({"status": ("error",)}, "status_code", {"error"}),
        ({"attributes": {"tenant": "가"}}, "attributes_string", {"가"}),
        ({"attributes": {"tenant": ["가", "acme"], "temperature": 0.5, "vip": True}}, "attributes_string", None),
        ({"user": None}, "user_id", None),
    ],
)
def test_filters_are_sent_as_they_are_meant(
    client: Client, filters: dict[str, Any], column: str, values: set[str] | None
) -> None:
    """One value, alternatives, attributes of every type; None is no filter."""
    seen = [row[column][0][1] if isinstance(row[column], list) else row[column] for row in CALLS]
    expected = sum(values is None or value in values for value in seen)
    assert client.summary(from_=BEGIN, to=END, **filters).total_requests == expected


def test_a_window_is_told_by_datetimes_lengths_or_words(client: Client) -> None:
    """An aware datetime of any zone, a timedelta before now, the API's own words."""
    seoul = BEGIN.astimezone(datetime.strptime("+0900", "%z").tzinfo)
    assert client.summary(from_=seoul, to=TO).from_ == BEGIN
    hour = client.summary(from_=timedelta(hours=1))
    assert hour.to - hour.from_ == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=5))
    assert client.latency(from_=BEGIN, to=END, interval=timedelta(hours=6)).interval_s == 6 * 3600


def test_a_time_without_a_zone_is_refused(client: Client) -> None:
    """It would mean another moment on the next machine."""
    with pytest.raises(ValueError, match=r"from_: .* has no time zone"):
        client.summary(from_=datetime(2026, 9, 21))  # noqa: DTZ001  the mistake that is refused
    with pytest.raises(ValueError, match=r"from_: .* is no length of time"):
        client.summary(from_=timedelta(0))
    with pytest.raises(TypeError, match="model: bytes"):
        client.summary(model=b"gpt")  # type: ignore[arg-type]


def test_pages_follow_one_another_without_doubles(client: Client) -> None:
    """240 traces in two pages; a limit ends them early, in the middle of a page too."""
    every = [trace.trace_id for trace in client.traces(from_=BEGIN, to=END)]
    assert Counter(every) == Counter({row["trace_id"]: 1 for row in CALLS})
    assert [trace.trace_id for trace in client.traces(from_=BEGIN, to=END, limit=203)] == every[:203]
    assert len(list(client.requests(from_=BEGIN, to=END, limit=239, order="slowest"))) == 239
    with pytest.raises(ValueError, match="limit: 0"):
        client.users(limit=0)


def test_a_page_is_asked_for_when_it_is_needed(client: Client) -> None:
    """A wrong filter is told by the first item, not by the call."""
    pages = client.traces(attributes={"": "x"}, from_="nonsense")
    with pytest.raises(WrongParameter):
        next(iter(pages))


def test_ids_may_be_any_text(client: Client) -> None:
    """A session's id holds a slash; what is not there is NotFound."""
    session = client.session("session/3")
    assert [trace.trace_id for trace in session.timeline] == [f"{number:032x}" for number in range(12, 16)]
    for missing in ("nobody", "a b/c?d#e%", "환불"):
        with pytest.raises(NotFound):
            client.user(missing)
    with pytest.raises(NotFound):
        client.trace("ff")


def test_rows_become_data_frames_and_arrow(client: Client) -> None:
    """Group and percentiles are columns; money stays Decimal; every list of an answer by its name."""
    latency = client.latency(from_=BEGIN, to=END, group_by="model,prompt_version", quantiles=[0.5], interval="6h")
    frame = latency.pandas()
    assert {"model", "prompt_version", "p50", "requests"} <= set(frame.columns)
    assert frame["requests"].sum() == len(CALLS)
    assert latency.pandas("series")["requests"].sum() == len(CALLS)
    costs = client.costs(from_=BEGIN, to=END, group_by="model").arrow()
    assert str(costs.schema.field("cost_usd").type).startswith("decimal128")
    with pytest.raises(ValueError, match="has no rows 'nothing'; it has rows, series"):
        latency.pandas("nothing")
    assert len(client.traces(from_=BEGIN, to=END, limit=5).pandas()) == 5
    assert client.traces(from_=BEGIN, to=END, limit=5).arrow().num_rows == 5


def test_answers_show_themselves(client: Client, one_of_each: list[Answer]) -> None:
    """In a notebook as tables, with what they hold escaped; in a terminal on one line with the sizes of lists."""
    for answer in one_of_each:
        assert answer._repr_html_().startswith("<table>")
        assert "\n" not in repr(answer)
        assert repr(answer).startswith(f"{type(answer).__name__}(")
    summary = client.summary(from_=BEGIN, to=END)
    assert "model_distribution=[3 ModelShare]" in repr(summary)
    assert f'<td>total_requests</td><td style="text-align:right">{len(CALLS)}</td>' in summary._repr_html_()
    shown = client.traces(from_=BEGIN, to=END)
    assert shown._repr_html_().count("<tr>") == 51
    assert repr(shown) == "Pages(up to 1,000; iterate over it, or .records(), .arrow(), .pandas())"


def test_html_is_escaped(client: Client) -> None:
    """A column's name is a user's text."""
    assert "&lt;script&gt;" in client.sql("SELECT '<script>' AS `a<b`")._repr_html_()
    assert "<th>a&lt;b</th>" in client.sql("SELECT '<script>' AS `a<b`")._repr_html_()


def test_now_is_a_day_without_a_window(client: Client) -> None:
    """The default of the server, not one of the client."""
    summary = client.summary()
    assert summary.to - summary.from_ == timedelta(days=1)
    assert abs(summary.to - datetime.now(UTC)) < timedelta(minutes=5)
    assert summary.error_rate is None
