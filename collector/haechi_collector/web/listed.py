"""Cells and links that the lists of traces, sessions and users share. Pure functions to `Html`."""

import re
from collections.abc import Mapping
from typing import Any

from haechi_collector.web import formats
from haechi_collector.web import words_traces as own
from haechi_collector.web.html import Html, go, tag
from haechi_collector.web.view import View
from haechi_collector.web.widgets import badge, money

Row = Mapping[str, Any]


def pager(view: View, next_cursor: str | None) -> Html:
    """Return the links to the first and the next page; nothing where there is one page."""
    is_later = bool(view.state.get("cursor"))
    if not next_cursor and not is_later:
        return Html("")
    first = go(view.state.with_params(cursor=None).href, view.t(own.FIRST_PAGE), class_="h-link")
    after = go(view.state.with_params(cursor=next_cursor).href, view.t(own.NEXT_PAGE), class_="h-link")
    return tag("div", first if is_later else tag("span"), after if next_cursor else None, class_="t-foot")


def said(view: View, row: Row, name: str, text: str = "") -> Html:
    """Return what was asked and answered in a trace, with its errors; ``name`` where nothing was recorded."""
    errors = row["errors"]
    href = view.state.at(f"/traces/{row['trace_id']}").href
    failed = [badge(view.t(own.FAILED, count=formats.count(errors)), "bad"), " "] if errors else []
    lead = row["input_excerpt"] or name
    answer = row["output_excerpt"] or (name if row["input_excerpt"] else "")
    return tag(
        "div",
        go(href, failed, marked(lead, text), class_="t-question"),
        tag("span", marked(answer, text), class_="t-answer"),
        class_="t-said",
    )


def two(first: str, second: str) -> Html:
    """Return two lines of a cell, the second one quieter."""
    return tag("div", tag("span", first or formats.NONE), tag("span", second), class_="t-two")


def tokens(row: Row) -> Html:
    """Return tokens in and out."""
    shown = f"{formats.count(row['input_tokens'])} → {formats.count(row['output_tokens'])}"
    return tag("span", shown, title=f"{row['input_tokens']:,} → {row['output_tokens']:,}")


def cost(view: View, row: Row) -> Html:
    """Return what a trace, session or user cost; what has no price is told below it."""
    if not row["unpriced_requests"]:
        return money(row["cost_usd"])
    note = f"{formats.count(row['unpriced_requests'])} {view.t(own.UNPRICED)}"
    return tag("div", money(row["cost_usd"]), tag("span", note, class_="h-warn"), class_="t-two")


def feedback(view: View, row: Row) -> Html:
    """Return thumbs up and down; a dash where there are none."""
    up, down = row["thumbs_up"], row["thumbs_down"]
    if not up and not down:
        return tag("span", formats.NONE)
    said_so = view.t(own.THUMBS, up=up, down=down)
    shown = [
        tag("span", f"▲ {up}", class_="h-good") if up else None,
        " ",
        tag("span", f"▼ {down}", class_="h-bad") if down else None,
    ]
    return tag("span", shown, title=said_so, aria_label=said_so)


def marked(text: str, wanted: str) -> Html:
    """Return a text in which what was looked for is marked."""
    if not wanted:
        return tag("span", text)
    parts = re.split(f"({re.escape(wanted)})", text, flags=re.IGNORECASE)
    return tag("span", [tag("mark", part) if n % 2 else part for n, part in enumerate(parts)])
