"""What is worth attention: computed facts of the window, none of them an opinion.

Guarantee: a change is named only where `query.compare` finds it beyond chance against the window of the same length
before; a model without a price and rows that could not be stored are counted, not guessed.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.query.compare import CompareQuestion, compare
from haechi_collector.query.compare_side import Side
from haechi_collector.query.costs import CostsQuestion, costs
from haechi_collector.query.engine import Engine
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.scope import Scope
from haechi_collector.query.statement import Statement, Values
from haechi_collector.web import formats, words
from haechi_collector.web import words_metrics as metrics
from haechi_collector.web import words_overview as own
from haechi_collector.web.comparing import shown
from haechi_collector.web.grouping import before
from haechi_collector.web.html import Html, go, tag
from haechi_collector.web.view import View

Answer = Mapping[str, Any]

_WATCHED: Final = (
    "error_rate",
    "p95_latency_ms",
    "p95_ttft_ms",
    "cost_per_request_usd",
    "hallucination_rate",
    "avg_quality_score",
    "thumbs_up_rate",
)
_RELATIVE_MIN: Final = 0.1
"""A change of less than a tenth is no news, however sure it is."""

_MODELS_MAX: Final = 5


async def attention(view: View, scope: Scope) -> dict[str, Any]:
    """Ask for everything that may be worth it."""
    earlier = before(scope)
    spent, lost = await asyncio.gather(
        costs(view.engine, CostsQuestion(Grouped(scope))), _dead_letters(view.engine, scope)
    )
    compared = await compare(view.engine, CompareQuestion(Side("", scope), Side("", earlier))) if earlier else {}
    return {
        "unpriced": spent["unpriced_models"][:_MODELS_MAX],
        "dead_letters": lost,
        "changes": [one for one in compared.get("differences", []) if _is_notable(one)],
    }


async def _dead_letters(engine: Engine, scope: Scope) -> int:
    values = Values()
    begin, end = values.time(scope.window.from_ns), values.time(scope.window.to_ns)
    own = "" if scope.project is None else f" AND project = {values.text(scope.project)}"
    sql = f"SELECT sum(rows) AS rows FROM dead_letters WHERE ingested_at >= {begin} AND ingested_at < {end}{own}"  # noqa: S608  bound values
    return int((await engine.ask(Statement(sql, values.bound))).rows[0]["rows"])


def _is_notable(difference: Answer) -> bool:
    relative = difference["relative"]
    is_clear = difference["verdict"] in {"higher", "lower"} and (relative is None or abs(relative) >= _RELATIVE_MIN)
    return difference["metric"] in _WATCHED and is_clear


def facts(view: View, answer: Answer) -> Html:
    """Return them as a list; the worst kind first."""
    t = view.t
    listed = [_change(view, one) for one in answer["changes"]]
    if answer["dead_letters"]:
        text = t(own.DEAD_LETTERS, count=formats.count(answer["dead_letters"]))
        query = "SELECT signal, code, reason, rows, ingested_at FROM dead_letters ORDER BY ingested_at DESC LIMIT 100"
        listed.append(_fact("is-bad", text, view.state.at("/query", query=query).href, t(own.SEE_SQL)))
    listed += [_unpriced(view, model) for model in answer["unpriced"]]
    if not listed:
        listed = [_fact("is-good", t(own.CALM), view.state.at("/compare", by="window").href, t(own.COMPARE))]
    return tag("ul", listed, class_="h-facts")


def _change(view: View, one: Answer) -> Html:
    t, is_higher = view.t, one["verdict"] == "higher"
    word = own.HIGHER if is_higher else own.LOWER
    now, then = (shown(one["unit"], one[side]) for side in ("a", "b"))
    text = t(word, metric=t(metrics.BY_NAME[one["metric"]]), now=now, before=then)
    is_good = (metrics.BETTER.get(one["metric"], 0) > 0) == is_higher
    return _fact("is-good" if is_good else "is-bad", text, view.state.at("/compare", by="window").href, t(own.COMPARE))


def _unpriced(view: View, model: Answer) -> Html:
    text = view.t(
        own.UNPRICED, model=model["model"], provider=model["provider"], count=formats.count(model["requests"])
    )
    state = view.state.only("model", model["model"]).at("/traces")
    return _fact("", text, state.href, view.t(words.SEE_TRACES))


def _fact(kind: str, text: str, href: str, link: str) -> Html:
    mark = tag("i", class_="h-mark")
    return tag("li", mark, tag("p", text), go(href, link, class_="h-link"), class_=kind or None)
