"""The state of a page, which is its URL and nothing else.

Guarantee: `State.href` of what `read_state` read leads to the same page; a link that is sent to somebody shows them the
same question (a window relative to now, at their time). Names are those of the API, so that the query string of a page
is nearly that of the API's route.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from haechi_collector.query.dimensions import ATTRIBUTE, FILTERS
from haechi_collector.query.scope import Scope, Window, read_scope
from haechi_collector.web.limits import QUERY_CHARS_MAX

DEFAULT_FROM: Final = "-1h"
DEFAULT_TO: Final = "now"
_FIELDS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class State:
    """Where somebody is, and what they look at.

    Attributes:
        path: of the page, such as ``/latency``.
        from_: begin of the window as it was typed: ``-1h`` or RFC 3339.
        to: its end.
        filters: pairs of a filter's name (``model``, ``attr:tenant``) and one value, in the order of the chips.
        live: whether the page renews itself.
        params: what belongs to this page alone (``group_by``, ``metric``, ...), by name.
    """

    path: str = "/"
    from_: str = DEFAULT_FROM
    to: str = DEFAULT_TO
    filters: tuple[tuple[str, str], ...] = ()
    live: bool = False
    params: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """Return one of the page's own parameters."""
        return self.params.get(name, default)

    def with_params(self, **changes: str | None) -> "State":
        """Return the same with other parameters; None or '' takes one away."""
        merged = {**self.params, **{name: value or "" for name, value in changes.items()}}
        return replace(self, params={name: value for name, value in merged.items() if value})

    def with_window(self, from_: str, to: str) -> "State":
        """Return the same over another window."""
        return replace(self, from_=from_, to=to)

    def with_filter(self, name: str, value: str) -> "State":
        """Return the same with one more filter."""
        return replace(self, filters=tuple(dict.fromkeys([*self.filters, (name, value)])))

    def only(self, name: str, value: str) -> "State":
        """Return the same with this as the only value of its filter."""
        others = tuple(pair for pair in self.filters if pair[0] != name)
        return replace(self, filters=(*others, (name, value)))

    def without_filter(self, name: str, value: str) -> "State":
        """Return the same without one filter."""
        return replace(self, filters=tuple(pair for pair in self.filters if pair != (name, value)))

    def at(self, path: str, **params: str) -> "State":
        """Return another page over the same window and filters; its own parameters are ``params`` alone."""
        return replace(self, path=path, params={name: value for name, value in params.items() if value})

    def of_group(self, group: Mapping[str, str]) -> "State":
        """Return the same narrowed to a group of an answer, as far as its dimensions are filters."""
        state = self
        for name, value in group.items():
            if name in FILTERS or name.startswith(ATTRIBUTE):
                state = state.only(name, value)
        return state

    @property
    def href(self) -> str:
        """The path with the query string; what has its default is left out."""
        pairs = [("from", self.from_)] if (self.from_, self.to) != (DEFAULT_FROM, DEFAULT_TO) else []
        pairs += [("to", self.to)] if self.to != DEFAULT_TO else []
        pairs += [*self.filters, *(("live", "1") for _ in [0] if self.live), *self.params.items()]
        query = urlencode(pairs, safe=":/,", quote_via=quote)
        return f"{quote(self.path)}?{query}" if query else quote(self.path)

    @property
    def api_query(self) -> str:
        """The window and filters as a query string of the API."""
        return urlencode([("from", self.from_), ("to", self.to), *self.filters], safe=":/,", quote_via=quote)

    def scope(self, now: datetime, project: str | None) -> Scope:
        """Return which spans are meant, for somebody who may see ``project`` alone (None: all).

        Raises:
            WrongParameter: the window or a filter is wrong.
        """
        return read_scope(self.filters, Window.parse(self.from_, self.to, now), project)


def read_state(path: str, query: str) -> State:
    """Read a URL. Nothing in it is an error here: `State.scope` says what is wrong."""
    pairs = parse_qsl(query[:QUERY_CHARS_MAX], keep_blank_values=True)[:_FIELDS_MAX]
    named = dict(reversed(pairs))  # the first of several counts
    return State(
        path,
        named.pop("from", "") or DEFAULT_FROM,
        named.pop("to", "") or DEFAULT_TO,
        _filters(pairs),
        named.pop("live", "") == "1",
        {name: value for name, value in named.items() if not _is_filter(name) and value},
    )


def _filters(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(dict.fromkeys(pair for pair in pairs if _is_filter(pair[0])))


def _is_filter(name: str) -> bool:
    return name in FILTERS or (name.startswith(ATTRIBUTE) and name != ATTRIBUTE)
