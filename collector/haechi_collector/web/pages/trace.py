"""One trace: what happened when, what was said, what it was grounded in, how it was judged, and every span whole."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from haechi_collector.query.scope import Scope
from haechi_collector.query.span import span as span_of
from haechi_collector.query.trace import trace as trace_of
from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.canvas import failure, markup
from haechi_collector.web.conversation import conversation, documents
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.span_view import scores, span_view
from haechi_collector.web.view import Page, Question, View
from haechi_collector.web.waterfall import Waterfall, rows_of
from haechi_collector.web.widgets import Tile, duration, money, tiles, whole

_PATH: Final = "/traces/{trace_id}"


class _Opened(NamedTuple):
    """The trace, and the span that is shown whole; both None where there is no such trace."""

    trace: dict[str, Any] | None
    span: dict[str, Any] | None


class _Trace:
    """One visit: what was asked for, and which span is chosen."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._id = re.sub("[^0-9a-f]", "", view.names["trace_id"].lower())
        self._chosen = view.state.get("span")

    def build(self) -> None:
        """Draw the page."""
        view = self._view
        opened: Question[_Opened] = view.ask(self._open)
        view.html(opened, self._head)
        with view.grid("t-panes"):
            with view.grid():
                with view.place("h-card"):
                    self._waterfall = Waterfall(view.t, self._pick)
                view.add(_WaterfallBlock(opened, self._waterfall, view))
                view.html(opened, self._conversation, title=own.CONVERSATION)
            with view.grid():
                with view.place("h-card t-span"):
                    self._span = _SpanBlock(opened, view)
                view.add(self._span)
                view.html(opened, self._context, title=own.CONTEXT)
                view.html(opened, self._scores, title=own.SCORES)

    async def _open(self, scope: Scope) -> _Opened:
        found = await trace_of(self._view.engine, self._id, scope.project)
        if found is None:
            return _Opened(None, None)
        self._chosen = self._chosen or _telling(found["spans"])
        return _Opened(found, await span_of(self._view.engine, self._id, self._chosen, scope.project))

    def _pick(self, span_id: str) -> None:
        self._chosen = span_id
        self._waterfall.select(span_id)
        self._view.answer(Question(self._picked), self._span)

    async def _picked(self, scope: Scope) -> _Opened:
        return _Opened(None, await span_of(self._view.engine, self._id, self._chosen, scope.project))

    # --- what is drawn ---------------------------------------------------------------------------------------

    def _head(self, opened: _Opened) -> Html:
        t, found = self._view.t, opened.trace
        if found is None:
            return tag("div", t(own.NO_TRACE), class_="h-nothing")
        self._waterfall.select(self._chosen)
        left_out = found["spans_left_out"]
        note = tag("p", t(own.SPANS_LEFT_OUT, count=left_out), class_="h-hint") if left_out else None
        return join([self._actions(found), _figures(self._view, found), note])

    def _actions(self, found: Mapping[str, Any]) -> Html:
        t, id_ = self._view.t, self._id
        query = f"SELECT * FROM spans WHERE trace_id = '{id_}' ORDER BY start_time"  # noqa: S608  shown, not run
        return tag(
            "div",
            tag("strong", found["spans"][0]["name"]),
            tag("code", id_, class_="t-id"),
            tag(
                "span",
                formats.moment(found["start_time"], self._view.zone),
                class_="h-muted",
                title=found["start_time"],
            ),
            tag("span", class_="t-space"),
            tag("button", t(own.COPY_ID), type="button", class_="h-button", data_copy=id_),
            tag("button", t(own.COPY_CURL), type="button", class_="h-button", data_curl=f"/api/v1/traces/{id_}"),
            go(self._view.state.at("/query", query=query).href, t(own.IN_SQL), class_="h-button"),
            class_="t-head",
        )

    def _conversation(self, opened: _Opened) -> Html:
        t, found = self._view.t, opened.trace
        if not found or not found["conversation"]:
            return tag("div", t(own.NO_CONVERSATION), class_="h-nothing")
        note = tag("p", t(own.CONTENT_LEFT_OUT), class_="h-hint") if found["content_left_out"] else None
        return join([conversation(found["conversation"], t), note])

    def _context(self, opened: _Opened) -> Html:
        t, found = self._view.t, opened.trace
        if not found or not found["retrieved_context"]:
            return tag("div", t(own.NO_CONTEXT), class_="h-nothing")
        return documents(found["retrieved_context"], t)

    def _scores(self, opened: _Opened) -> Html:
        t, found = self._view.t, opened.trace
        if not found or not found["scores"]:
            return tag("div", t(own.NO_SCORES), class_="h-nothing")
        return scores(found["scores"], t)


def _telling(spans: Sequence[Mapping[str, Any]]) -> str:
    """Return the span that somebody wants to see first: the deepest that failed, else the first call with tokens."""
    failed = [span for span in spans if span["status"] == "error"]
    called = [span for span in spans if span["output_tokens"]]
    chosen: str = (failed[-1:] or called[:1] or list(spans[:1]))[0]["span_id"]
    return chosen


def _figures(view: View, found: Mapping[str, Any]) -> Html:
    t, spans = view.t, found["spans"]
    failed = sum(span["status"] == "error" for span in spans)
    shown = tag("span", whole(failed, "errors"), class_="h-bad" if failed else None)
    return tiles(
        [
            Tile(t(words.DURATION), duration(found["duration_ms"], "duration")),
            Tile(t(own.SPANS), whole(found["span_count"], "spans")),
            Tile(t(words.ERRORS), shown),
            Tile(t(words.INPUT_TOKENS), whole(found["total_input_tokens"], "input_tokens")),
            Tile(t(words.OUTPUT_TOKENS), whole(found["total_output_tokens"], "output_tokens")),
            Tile(t(words.COST), money(found["total_cost_usd"], "cost")),
        ]
    )


class _WaterfallBlock:
    def __init__(self, question: Question[_Opened], element: Waterfall, view: View) -> None:
        self.question = question
        self._element, self._t = element, view.t

    def show(self, answer: _Opened) -> None:
        """Draw it."""
        if answer.trace:
            self._element.draw(rows_of(answer.trace["spans"], self._t), answer.trace["duration_ms"])

    def fail(self, error: Exception) -> None:
        """Leave what is there; the head of the page says why."""
        del error


class _SpanBlock:
    def __init__(self, question: Question[_Opened], view: View) -> None:
        self.question = question
        self._view, self._element = view, markup(Html(""))

    def show(self, answer: _Opened) -> None:
        """Draw it."""
        view = self._view
        self._element.set_content(span_view(answer.span, view.state, view.caller, view.t) if answer.span else Html(""))

    def fail(self, error: Exception) -> None:
        """Say why there is none."""
        self._element.set_content(failure(self._view.t, error))


def build(view: View) -> None:
    """Draw the page."""
    _Trace(view).build()


PAGE: Final = Page(_PATH, words.TRACE, build, is_windowed=False)
