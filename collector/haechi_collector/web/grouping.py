"""Grouping, as pages offer it: the parameter ``group_by`` and the questions that it shapes."""

from dataclasses import replace
from typing import Any, Final

from haechi_collector.query.dimensions import FILTERS, dimensions
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import AUTO, read_interval
from haechi_collector.web import words
from haechi_collector.web.html import Html
from haechi_collector.web.language import Word
from haechi_collector.web.state import State
from haechi_collector.web.view import View
from haechi_collector.web.widgets import choice

OFFERED: Final = (*FILTERS, "response_model", "error_type", "service_version", "dialect")
"""Dimensions that menus offer; the URL may name any other."""

_KEYS_OFFERED: Final = 60


def grouped(view: View, scope: Scope, limit: int, default: str = "") -> Grouped:
    """Return what ``/api/v1/latency`` and ``costs`` make of the same parameters, with the interval ``auto``.

    Raises:
        WrongParameter: ``group_by`` is wrong.
    """
    by = dimensions([view.state.get("group_by", default)])
    return Grouped(scope, by, limit, read_interval(AUTO, scope.window))


def before(scope: Scope) -> Scope | None:
    """Return the window of the same length before; None before 1970."""
    window = scope.window
    length = window.to_ns - window.from_ns
    if length > window.from_ns:
        return None
    return replace(scope, window=replace(window, from_ns=window.from_ns - length, to_ns=window.from_ns))


def group_menu(view: View, label: Word, keys: list[dict[str, Any]], default: str = "", at: int = 0) -> Html:
    """Return the menu that chooses the ``at``-th dimension; ``keys`` are attributes of `query.attribute_keys`."""
    chosen = [name for name in view.state.get("group_by", default).split(",") if name]
    own = chosen[at] if at < len(chosen) else ""
    offered = [*OFFERED, *(f"attr:{row['key']}" for row in keys[:_KEYS_OFFERED])]
    names = dict.fromkeys([*([own] if own else []), *offered])
    choices = [
        (with_groups(view.state, [*chosen[:at], name, *chosen[at + 1 :]], default).href, name, name == own)
        for name in sorted(
            names, key=lambda name: (name.startswith("attr:"), offered.index(name) if name in offered else 0)
        )
        if name not in chosen or name == own
    ]
    none = with_groups(view.state, [*chosen[:at], *chosen[at + 1 :]], default)
    return choice(view.t(label), [(none.href, view.t(words.NO_VALUE), not own), *choices])


def with_groups(state: State, names: list[str], default: str = "") -> State:
    """Return the state grouped by these; ``none`` stands for nothing where something is the default."""
    text = ",".join(names)
    return (
        state.with_params(group_by=text if text != default else None)
        if text or not default
        else state.with_params(group_by=",")
    )
