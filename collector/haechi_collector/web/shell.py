"""One open page of one reader: the frame, the page inside it, and the questions under way.

Guarantee: nothing of a reader outlives their connection: there is no timer on this side (the browser asks for each
refresh, and does not while the tab is hidden), and the one task that asks questions ends when the page is left. Before
each round of questions the gate is asked again, so that a key that was revoked shows nothing more.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nicegui import Client, ui
from nicegui.events import GenericEventArguments
from starlette.requests import Request

from haechi_collector.errors import Denied, HaechiError, OverQuota, WrongParameter
from haechi_collector.gate.gate import Caller
from haechi_collector.query.engine import Engine
from haechi_collector.query.scope import Scope
from haechi_collector.web import frame, words
from haechi_collector.web.asking import Asking
from haechi_collector.web.canvas import NiceCanvas, failure, markup
from haechi_collector.web.facets import names_of, values_of
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator, preferred
from haechi_collector.web.limits import QUERY_CHARS_MAX
from haechi_collector.web.site import find_page
from haechi_collector.web.state import State, read_state
from haechi_collector.web.view import Block, Page, Question, View

logger = logging.getLogger("haechi")


@dataclass(frozen=True, slots=True)
class Site:
    """What all readers share.

    Attributes:
        pages: there are.
        engine: that answers.
        asking: the places for questions.
        admit: returns the caller of a request, asking the gate anew.
    """

    pages: Sequence[Page]
    engine: Engine
    asking: Asking
    admit: Callable[[Request], Caller]


class Shell:
    """Made once per document, inside NiceGUI's page function."""

    def __init__(self, site: Site, request: Request) -> None:
        self._site, self._request = site, request
        self._caller: Caller = request.state.caller
        self._zone: tzinfo = UTC
        self._loading: asyncio.Task[None] | None = None
        self._picking: asyncio.Task[None] | None = None
        self._view: View | None = None
        self._is_ready = False
        cookies = request.cookies
        self._t = Translator(preferred(cookies.get("haechi_language", ""), request.headers.get("accept-language", "")))
        self._speak()
        self._frame()
        for name, handler in (("go", self._go), ("ready", self._ready), ("refresh", self._refresh)):
            ui.on(f"haechi_{name}", handler)
        ui.on("haechi_suggest", self._suggest)
        ui.context.client.on_delete(self._leave)
        self.open(read_state(request.url.path, request.url.query))

    def open(self, state: State) -> None:
        """Show a page in a state."""
        found = find_page(self._site.pages, state.path)
        self._leave()
        self._navigation.set_content(frame.navigation(self._site.pages, state, self._t, self._caller))
        is_windowed = found is not None and found[0].is_windowed
        self._filters.set_content(frame.filters(state, self._t) if is_windowed else Html(""))
        self._controls.set_content(frame.controls(state, self._t) if is_windowed else Html(""))
        self._suggestions.set_content(Html(""))
        self._banner.set_content(Html(""))
        self._main.clear()
        with self._main:
            if found is None:
                markup(tag("div", tag("h1", self._t(words.NOT_FOUND)), class_="h-nothing"))
                return
            page, names = found
            canvas = NiceCanvas(self._t, self._follow)
            view = View(state, self._caller, self._site.engine, self._t, canvas, self._zone, names)
            view.answer = lambda question, block: self._answer_now(view, question, block)
            title = self._t(page.title)
            markup(tag("h1", title), "h-title")
            ui.page_title(f"{title} · {self._t(words.PRODUCT)}")
            page.build(view)
        self._view = view
        if self._is_ready:
            self._load()

    def _speak(self) -> None:
        """Let what NiceGUI says of itself, such as that the connection is lost, be in the reader's language too."""
        client = ui.context.client
        client.page = copy(client.page)  # which all readers share
        client.page.language = "ko-KR" if self._t.language == "ko" else "en-US"

    # --- the frame -----------------------------------------------------------------------------------------

    def _frame(self) -> None:
        t = self._t
        ui.html(t(words.SKIP), sanitize=False, tag="a").props('href="#h-main"').classes("h-skip")
        with ui.element("div").classes("h-frame"):
            self._navigation = markup(Html(""), "h-nav").props(f'role="navigation" aria-label="{t(words.PAGES)}"')
            with ui.element("div").classes("h-side"):
                with ui.element("header").classes("h-top"):
                    button = tag("button", frame.icon("menu"), type="button", data_menu=True, aria_label=t(words.MENU))
                    markup(button, "h-burger")
                    with ui.element("div").classes("h-filters"):
                        self._filters = markup(Html(""), "h-chips")
                        self._suggestions = markup(Html(""), "h-suggest")
                    self._controls = markup(Html(""), "h-controls")
                self._banner = markup(Html(""), "h-banner")
                self._main = ui.element("div").classes("h-main").props('id="h-main" tabindex="-1"')
        markup(frame.help_dialog(self._site.pages, t))

    # --- what the browser tells ------------------------------------------------------------------------------

    def _ready(self, event: GenericEventArguments) -> None:
        """The browser is connected, and says which clock it shows."""
        try:
            self._zone = ZoneInfo(str(event.args)[:64])
        except (ZoneInfoNotFoundError, ValueError):
            self._zone = UTC
        self._is_ready = True
        if self._view is not None:
            self._view.zone = self._zone
            self._load()

    def _go(self, event: GenericEventArguments) -> None:
        """A link of ours was followed; the browser shows its URL already."""
        path, _, query = str(event.args)[: QUERY_CHARS_MAX + 1000].partition("?")
        self.open(read_state(path, query))

    def _follow(self, state: State) -> None:
        """Go to another state from this side."""
        ui.run_javascript(f"haechi.go({_quoted(state.href)})")

    def _refresh(self, _: GenericEventArguments) -> None:
        if self._loading is None or self._loading.done():
            self._load()

    async def _suggest(self, event: GenericEventArguments) -> None:
        """Somebody types into the field of filters."""
        view = self._view
        if view is None:
            return
        typed = str(event.args)[:300]
        name, is_value, text = typed.partition("=")
        try:
            scope = view.scope()
            if is_value:
                found = await self._site.asking.answer(lambda: values_of(view.engine, scope, name, text))
            else:
                found = await self._site.asking.answer(lambda: names_of(view.engine, scope, typed))
        except HaechiError:
            found = []  # a suggestion less; what is wrong shows where it is asked for
        if view is self._view:
            self._suggestions.set_content(frame.suggestions(view.state, name if is_value else "", found))

    # --- questions -------------------------------------------------------------------------------------------

    def _load(self) -> None:
        if self._view is not None:
            self._loading = _started(self._answer_all(self._view))

    def _leave(self, _: Client | None = None) -> None:
        """End the questions under way."""
        for task in (self._loading, self._picking):
            if task is not None:
                task.cancel()
        self._loading = self._picking = None

    async def _answer_all(self, view: View) -> None:
        try:
            view.caller = self._site.admit(self._request)
            scope = view.scope(datetime.now(UTC))
        except (Denied, OverQuota, WrongParameter) as error:
            self._refuse(view, error)
            return
        self._banner.set_content(Html(""))
        questions = dict.fromkeys(block.question for block in view.blocks)
        await asyncio.gather(*(self._answer(view, question, scope) for question in questions))

    def _refuse(self, view: View, error: HaechiError) -> None:
        self._banner.set_content(failure(self._t, error))
        for block in view.blocks:
            block.fail(error)

    async def _answer(self, view: View, question: Question[Any], scope: Scope) -> None:
        """Ask one question, and show its answer in every block that waits for it."""
        outcome = await self._outcome(question, scope)
        for block in view.blocks:
            if block.question is question:
                await _show(block, outcome)

    def _answer_now(self, view: View, question: Question[Any], block: Block) -> None:
        """See `View.answer`."""
        if self._picking is not None:
            self._picking.cancel()
        self._picking = _started(self._answer_in(view, question, block))

    async def _answer_in(self, view: View, question: Question[Any], block: Block) -> None:
        try:
            view.caller = self._site.admit(self._request)
            scope = view.scope()
        except (Denied, OverQuota, WrongParameter) as error:
            self._refuse(view, error)
            return
        await _show(block, await self._outcome(question, scope))

    async def _outcome(self, question: Question[Any], scope: Scope) -> Any:
        """Return the answer, or the error in its place."""
        asked = self._site.asking.answer(lambda: question.ask(scope))
        return (await asyncio.gather(asked, return_exceptions=True))[0]


def _started(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run it beside; what goes wrong in drawing is told in the log."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        logger.error("a page could not be drawn", exc_info=error)


async def _show(block: Block, outcome: Any) -> None:
    """Draw an answer; an error in its place, or one in drawing, is shown as such."""
    if not isinstance(outcome, Exception):
        outcome = (await asyncio.gather(_drawn(block, outcome), return_exceptions=True))[0]
    if isinstance(outcome, Exception):
        block.fail(outcome)


async def _drawn(block: Block, answer: Any) -> None:
    block.show(answer)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "") + '"'
