"""Which spans a question is about, as one frozen value, and the one place where it becomes SQL.

Guarantee: every condition of a question of ours comes from here: the window, the project of the caller's key, the
filters. The project stands in WHERE itself (``project = ...``), so that the table's order serves it.

A *request* is a model call, counted once: its operation is one that calls a model (``chat``, ``embeddings``, ...), and
its usage is not another span's (``usage_source != 'repeated'``). Where the filter ``operation`` is given, requests are
the spans of those operations (``execute_tool``, ``invoke_agent``), calls of a model still once each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from haechi_collector.errors import SettingError, WrongParameter
from haechi_collector.query import limits
from haechi_collector.query.dimensions import ATTRIBUTE, FILTERS, attribute_is, attribute_ways
from haechi_collector.query.statement import Values
from haechi_collector.stages.dialects import dialects
from haechi_collector.times import parse_time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(2262, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Window:
    """From a moment up to another one that does not belong to it; nanoseconds since the epoch."""

    from_ns: int
    to_ns: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.to_ns - self.from_ns) / 1e9

    @property
    def whole_days(self) -> list[str]:
        """The days in UTC that lie in it from end to end, as `spans` is partitioned: ``20261122``; at most 400."""
        first, after = -(-self.from_ns // _DAY_NS), self.to_ns // _DAY_NS
        days = range(first, min(after, first + 400))
        return [(_EPOCH + timedelta(days=day)).strftime("%Y%m%d") for day in days]

    @classmethod
    def parse(cls, from_: str, to: str, now: datetime) -> "Window":
        """Read both ends.

        Raises:
            WrongParameter: one is no time, or the window is empty.
        """
        begin, end = _time(from_, now, "from"), _time(to, now, "to")
        if begin >= end:
            raise WrongParameter("from", "the window is empty: from must be before to")
        return cls(begin, end)


def _time(text: str, now: datetime, name: str) -> int:
    try:
        moment = parse_time(text, now, name)
    except SettingError:
        shown = text[:100]
        raise WrongParameter(name, f"{shown!r} is no time such as 2026-11-22T09:00:00Z, -1h, -7d or now") from None
    if not _EPOCH <= moment <= _END:
        raise WrongParameter(name, "expected a time from 1970 to 2262")
    return (moment - _EPOCH) // _US * 1000


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is about. Values of one filter are alternatives; different filters must all hold.

    Attributes:
        window: by the span's start.
        project: the only one that the caller may see; None for all.
        filters: the values of each filter, by its name in `dimensions.FILTERS`.
        attributes: the values of each attribute, by its key.
    """

    window: Window
    project: str | None = None
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def is_wide(self) -> bool:
        """Whether nothing narrows the window."""
        return not self.filters and not self.attributes

    @property
    def columns(self) -> set[str]:
        """The columns that the filters look at; those of attributes are not among them."""
        return {FILTERS[name] for name in self.filters}

    def spans(self, values: Values) -> str:
        """Return the condition on ``spans``: any span that is meant."""
        return " AND ".join([self._where(values, "start_time"), *self.narrowing(values)])

    def requests(self, values: Values) -> str:
        """Return the condition on ``spans``: the requests that are meant."""
        return f"{self.spans(values)} AND {self._counted(values)}"

    def requests_of_any_time(self, values: Values) -> str:
        """Return the condition on ``spans`` but for the window: the requests that are meant."""
        own = [] if self.project is None else [f"project = {values.text(self.project)}"]
        return " AND ".join([*own, *self.narrowing(values), self._counted(values)])

    def source_of_requests(self, values: Values, also: str = "1") -> str:
        """Return what stands behind FROM to read the requests that are meant; ``also`` is SQL of ours that must hold.

        Whole days are read by partition: comparing the start of every span costs nearly as much as percentiles do.
        One attribute is looked for place by place, so that the engine, which remembers where a condition held for no
        row of a granule (8,192), soon passes over the maps that never have it.
        """
        if [len(wanted) for wanted in self.attributes.values()] == [1]:
            return self._source_of_attribute(values, also)
        days = self.window.whole_days
        if not days:
            return f"spans WHERE {self.requests(values)} AND {also}"
        listed = ", ".join(f"'{day}'" for day in days)  # digits of our own
        inside = f"_partition_id IN ({listed}) AND {self.requests_of_any_time(values)} AND {also}"
        edges = f"_partition_id NOT IN ({listed}) AND {self.requests(values)} AND {also}"
        return f"(SELECT * FROM spans WHERE {inside} UNION ALL SELECT * FROM spans WHERE {edges})"  # noqa: S608  bound values

    def _source_of_attribute(self, values: Values, also: str) -> str:
        ((key, (value,)),) = self.attributes.items()
        ways = attribute_ways(key, value, values)
        meant = f"{replace(self, attributes={}).requests(values)} AND {also}"
        each = (" AND ".join([meant, *(f"NOT {seen}" for seen in ways[:n])]) for n in range(len(ways)))
        selects = (
            f"SELECT * FROM spans PREWHERE {way} WHERE {rest}"  # noqa: S608  bound values
            for way, rest in zip(ways, each, strict=True)
        )
        return f"({' UNION ALL '.join(selects)})"

    def scores(self, values: Values) -> str:
        """Return the condition on ``scores``: judgements of the window, on traces that the filters let through.

        Of those with one id the latest counts, where it was made later than the window it is in no window before.
        """
        own = "" if self.project is None else f"project = {values.text(self.project)} AND "
        lasting = latest(f"{own}timestamp >= {values.time(self.window.from_ns)}")
        where = f"{self._where(values, 'timestamp')} AND {lasting}"
        if self.is_wide:
            return where
        # A call may have been made before the window in which it is judged.
        earlier = replace(self, window=replace(self.window, from_ns=max(0, self.window.from_ns - _DAY_NS)))
        return f"{where} AND trace_id IN (SELECT trace_id FROM spans WHERE {earlier.spans(values)})"  # noqa: S608  bound values

    def narrowing(self, values: Values) -> list[str]:
        """Return the conditions of the filters alone."""
        columns = [f"{FILTERS[name]} IN {values.texts(wanted)}" for name, wanted in sorted(self.filters.items())]
        return columns + [attribute_is(key, wanted, values) for key, wanted in sorted(self.attributes.items())]

    def _counted(self, values: Values) -> str:
        inference = values.texts(sorted(dialects().words.inference))
        if "operation" in self.filters:
            return f"(usage_source != 'repeated' OR operation NOT IN {inference})"
        return f"operation IN {inference} AND usage_source != 'repeated'"

    def _where(self, values: Values, time: str) -> str:
        begin, end = values.time(self.window.from_ns), values.time(self.window.to_ns)
        where = f"{time} >= {begin} AND {time} < {end}"
        return where if self.project is None else f"project = {values.text(self.project)} AND {where}"


def latest(where: str) -> str:
    """Return the condition on ``scores FINAL`` that no later score has taken this one's place.

    Args:
        where: SQL of ours: which scores to look among; those of the caller's project, and all that could be later.
    """
    # Of the versions of one id all but the last; few ids have more than one.
    earlier = "arrayJoin(arrayPopBack(arraySort(groupUniqArray((ingested_at, timestamp))))) AS version"
    many = f"SELECT project, id, {earlier} FROM scores WHERE {where} AND is_replaceable GROUP BY project, id HAVING count() > 1"  # noqa: E501, S608  bound values
    return f"(project, id, ingested_at, timestamp) NOT IN (SELECT project, id, version.1, version.2 FROM ({many}))"  # noqa: S608  bound values


def standing(where: str) -> str:
    """Return what stands behind FROM for the scores that no later one has taken the place of.

    Where they are few, as those of a trace, this is planned in half the time of `latest`.

    Args:
        where: SQL of ours: which scores, and which to look among.
    """
    return f"(SELECT * FROM scores WHERE {where} ORDER BY ingested_at DESC, timestamp DESC LIMIT 1 BY project, id)"  # noqa: S608  bound values


def read_scope(items: Sequence[tuple[str, str]], window: Window, project: str | None) -> Scope:
    """Read the filters among the parameters of a request; others are passed over.

    Raises:
        WrongParameter: they are too many or too long, or an attribute has no key.
    """
    wanted = [(name, value) for name, value in items if name in FILTERS or name.startswith(ATTRIBUTE)]
    if len(wanted) > limits.QUESTION_VALUES_MAX:
        raise WrongParameter(
            wanted[0][0][:100], f"{len(wanted)} values of filters, the limit is {limits.QUESTION_VALUES_MAX}"
        )
    size = 0
    filters: dict[str, list[str]] = {}
    attributes: dict[str, list[str]] = {}
    for name, value in wanted:
        size += len(f"{name}{value}".encode())
        if name == ATTRIBUTE or size > limits.QUESTION_VALUES_BYTES_MAX:
            most = limits.QUESTION_VALUES_BYTES_MAX
            raise WrongParameter(name[:100], f"expected attr:KEY=VALUE, and up to {most} bytes of filters together")
        kind, key = (filters, name) if name in FILTERS else (attributes, name.removeprefix(ATTRIBUTE))
        kind.setdefault(key, []).append(value)
    return Scope(window, project, filters, attributes)
