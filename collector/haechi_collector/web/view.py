"""What a page is, and what it is given to draw itself: the way to build one.

A page is one module in ``web/pages/`` that ends in a `Page` and is listed in `web.pages.PAGES`::

    def build(view: View) -> None:
        figures = view.ask(lambda scope: summary(view.engine, scope))
        with view.grid():
            view.html(figures, lambda answer: tiles(view, answer))
            view.chart(words.REQUESTS, series, lambda answer: stacked(...), link=lambda point: ...)

    PAGE = Page("/things", words.THINGS, build, key="x", icon="M4 6h16")

`build` runs once per visit, and again for each new state: it asks nothing itself, but says which questions there are
(`View.ask`) and what shows their answers (`View.html`, `View.chart`, `View.place`). The frame asks all questions of a
page at once, over one window, draws each block when its answer is there, and again at each refresh: a block that is
refreshed keeps its element, so nothing flickers. Errors, loading and "nothing here" are the block's own affair.

Drawing functions are pure: an answer in, `Html` or ECharts options out (`web.charts`), so tests need no browser.

- The state is the URL (`state.State`): every control is a link or a form of it (`html.go`, ``<select data-go>``,
  ``<form data-go>``), made by ``view.state.with_params(...)`` and its neighbours. The frame shows it without a reload.
- `View.scope` is the window and filters for the caller of this page; use nothing else, it holds the project.
- `View.t` returns a word in the reader's language; `View.zone` is their clock, for `formats.moment`.
- `View.place` gives a NiceGUI container for what needs NiceGUI's own elements (an editor).
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Generic, Protocol, TypeVar

from haechi_collector.gate.gate import Caller
from haechi_collector.query.engine import Engine
from haechi_collector.query.scope import Scope
from haechi_collector.web.html import Html
from haechi_collector.web.language import Translator, Word
from haechi_collector.web.limits import BLOCKS_MAX
from haechi_collector.web.state import State

Answer = TypeVar("Answer")
Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """What was clicked in a chart: the value of the horizontal axis, the series and the item, as far as there are."""

    x: Any = None
    series: str = ""
    name: str = ""
    data: Any = None


class Question(Generic[Answer]):
    """A question of a page; several blocks may show its answer."""

    def __init__(self, ask: Callable[[Scope], Awaitable[Answer]]) -> None:
        self.ask = ask


class Block(Protocol):
    """What shows the answer of one question."""

    question: Question[Any]

    def show(self, answer: Any) -> None:
        """Draw it."""
        ...

    def fail(self, error: Exception) -> None:
        """Say that there is none."""
        ...


class Canvas(Protocol):
    """The NiceGUI side of a view (`web.canvas`)."""

    def html(self, of: "Markup") -> Block:
        """Make the block of `View.html`."""
        ...

    def chart(self, chart: "Chart") -> Block:
        """Make the block of `View.chart`."""
        ...

    def box(self, classes: str) -> Any:
        """Return a container to enter."""
        ...

    def static(self, markup: Html, classes: str) -> None:
        """Show markup that depends on no answer."""
        ...

    def title(self, text: str) -> None:
        """Name the document."""
        ...


@dataclass(frozen=True, slots=True)
class Markup:
    """A block of markup, see `View.html`."""

    question: Question[Any]
    draw: Callable[[Any], Html]
    title: Word | None = None
    classes: str = ""
    initial: Html | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's block, see `View.chart`."""

    title: Word
    question: Question[Any]
    draw: Callable[[Any], Options | None]
    height: int = 220
    link: Callable[[Point], State | None] | None = None
    zoom: bool = False
    note: Callable[[Any], Html] | None = None
    actions: Html = field(default_factory=lambda: Html(""))
    classes: str = ""


def _unanswered(question: Question[Any], block: Block) -> None:
    """Stand in where there is no frame."""
    del question, block


@dataclass(slots=True)
class View:
    """One page of one reader in one state. See the module for how to use it."""

    state: State
    caller: Caller
    engine: Engine
    t: Translator
    canvas: Canvas
    zone: tzinfo = UTC
    names: Mapping[str, str] = field(default_factory=dict)
    """The parts of the path: ``trace_id`` of ``/traces/{trace_id}``."""
    blocks: list[Block] = field(default_factory=list)
    answer: Callable[[Question[Any], Block], None] = _unanswered
    """Ask one question now and show it in one block, which no longer waits for another such question."""

    def scope(self, now: datetime | None = None) -> Scope:
        """Return the window and filters of the state, for the caller.

        Raises:
            WrongParameter: the URL is wrong.
        """
        return self.state.scope(now or datetime.now(UTC), self.caller.sees)

    def ask(self, question: Callable[[Scope], Awaitable[Answer]]) -> Question[Answer]:
        """Declare a question; it is asked when the page is shown and at each refresh, with the window of then."""
        return Question(question)

    def html(
        self,
        question: Question[Answer],
        draw: Callable[[Answer], Html],
        *,
        title: Word | None = None,
        classes: str = "",
        initial: Html | None = None,
    ) -> None:
        """Show an answer as markup; with a ``title`` in a card of its own, ``initial`` until the answer is there."""
        self.add(self.canvas.html(Markup(question, draw, title, classes, initial)))

    def chart(
        self,
        title: Word,
        question: Question[Answer],
        draw: Callable[[Answer], Options | None],
        **more: Any,
    ) -> None:
        """Show an answer as a chart in a card.

        Args:
            title: of the card.
            question: whose answer it shows.
            draw: from the answer to ECharts options (`web.charts`); None when there is nothing to show.
            more: fields of `Chart`: ``height`` in pixels; ``link`` from a clicked `Point` to the state behind it;
                ``zoom`` to let a drag over the time axis choose the window; ``note``, a line of markup in the head,
                from the answer; ``actions``, markup in the head; ``classes`` such as ``span-2``.
        """
        self.add(self.canvas.chart(Chart(title, question, draw, **more)))

    def show(self, markup: Html, classes: str = "") -> None:
        """Show markup that depends on no answer, such as the controls of the page."""
        self.canvas.static(markup, classes)

    @contextmanager
    def grid(self, classes: str = "") -> Iterator[None]:
        """Lay out the blocks inside side by side; ``classes``: ``cols-2``, ``cols-3``, ``cols-tiles``."""
        with self.canvas.box(f"h-grid {classes}"):
            yield

    @contextmanager
    def place(self, classes: str = "") -> Iterator[Any]:
        """Enter a plain NiceGUI container, for elements of NiceGUI's own."""
        with self.canvas.box(classes) as box:
            yield box

    def add(self, block: Block) -> None:
        """Show an answer in a block of the page's own making."""
        if len(self.blocks) >= BLOCKS_MAX:
            raise ValueError(f"more than {BLOCKS_MAX} blocks")
        self.blocks.append(block)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the site.

    Attributes:
        path: where it is; ``{names}`` stand for one part each.
        title: in the navigation and as the document's title.
        build: draws it.
        key: ``g`` and this letter lead to it; '' for pages that are not in the navigation.
        icon: the path data of its sign, 24 by 24.
        is_windowed: whether the time range and the filters apply.
    """

    path: str
    title: Word
    build: Callable[[View], None]
    key: str = ""
    icon: str = ""
    is_windowed: bool = True
