"""Parts that several pages are made of: numbers, tiles, tables, switches, code to copy. Pure functions to `Html`.

Guarantee: a number that is shown shortened carries all of it in ``data-value`` and, on hover, in its title.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from haechi_collector.web import formats, words
from haechi_collector.web.html import Child, Html, go, join, tag
from haechi_collector.web.language import Translator
from haechi_collector.web.state import State

Row = TypeVar("Row")

_CHANGE_MAX: Final = 9.0
_SPARK_WIDTH: Final = 64
_SPARK_HEIGHT: Final = 22


def figure(shown: str, value: float | str | None, title: str = "", name: str = "") -> Html:
    """Return a number with its exact value; ``name`` is for those who look for it (``data-name``)."""
    return tag("span", shown, data_value=formats.digits(value), title=title or None, data_name=name or None)


def money(amount: str | None, name: str = "") -> Html:
    """Return an amount, shortened; all digits on hover."""
    return figure(formats.money(amount), amount, formats.exact_money(amount) if amount else "", name)


def duration(ms: float | None, name: str = "") -> Html:
    """Return a duration; milliseconds on hover."""
    return figure(formats.duration(ms), ms, f"{ms:,.3f} ms" if ms is not None else "", name)


def whole(number: float | None, name: str = "") -> Html:
    """Return a count; all digits on hover."""
    return figure(
        formats.count(number), number, f"{number:,}" if number is not None and number >= 100_000 else "", name
    )


def percent(share: float | None, name: str = "") -> Html:
    """Return a share."""
    return figure(formats.percent(share), share, "", name)


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure with what it was before, its course, and the way to more.

    Attributes:
        label: what it is.
        value: made by `money`, `duration`, `whole`, ...
        change: by which share it grew since the window before; None where that is unknown.
        better: whether growing is good (1), bad (-1), or neither (0).
        sub: a remark under the figure, beside the change.
        spark: its course over the window.
        href: where a click leads; '' for nowhere.
    """

    label: str
    value: Html
    change: float | None = None
    better: int = 0
    sub: Child = None
    spark: Sequence[float | None] = ()
    href: str = ""


def tiles(listed: Iterable[Tile]) -> Html:
    """Return tiles side by side; up to seven, and ten, fill their rows."""
    shown = [_tile(one) for one in listed]
    return tag("div", shown, class_=f"h-tiles of-{len(shown)}")


def _tile(one: Tile) -> Html:
    inside = [
        tag("span", one.label, class_="h-label"),
        tag("span", one.value, class_="h-value"),
        tag("span", delta(one.change, one.better), one.sub, class_="h-sub"),
        spark(one.spark),
    ]
    return go(one.href, inside, class_="h-tile") if one.href else tag("div", inside, class_="h-tile")


def delta(change: float | None, better: int) -> Html:
    """Return by how much something changed, green or red where it matters: from 5 % on.

    Nothing where it grew tenfold: then the window before was hardly used, as on the first day.
    """
    if change is None or change >= _CHANGE_MAX:
        return Html("")
    is_clear = abs(change) >= 0.05 and better != 0
    kind = ("is-better" if change * better > 0 else "is-worse") if is_clear else ""
    return tag("span", formats.signed_percent(change), class_=f"h-delta {kind}".strip())


def spark(values: Sequence[float | None]) -> Html:
    """Return a small line; gaps are bridged."""
    known = [(n, value) for n, value in enumerate(values) if value is not None]
    if len(known) < 3:
        return Html("")
    most = max(value for _, value in known) or 1
    wide, high = _SPARK_WIDTH / (len(values) - 1), _SPARK_HEIGHT / most
    line = " ".join(f"{n * wide:.1f},{_SPARK_HEIGHT - value * high:.1f}" for n, value in known)
    first, last = known[0][0] * wide, known[-1][0] * wide
    return tag(
        "svg",
        tag("path", class_="h-area", d=f"M{first:.1f},{_SPARK_HEIGHT} L{line} L{last:.1f},{_SPARK_HEIGHT}Z"),
        tag("path", d=f"M{line.replace(' ', ' L')}"),
        class_="h-spark",
        viewBox=f"0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}",
        aria_hidden="true",
    )


@dataclass(frozen=True)  # no slots: `Column[Row](...)` could not be called
class Column(Generic[Row]):
    """One column of a table.

    Attributes:
        title: of its head.
        cell: what a row shows there.
        is_number: whether it stands at the right.
        sort: its name in the parameter ``sort``; '' where the table cannot be sorted by it.
        key: what rows are sorted by; None sorts last.
    """

    title: str
    cell: Callable[[Row], Child]
    is_number: bool = False
    sort: str = ""
    key: Callable[[Row], Any] | None = None


def table(  # noqa: PLR0913  what a table is made of
    columns: Sequence[Column[Row]],
    rows: Sequence[Row],
    *,
    state: State | None = None,
    href: Callable[[Row], str] | None = None,
    total: Sequence[Child] = (),
    label: str = "",
) -> Html:
    """Return a table that scrolls sideways where it must.

    Args:
        columns: from left to right.
        rows: as they come; sorted by the state's parameter ``sort`` (``-cost`` for falling) where a column has it.
        state: of the page, for links that sort.
        href: where a click on a row leads, besides the links in it.
        total: cells of a last row.
        label: what it is, for those who do not see it.
    """
    wanted = state.get("sort") if state else ""
    head = [_head(column, state, wanted) for column in columns]
    body = [
        tag("tr", [_cell(column, column.cell(row)) for column in columns], data_href=href(row) if href else None)
        for row in _sorted(rows, columns, wanted)
    ]
    foot = tag("tfoot", tag("tr", [_cell(c, cell) for c, cell in zip(columns, total, strict=True)])) if total else None
    whole_table = tag(
        "table", tag("thead", tag("tr", head)), tag("tbody", body), foot, class_="h-table", aria_label=label or None
    )
    return tag("div", whole_table, class_="h-scroll", tabindex="0" if href is None else None)


def _cell(column: Column[Row], content: Child) -> Html:
    return tag("td", content, class_="is-number" if column.is_number else None)


def _head(column: Column[Row], state: State | None, wanted: str) -> Html:
    kind = "is-number" if column.is_number else None
    if state is None or not column.sort:
        return tag("th", column.title, scope="col", class_=kind)
    is_falling, is_rising = wanted == f"-{column.sort}", wanted == column.sort
    turned = column.sort if is_falling else f"-{column.sort}"
    arrow = " ↓" if is_falling else " ↑" if is_rising else ""
    sort = "descending" if is_falling else "ascending" if is_rising else None
    link = go(state.with_params(sort=turned).href, column.title + arrow)
    return tag("th", link, scope="col", class_=kind, aria_sort=sort)


def _sorted(rows: Sequence[Row], columns: Sequence[Column[Row]], wanted: str) -> Sequence[Row]:
    column = next((one for one in columns if one.sort and one.sort == wanted.removeprefix("-")), None)
    key = column.key if column else None
    if key is None:
        return rows
    known = [row for row in rows if key(row) is not None]
    return [*sorted(known, key=key, reverse=wanted.startswith("-")), *(row for row in rows if key(row) is None)]


def segments(label: str, choices: Sequence[tuple[str, str, bool]]) -> Html:
    """Return links of which one is chosen: pairs of href and text, and whether it is."""
    links = [go(href, text, aria_current="true" if is_chosen else None) for href, text, is_chosen in choices]
    return tag("div", links, class_="h-segments", role="group", aria_label=label)


def choice(label: str, choices: Sequence[tuple[str, str, bool]]) -> Html:
    """Return a menu of links of which one is chosen."""
    options = [tag("option", text, value=href, selected=is_chosen) for href, text, is_chosen in choices]
    return tag("label", label, tag("select", options, class_="h-select", data_go=True), class_="h-field")


def swatch(colour: str) -> Html:
    """Return a small square in a colour of the charts, such as ``--series-1``."""
    return tag("i", class_="h-swatch", style=f"background:var({colour})")


def share_bar(share: float | None) -> Html:
    """Return a share as a bar."""
    return tag("span", tag("i", style=f"width:{min(1.0, max(0.0, share or 0)) * 100:.1f}%"), class_="h-share")


def badge(text: str, kind: str = "") -> Html:
    """Return a small label; ``kind`` is '', ``bad``, ``good`` or ``warn``."""
    return tag("span", text, class_=f"h-badge is-{kind}" if kind else "h-badge")


def code(t: Translator, text: str) -> Html:
    """Return a command with a button that copies it."""
    button = tag("button", t(words.COPY), type="button", class_="h-copy", data_copy=text)
    return tag("div", tag("pre", text), button, class_="h-code")


def card(title: str, *body: Child, more: Child = None, classes: str = "") -> Html:
    """Return a card of markup, for what is drawn as a whole."""
    head = tag("div", tag("h2", title), tag("div", more, class_="h-head-more"), class_="h-head")
    return tag("section", head, tag("div", *body, class_="h-body"), class_=f"h-card {classes}".strip())


def empty(t: Translator, state: State, doors: Child = None) -> Html:
    """Return what to do when a window holds nothing: other filters, a longer window, or the doors."""
    if state.filters:
        clear = go(
            replace(state, filters=()).href,
            t(words.CLEAR_FILTERS),
            class_="h-link",
        )
        return tag("div", tag("p", t(words.NOTHING_FILTERED)), clear, class_="h-nothing")
    longer = t(words.TRY_LONGER, span=t(words.DAYS, count=7))
    link = go(state.with_window("-7d", "now").href, longer, class_="h-link") if state.from_ != "-7d" else None
    return join([tag("div", tag("p", t(words.NOTHING)), link, class_="h-nothing"), doors])


def group_name(group: Mapping[str, str], t: Translator) -> str:
    """Return a group of an answer as one text."""
    return " · ".join(value or t(words.NO_VALUE) for value in group.values()) or t(words.ALL)
