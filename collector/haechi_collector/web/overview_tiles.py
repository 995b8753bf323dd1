"""The tiles of the overview: the figures of ``/api/v1/summary`` and ``costs``, beside those of the window before."""

from collections.abc import Callable, Mapping
from typing import Any

from haechi_collector.web import formats, words
from haechi_collector.web import words_metrics as metrics
from haechi_collector.web import words_overview as own
from haechi_collector.web.html import Html
from haechi_collector.web.lines import dollars, values
from haechi_collector.web.view import View
from haechi_collector.web.widgets import Tile, duration, figure, money, percent, tiles, whole

Answer = Mapping[str, Any]
Show = Callable[..., Html]


def overview_tiles(view: View, answer: Answer) -> Html:
    """Return all of them."""
    return tiles([*_traffic(view, answer), *_timing(view, answer), *_spending(view, answer), *_judged(view, answer)])


def _change(answer: Answer, name: str) -> float | None:
    now, then = answer["now"][name], answer["before"].get(name)
    return formats.change(_number(now), _number(then))


def _number(value: float | str | None) -> float | None:
    return None if value is None else float(value)


def _tile(view: View, answer: Answer, name: str, show: Show, **more: Any) -> Tile:
    label = more.pop("label", None) or view.t(metrics.BY_NAME[name])
    better = metrics.BETTER.get(name, 0)
    return Tile(label, show(answer["now"][name], name), _change(answer, name), better, **more)


def _traffic(view: View, answer: Answer) -> list[Tile]:
    t, now, course = view.t, answer["now"], answer["course"]
    errors = course["total"]["errors"]
    return [
        _tile(
            view,
            answer,
            "total_requests",
            whole,
            label=t(words.REQUESTS),
            sub=t(own.PER_MINUTE, count=formats.number(now["requests_per_minute"])),
            spark=values(course, lambda row: row["requests"], 0),
            href=view.state.at("/traces").href,
        ),
        _tile(
            view,
            answer,
            "error_rate",
            percent,
            sub=t(own.FAILED_COUNT, count=formats.count(errors)),
            spark=values(course, lambda row: row["error_rate"]),
            href=view.state.only("status", "error").at("/traces").href,
        ),
    ]


def _timing(view: View, answer: Answer) -> list[Tile]:
    t, now, course = view.t, answer["now"], answer["course"]
    return [
        _tile(
            view,
            answer,
            "p95_latency_ms",
            duration,
            sub=t(own.MEDIAN, value=formats.duration(now["p50_latency_ms"])),
            spark=values(course, lambda row: row["quantiles"]["p95"]),
            href=view.state.at("/latency").href,
        ),
        _tile(
            view,
            answer,
            "p95_ttft_ms",
            duration,
            sub=t(own.MEDIAN, value=formats.duration(now["p50_ttft_ms"])),
            href=view.state.at("/latency", metric="ttft").href,
        ),
    ]


def _spending(view: View, answer: Answer) -> list[Tile]:
    t, now, spent = view.t, answer["now"], answer["costs"]
    total, then = spent["total"], answer["costs_before"]["total"] if answer["before"] else None
    tokens = total["input_tokens"] + total["output_tokens"]
    tokens_then = then["input_tokens"] + then["output_tokens"] if then else None
    parts = t(own.IN_OUT, input=formats.count(total["input_tokens"]), output=formats.count(total["output_tokens"]))
    href = view.state.at("/costs").href
    return [
        _tile(
            view,
            answer,
            "total_cost_usd",
            money,
            label=t(words.COST),
            sub=t(own.PER_REQUEST, amount=formats.money(now["cost_per_request_usd"])),
            spark=values(spent, dollars, 0),
            href=href,
        ),
        Tile(
            t(words.TOKENS),
            whole(tokens, "tokens"),
            formats.change(tokens, tokens_then),
            sub=parts,
            spark=values(spent, lambda row: row["input_tokens"] + row["output_tokens"], 0),
            href=href,
        ),
        _tile(view, answer, "unpriced_requests", whole, label=t(metrics.UNPRICED), href=href),
    ]


def _judged(view: View, answer: Answer) -> list[Tile]:
    t = view.t

    def score(value: float | None, name: str) -> Html:
        return figure(formats.NONE if value is None else f"{value:.2f}", value, "", name)

    return [
        _tile(view, answer, "avg_quality_score", score, sub=t(own.OF_ONE)),
        _tile(view, answer, "hallucination_rate", percent, sub=t(own.OF_CHECKED)),
        _tile(view, answer, "thumbs_up_rate", percent, sub=t(own.OF_FEEDBACK)),
    ]
