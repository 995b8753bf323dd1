"""The recommendations of ``/api/v1/costs/report`` as cards: what each saves, from which figures, and its traces."""

from collections.abc import Mapping
from typing import Any, Final

from haechi_collector.web import formats, words
from haechi_collector.web import words_costs as own
from haechi_collector.web import words_saving as said
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.language import Translator
from haechi_collector.web.state import State
from haechi_collector.web.view import View
from haechi_collector.web.widgets import badge, money

Answer = Mapping[str, Any]
_EVIDENCE_MAX: Final = 8


def recommendations(view: View, answer: Answer) -> Html:
    """Return one card for each, the greatest saving first."""
    t = view.t
    if not answer["recommendations"]:
        return tag("div", t(own.NO_RECOMMENDATIONS), class_="h-nothing")
    listed = [_one(view, one) for one in answer["recommendations"]]
    return join([tag("p", t(own.RECOMMENDATIONS_NOTE), class_="h-foot"), tag("div", listed, class_="h-ways")])


def _one(view: View, one: Answer) -> Html:
    t = view.t
    saving = tag("div", money(one["saving_usd"]), class_="h-saving") if one["saving_usd"] else None
    more = []
    if one["saving_per_month_usd"]:
        more.append(t(own.PER_MONTH, amount=formats.money(one["saving_per_month_usd"])))
    if one["share_of_cost"]:
        more.append(t(own.OF_COST, share=formats.percent(one["share_of_cost"])))
    facts = [
        tag("div", tag("dt", t(said.FACTS[name])), tag("dd", _fact(name, value)))
        for name, value in list(one["evidence"].items())[:_EVIDENCE_MAX]
        if isinstance(value, str | int | float)
    ]
    notes = tag("p", f"{t(own.ASSUMPTIONS)}: {' '.join(assumptions_of(one, t))}", class_="h-hint")
    return tag(
        "article",
        tag("div", saving, tag("div", " · ".join(more), class_="h-hint"), class_="h-way-money"),
        tag(
            "div",
            tag("div", badge(t(own.KINDS[one["kind"]])), tag("h3", title_of(one, t)), class_="h-way-head"),
            tag("dl", facts, class_="h-evidence"),
            notes,
            go(_traces(view.state, one["traces"]).href, t(words.SEE_TRACES), class_="h-link"),
        ),
        class_="h-way",
        data_kind=one["kind"],
    )


def title_of(one: Answer, t: Translator) -> str:
    """Return what a recommendation says; in English it is its ``title``."""
    told, kind = one["evidence"], one["kind"]
    service, model = told.get("service"), told["model"] or t(said.NO_MODEL)
    who = told.get("prompt") or (t(said.OF_SERVICE, service=service) if service else t(said.UNNAMED))
    match kind:
        case "prompt_caching":
            places = {"who": who, "tokens": f"{told['prefix_tokens']:,}", "requests": f"{told['requests']:,}"}
        case "few_shot":
            places = {"who": who, "tokens": f"{told['example_tokens']:,}", "examples": told["examples"]}
        case "repeated_requests":
            places = {"who": who, **{name: told[name] for name in ("repeats", "requests", "operation")}}
        case "cheaper_model":
            places = {"who": who, "cheaper": told["cheaper_model"]}
        case "paid_errors":
            places = {"requests": told["requests"], "error": told["error_type"] or t(said.ERROR)}
        case _:
            places = {"requests": told["requests"]}
    word = said.ONE_EXAMPLE if told.get("examples") == 1 else said.TITLES[kind]
    return t(word, model=model, **places)


def assumptions_of(one: Answer, t: Translator) -> list[str]:
    """Return what a recommendation rests on; in English its ``assumptions``."""
    return [t(word) for word in said.ASSUMPTIONS[one["kind"]]]


def _fact(name: str, value: str | float) -> Html | str:
    if name.endswith("_usd"):
        return money(str(value))
    if name.endswith("share"):
        return formats.percent(float(value))
    if isinstance(value, str):
        return value if len(value) <= 80 else f"{value[:79]}…"
    return formats.count(value) if isinstance(value, int) else formats.number(value)


def _traces(state: State, parameters: Mapping[str, str | list[str]]) -> State:
    """Return the search with these parameters of ``/api/v1/traces``."""
    found = State("/traces", live=False)
    own_params = {}
    for name, value in parameters.items():
        for text in [value] if isinstance(value, str) else value:
            if name in {"from", "to"}:
                found = found.with_window(text if name == "from" else found.from_, text if name == "to" else found.to)
            elif name in {"q", "order"}:
                own_params[name] = text
            else:
                found = found.with_filter(name, text)
    return found.with_params(**own_params) if parameters else state.at("/traces")
