"""The frame around every page, as markup: navigation, filters, time range, help.

Guarantee: every control is a link or a form of the state, so it works with the keyboard, can be opened in a new tab,
and shows in the URL what it did. Pure functions of the state and the reader's words.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from haechi_collector.gate.gate import Caller
from haechi_collector.query.dimensions import ATTRIBUTE
from haechi_collector.web import words
from haechi_collector.web.html import Html, go, join, tag
from haechi_collector.web.language import LANGUAGES, Translator, Word
from haechi_collector.web.state import State
from haechi_collector.web.view import Page

PRESETS: Final[tuple[tuple[str, Word, int], ...]] = (
    ("-15m", words.MINUTES, 15),
    ("-1h", words.HOUR, 1),
    ("-6h", words.HOURS, 6),
    ("-24h", words.DAY, 24),
    ("-7d", words.DAYS, 7),
    ("-30d", words.DAYS, 30),
    ("-90d", words.DAYS, 90),
)
"""Windows that end now: how they are written, and in words."""

_MINUTE_CHARS: Final = len("2026-11-28 06:30")
_LOGO: Final = (
    "M12 3c4 0 7 2 7 6 1 1 2 2 2 4 0 4-4 8-9 8s-9-4-9-8c0-2 1-3 2-4 0-4 3-6 7-6zm-3 9h.01M15 12h.01M9 16c2 1 4 1 6 0"
)
_ICONS: Final = {
    "menu": "M4 7h16M4 12h16M4 17h16",
    "clock": "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    "refresh": "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
    "theme": "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
    "language": "M3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    "help": "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17h.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4",
    "left": "M14 6l-6 6 6 6",
    "right": "M10 6l6 6-6 6",
    "out": "M14 4h5v16h-5M4 12h10M10 8l4 4-4 4",
}


def icon(path: str) -> Html:
    """Return a sign drawn with strokes; ``path`` is a name of ours or path data."""
    return tag("svg", tag("path", d=_ICONS.get(path, path)), viewBox="0 0 24 24", class_="h-icon", aria_hidden="true")


def navigation(pages: Sequence[Page], state: State, t: Translator, caller: Caller) -> Html:
    """Return the list of pages and what belongs to the reader."""
    links = [_page_link(page, state, t) for page in pages if page.key]
    return join(
        [
            go(state.at("/").href, icon(_LOGO), tag("span", t(words.PRODUCT)), class_="h-brand"),
            tag("div", links, class_="h-pages"),
            tag(
                "div",
                tag("div", t(words.PROJECT, name=caller.sees), class_="h-project") if caller.sees else None,
                _theme(t),
                _language(t),
                tag("button", icon("help"), tag("span", t(words.HELP)), type="button", data_help=True),
                _log_out(t) if caller.key_id else None,
                class_="h-mine",
            ),
        ]
    )


def _log_out(t: Translator) -> Html:
    button = tag("button", icon("out"), tag("span", t(words.LOG_OUT)))
    return tag("form", button, method="post", action="/logout")


def _page_link(page: Page, state: State, t: Translator) -> Html:
    first = "/" + state.path.split("/")[1]
    current = "page" if page.path == first else None
    return go(
        state.at(page.path).href,
        icon(page.icon),
        tag("span", t(page.title)),
        aria_current=current,
        data_key=page.key,
    )


def _theme(t: Translator) -> Html:
    modes = (("light", words.LIGHT), ("dark", words.DARK), ("system", words.SYSTEM))
    buttons = [tag("button", t(word), type="button", data_theme_to=mode) for mode, word in modes]
    return tag(
        "div",
        icon("theme"),
        tag("div", buttons, class_="h-switch", role="group", aria_label=t(words.THEME)),
        class_="h-row",
    )


def _language(t: Translator) -> Html:
    buttons = [
        tag(
            "button",
            name,
            type="button",
            lang=code,
            data_language_to=code,
            aria_pressed=str(code == t.language).lower(),
        )
        for code, name in LANGUAGES.items()
    ]
    return tag(
        "div",
        icon("language"),
        tag("div", buttons, class_="h-switch", role="group", aria_label=t(words.LANGUAGE)),
        class_="h-row",
    )


def filters(state: State, t: Translator) -> Html:
    """Return the field that adds filters, and a chip for each."""
    chips = [
        tag(
            "span",
            tag("b", name),
            tag("span", value or t(words.NO_VALUE)),
            go(
                state.without_filter(name, value).href,
                "×",
                aria_label=t(words.REMOVE_FILTER, filter=f"{name}={value}"),
            ),
            class_="h-chip",
        )
        for name, value in state.filters
    ]
    clear = (
        go(replace(state, filters=()).href, t(words.CLEAR_FILTERS), class_="h-clear")
        if len(state.filters) > 1
        else None
    )
    field = tag(
        "input",
        id="h-filter",
        type="search",
        placeholder=t(words.ADD_FILTER),
        aria_label=t(words.FILTERS),
        title=t(words.FILTER_HINT),
        autocomplete="off",
        spellcheck="false",
        role="combobox",
        aria_controls="h-suggestions",
        aria_expanded="false",
    )
    form = tag("form", icon("search"), field, tag("kbd", "/"), class_="h-search", data_filter=True, role="search")
    return join([form, chips, clear])


def suggestions(state: State, name: str, found: Sequence[tuple[str, str]]) -> Html:
    """Return what may be typed next: filters' names ('' for ``name``), or values of one; pairs of text and remark."""
    if not name:
        rows = [
            tag(
                "button",
                tag("b", text),
                tag("span", remark),
                type="button",
                data_fill=text if text == ATTRIBUTE else f"{text}=",
                role="option",
            )
            for text, remark in found
        ]
    else:
        rows = [
            go(state.with_filter(name, text).href, tag("b", text), tag("span", remark), role="option")
            for text, remark in found
        ]
    return tag("div", rows, id="h-suggestions", role="listbox", class_="h-suggestions") if rows else Html("")


def window_name(state: State, t: Translator) -> str:
    """Return the window in words."""
    if state.to == "now":
        for text, word, count in PRESETS:
            if text == state.from_:
                return t(words.LAST, span=t(word, count=count))
        if state.from_.startswith("-"):
            return t(words.LAST, span=state.from_[1:])
    begin, end = _short(state.from_), _short(state.to)
    is_one_day = begin[:10] == end[:10] and len(end) == len(begin) == _MINUTE_CHARS
    return f"{begin} – {end[11:] if is_one_day else end}"


def _short(time: str) -> str:
    return time[:16].replace("T", " ") if time[:1].isdigit() else time


def controls(state: State, t: Translator) -> Html:
    """Return time range, live and refresh."""
    refresh = tag(
        "button",
        icon("refresh"),
        type="button",
        class_="h-button h-square",
        data_refresh=True,
        title=f"{t(words.REFRESH)} (r)",
        aria_label=t(words.REFRESH),
    )
    return join([_picker(state, t), _live(state, t), refresh])


def _picker(state: State, t: Translator) -> Html:
    presets = [
        go(
            state.with_window(text, "now").href,
            t(words.LAST, span=t(word, count=count)),
            aria_current="true" if (state.from_, state.to) == (text, "now") else None,
        )
        for text, word, count in PRESETS
    ]
    shown = [icon("clock"), tag("span", window_name(state, t))]
    summary = tag("summary", shown, title=f"{t(words.TIME_RANGE)} (t)", class_="h-button")
    panel = tag("div", tag("div", presets, class_="h-presets"), _window_form(state, t), class_="h-panel")
    return tag("details", summary, panel, class_="h-picker", id="h-picker")


def _window_form(state: State, t: Translator) -> Html:
    fields = [
        tag(
            "label",
            tag("span", t(word)),
            tag("input", name=name, value=value, required=True, spellcheck="false", autocomplete="off"),
        )
        for name, word, value in (("from", words.FROM, state.from_), ("to", words.TO, state.to))
    ]
    hint = tag("p", t(words.TIME_HINT), class_="h-hint")
    return tag("form", fields, hint, tag("button", t(words.APPLY), class_="h-button h-primary"), data_window=True)


def _live(state: State, t: Translator) -> Html:
    return go(
        replace(state, live=not state.live).href,
        tag("i", class_="h-dot"),
        tag("span", t(words.LIVE)),
        class_="h-button h-live",
        id="h-live",
        role="switch",
        aria_checked=str(state.live).lower(),
        title=f"{t(words.LIVE_HINT)} (l)",
    )


def help_dialog(pages: Sequence[Page], t: Translator) -> Html:
    """Return the list of keys, a dialog that `?` opens."""
    rows = [("/", t(words.KEY_SEARCH))]
    rows += [(f"g {page.key}", t(words.KEY_GO, page=t(page.title))) for page in pages if page.key]
    rows += [
        ("t", t(words.KEY_TIME)),
        ("r", t(words.KEY_REFRESH)),
        ("l", t(words.KEY_LIVE)),
        ("d", t(words.KEY_DARK)),
        ("?", t(words.KEY_HELP)),
        ("click", t(words.KEY_CLICK)),
        ("drag", t(words.KEY_DRAG)),
    ]
    shown = [tag("tr", tag("td", [tag("kbd", key) for key in keys.split()]), tag("td", what)) for keys, what in rows]
    return tag(
        "dialog",
        tag("h2", t(words.HELP)),
        tag("table", shown),
        tag("button", t(words.CLOSE), type="button", class_="h-button", data_close=True),
        id="h-help",
        aria_label=t(words.HELP),
    )
