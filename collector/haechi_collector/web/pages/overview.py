"""Overview."""

from typing import Any, Final

from haechi_collector.query.summary import summary
from haechi_collector.web import words
from haechi_collector.web.html import Html, tag
from haechi_collector.web.view import Page, View


def build(view: View) -> None:
    """Draw the page."""
    figures = view.ask(lambda scope: summary(view.engine, scope))
    view.html(figures, _tiles)


def _tiles(answer: dict[str, Any]) -> Html:
    return tag("pre", str(answer))


PAGE: Final = Page("/", words.OVERVIEW, build, "o", "M4 13h6V4H4zM14 20h6V4h-6zM4 20h6v-3H4z")
