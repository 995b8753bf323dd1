"""One span as markup: its facts, its receipt, what went in and came out, its attributes, everything as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from haechi_collector.gate.gate import Caller
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.conversation import conversation, documents, json_of, text_of
from haechi_collector.web.feedback import thumbs
from haechi_collector.web.html import Child, Html, go, join, tag
from haechi_collector.web.language import Translator, Word
from haechi_collector.web.state import State
from haechi_collector.web.widgets import badge, duration, money, whole

Row = Mapping[str, Any]


def span_view(span: Row, state: State, caller: Caller, t: Translator) -> Html:
    """Return a span of ``/api/v1/traces/{trace_id}/spans/{span_id}`` for somebody who may judge it or not."""
    title = tag("div", tag("h3", span["name"], class_="t-name"), thumbs(span, caller, t), class_="t-title")
    return join([title, _facts(span, state, t), _sections(span, t)])


def _facts(span: Row, state: State, t: Translator) -> Html:
    facts: list[tuple[Word, Child]] = [
        (own.STATUS, _status(span)),
        (words.DURATION, duration(span["duration_ms"])),
        (words.TTFT, duration(span["ttft_ms"]) if span["ttft_ms"] is not None else None),
        (own.OPERATION, span["operation"]),
        (words.MODEL, _model(span)),
        (words.TOKENS, _tokens(span, t)),
        (words.COST, _cost(span, t)),
        (own.FINISHED_BY, ", ".join(span["finish_reasons"])),
        (words.SERVICE, " ".join(filter(None, (span["service"], span["service_version"], span["environment"])))),
        (own.PROMPT, " ".join(filter(None, (span["prompt"], span["prompt_version"])))),
        (own.EXPERIMENT, " ".join(filter(None, (span["experiment"], span["variant"])))),
        (words.USER, _link(state, "/user", span["user"])),
        (own.SESSION, _link(state, "/session", span["session"])),
    ]
    return tag("dl", [(tag("dt", t(word)), tag("dd", value)) for word, value in facts if value], class_="t-facts")


def _status(span: Row) -> Child:
    if span["status"] != "error":
        return str(span["status"])
    message = span["status_message"]["text"]
    return [badge(span["error_type"] or "error", "bad"), " ", message if message != span["error_type"] else None]


def _model(span: Row) -> str:
    answered = span["response_model"]
    also = f" → {answered}" if answered and answered != span["request_model"] else ""
    return f"{span['provider']} {span['request_model']}{also}".strip()


def _tokens(span: Row, t: Translator) -> Child:
    if not span["input_tokens"] and not span["output_tokens"]:
        return None
    cached = span["cache_read_tokens"]
    more = [" (", whole(cached), f" {t(words.CACHED).lower()})"] if cached else []
    return [whole(span["input_tokens"]), more, " → ", whole(span["output_tokens"])]


def _cost(span: Row, t: Translator) -> Child:
    if span["cost_usd"] is None:
        return badge(t(own.UNPRICED), "warn") if span["cost_source"] == "unpriced" else None
    return money(span["cost_usd"])


def _link(state: State, path: str, value: str) -> Child:
    return go(state.at(path, id=value).href, value, class_="h-link") if value else None


def _sections(span: Row, t: Translator) -> Html:
    listed = [
        _section(t(own.RECEIPT), _receipt(span["receipt"], t), is_open=True),
        *(
            _section(t(word), _content(span[name], t), is_open=True)
            for word, name in (
                (own.INSTRUCTIONS, "system_instructions"),
                (own.ASKED, "input_messages"),
                (own.ANSWERED, "output_messages"),
            )
        ),
        _section(t(own.CONTEXT), _context(span["retrieved_context"], t)),
        _section(t(own.SCORES), scores(span["scores"], t) if span["scores"] else None, is_open=True),
        _section(t(own.TOOLS), _content(span["tool_definitions"], t)),
        _section(t(own.ATTRIBUTES), _attributes(span["attributes"])),
        _section(t(own.RESOURCE), _attributes(span["resource_attributes"])),
        _section(t(own.EVENTS), _content(span["events"], t)),
        _section(t(own.LINKS), _content(span["links"], t)),
        _section(t(own.RAW), tag("div", orjson.dumps(span, option=orjson.OPT_INDENT_2).decode(), class_="c-json")),
    ]
    return tag("div", listed, class_="t-sections")


def _section(title: str, body: Html | None, *, is_open: bool = False) -> Html:
    if not body:
        return Html("")
    return tag("details", tag("summary", title), tag("div", body, class_="t-inner"), open=is_open)


def _content(text: Row, t: Translator) -> Html | None:
    parsed = text["parsed"]
    if isinstance(parsed, list) and not parsed:
        return None
    if isinstance(parsed, list) and all(isinstance(m, dict) and isinstance(m.get("parts"), list) for m in parsed):
        return conversation(parsed, t)
    if isinstance(parsed, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in parsed):
        return join([text_of(str(part.get("content", "")), t) for part in parsed])
    if parsed is not None:
        return json_of(parsed, t)
    if not text["text"]:
        return None
    return join(
        [text_of(text["text"], t), tag("p", t(own.CONTENT_LEFT_OUT), class_="h-hint") if text["is_cut"] else None]
    )


def _context(text: Row, t: Translator) -> Html | None:
    whole_text = text["text"] if text["parsed"] is None else orjson.dumps(text["parsed"]).decode()
    return documents([{"text": whole_text}], t) if whole_text else None


def _receipt(receipt: Row, t: Translator) -> Html | None:
    if not receipt["lines"]:
        return None
    head = [tag("th", t(own.BUCKET))]
    head += [tag("th", t(word), class_="is-number") for word in (words.TOKENS, own.RATE, own.AMOUNT)]
    lines = [
        tag(
            "tr",
            tag("th", line["bucket"]),
            tag("td", f"{line['tokens']:,}", class_="is-number"),
            tag("td", formats.per_million(line["rate_usd"]), class_="is-number"),
            tag("td", formats.exact_money(line["amount_usd"]), class_="is-number"),
        )
        for line in receipt["lines"]
    ]
    remarks = " · ".join(f"{name}: {value}" for name, value in receipt["remarks"].items())
    table = tag("table", tag("thead", tag("tr", head)), tag("tbody", lines), class_="t-map")
    return join([table, tag("p", remarks, class_="h-hint") if remarks else None])


def _attributes(attributes: Iterable[Row]) -> Html | None:
    rows = [
        tag("tr", tag("th", one["key"]), tag("td", _shown(one["value"]), "…" if one["is_cut"] else None))
        for one in sorted(attributes, key=lambda one: str(one["key"]))
    ]
    return tag("table", tag("tbody", rows), class_="t-map") if rows else None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def scores(listed: Sequence[Row], t: Translator) -> Html:
    """Return judgements as a table."""
    head = [tag("th", t(word)) for word in (own.SCORE, own.VALUE, own.BY)]
    return tag("table", tag("thead", tag("tr", head)), tag("tbody", [_score(one) for one in listed]), class_="t-map")


def _score(one: Row) -> Html:
    value = one["label"] or ("" if one["value"] is None else f"{one['value']:g}")
    shown = f"{value} ({one['value']:g})" if one["label"] and one["value"] is not None else value
    by = " ".join(filter(None, (one["source"], one["evaluator"])))
    first = tag("tr", tag("th", one["name"]), tag("td", shown), tag("td", by), data_span=one["span_id"] or None)
    why = tag("tr", tag("td", one["explanation"], colspan="3", class_="h-muted")) if one["explanation"] else None
    return join([first, why])
