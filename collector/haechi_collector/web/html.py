"""HTML that is escaped by construction.

Guarantee: whatever is no `Html` is text and comes out escaped, in children and in attributes; only `tag` and `join`
make `Html`, of names that this package writes itself.
"""

import html
from collections.abc import Iterable
from typing import Final

_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "path", "circle", "rect"})


class Html(str):
    """Markup that is safe to show as it stands."""

    __slots__ = ()


Child = Html | str | int | None | Iterable["Child"]
Attribute = str | int | float | bool | None


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return one element.

    Args:
        name: of the element.
        children: text, `Html`, or iterables of them; None is nothing.
        attributes: ``class_`` is ``class``, ``data_go`` is ``data-go``; True stands bare, None and False are left out.
    """
    shown = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{shown}/>")  # the slash ends parts of an SVG, and means nothing elsewhere
    return Html(f"<{name}{shown}>{join(children)}</{name}>")


def join(children: Child) -> Html:
    """Return all of them behind one another."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str | int):
        return Html(html.escape(str(children)))
    return Html("".join(join(child) for child in children))


def go(href: str, /, *children: Child, **attributes: Attribute) -> Html:
    """Return a link to a page of ours: followed without loading the document anew (``static/page.js``)."""
    return tag("a", *children, href=href, data_go=True, **attributes)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
