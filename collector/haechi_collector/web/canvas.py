"""The NiceGUI side of a view: markup, charts and cards as elements that keep their place when they are renewed."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nicegui import ui
from nicegui.element import Element
from nicegui.elements import echart as _echart  # noqa: F401  registers the module that chart.js imports
from nicegui.events import GenericEventArguments

from haechi_collector.errors import HaechiError, TooExpensive
from haechi_collector.web import words
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator
from haechi_collector.web.state import State
from haechi_collector.web.view import Block, Chart, Markup, Options, Point, Question
from haechi_collector.web.words_errors import told

logger = logging.getLogger("haechi")

STATIC: Final = Path(__file__).parent / "static"


def markup(content: Html, classes: str = "") -> ui.html:
    """Show markup of ours; `Html` is escaped by construction, so it is not sanitised again."""
    return ui.html(content, sanitize=False).classes(classes)


class ChartElement(Element, component=STATIC / "chart.js"):
    """ECharts with our palette, formats and gestures (``static/chart.js``)."""

    def __init__(self, label: str, height: int, *, is_linked: bool, zoom: bool) -> None:
        super().__init__()
        self._props.update({"options": None, "label": label, "linked": is_linked, "zoom": zoom})
        self.classes("h-chart").style(f"height:{height}px")

    def draw(self, options: Options | None) -> None:
        """Show other options."""
        self._props["options"] = options
        self.update()


class NiceCanvas:
    """Draws the blocks of one view inside the element that is entered.

    Args:
        t: the reader's words.
        follow: goes to another state.
    """

    def __init__(self, t: Translator, follow: Callable[[State], None]) -> None:
        self._t = t
        self._follow = follow

    def html(self, of: Markup) -> Block:
        """Make the block of `View.html`."""
        begin = of.initial or _skeleton(self._t)
        if of.title is None:
            return HtmlBlock(self._t, of.question, of.draw, markup(begin, of.classes))
        with self.box(f"h-card {of.classes}"):
            markup(_head(self._t(of.title)))
            return HtmlBlock(self._t, of.question, of.draw, markup(begin, "h-body"))

    def chart(self, chart: Chart) -> Block:
        """Make the block of `View.chart`."""
        with self.box(f"h-card {chart.classes}"):
            return ChartBlock(self._t, chart, self._follow)

    def box(self, classes: str) -> Element:
        """Return a container to enter."""
        return ui.element("div").classes(classes)

    def static(self, content: Html, classes: str) -> None:
        """Show markup."""
        markup(content, classes)

    def title(self, text: str) -> None:
        """Name the document."""
        ui.page_title(text)


class HtmlBlock:
    """See `View.html`."""

    def __init__(self, t: Translator, question: Question[Any], draw: Callable[[Any], Html], element: ui.html) -> None:
        self.question = question
        self._t, self._draw, self._element = t, draw, element

    def show(self, answer: Any) -> None:
        """Draw it."""
        self._element.set_content(self._draw(answer))

    def fail(self, error: Exception) -> None:
        """Say why there is none."""
        self._element.set_content(failure(self._t, error))


class ChartBlock:
    """See `View.chart`."""

    def __init__(self, t: Translator, chart: Chart, follow: Callable[[State], None]) -> None:
        self.question = chart.question
        self._t, self._chart, self._follow = t, chart, follow
        self._head = markup(_head(t(chart.title), chart.actions))
        self._element = ChartElement(
            t(chart.title), chart.height, is_linked=chart.link is not None, zoom=chart.zoom
        ).on("point", self._clicked)
        self._state = markup(_skeleton(t), "h-over")

    def show(self, answer: Any) -> None:
        """Draw it."""
        options = self._chart.draw(answer)
        self._element.draw(options)
        if self._chart.note:
            self._head.set_content(_head(self._t(self._chart.title), self._chart.note(answer), self._chart.actions))
        self._state.set_content(Html("") if options else _nothing(self._t))

    def fail(self, error: Exception) -> None:
        """Say why there is none."""
        self._element.draw(None)
        self._state.set_content(failure(self._t, error))

    def _clicked(self, event: GenericEventArguments) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        point = Point(given.get("x"), str(given.get("series") or ""), str(given.get("name") or ""), given.get("data"))
        state = self._chart.link(point) if self._chart.link else None
        if state is not None:
            self._follow(state)


def _head(title: str, *more: Html) -> Html:
    return tag("div", tag("h2", title), tag("div", *more, class_="h-head-more"), class_="h-head")


def _skeleton(t: Translator) -> Html:
    return tag("div", tag("span", t(words.LOADING), class_="h-sr"), class_="h-skeleton", role="status")


def _nothing(t: Translator) -> Html:
    return tag("div", t(words.NOTHING), class_="h-nothing")


def failure(t: Translator, error: Exception) -> Html:
    """Say why there is no answer; what is not an error of ours is told in the log alone."""
    why = str(error) if isinstance(error, HaechiError) else ""
    if not isinstance(error, HaechiError):
        logger.error("a question of the page failed", exc_info=error)
    lead = tag("strong", told(error, t))
    again = tag("button", t(words.TRY_AGAIN), type="button", class_="h-button", data_refresh=True)
    kind = "h-failure h-expensive" if isinstance(error, TooExpensive) else "h-failure"
    return tag("div", lead, tag("p", why, title=why, lang="en"), again, class_=kind, role="alert")
