"""`Client`: the questions of the API, SQL, and scores, typed.

Each question has the name, the parameters and the answer of its route (docs/api.md); ``from`` is ``from_``. A parameter
that is left out has the server's default.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar, Unpack
from urllib.parse import quote

from haechi.client import answers
from haechi.client._answer import Answer
from haechi.client._clickhouse import Parameter
from haechi.client._decode import decode
from haechi.client._http import Connection
from haechi.client._pages import Page, Pages
from haechi.client._parameters import Filters, Grouped, Scope, Texts, When, encode
from haechi.client._scores import Score, bodies
from haechi.client._statement import Statement

_Answer = TypeVar("_Answer", bound=Answer)

TIMEOUT_S: Final = 75.0
"""A little more than the server gives a query (60 s) and its grace."""

_PAGE_MAX: Final = 200
_ITEMS: Final = 1_000


class Client:
    """Asks one collector. A context manager; may be shared by threads.

    Args:
        url: its web port.
        key: an API key with the scope ``read``, for scores ``ingest``, where the collector asks for keys.
        timeout_s: how long nothing may come before `Unreachable` is raised.
        retries: how often a request is sent again that the server is too busy for.
        verify: False not to check the server's certificate, or the path of the authorities to check it against.
        cert: path of a client certificate with its key, or the paths of the two.
    """

    def __init__(  # noqa: PLR0913  named, each what it says
        self,
        url: str = "http://localhost:8318",
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: int = 3,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
    ) -> None:
        self._connection = Connection(url, key, timeout_s=timeout_s, retries=retries, verify=verify, cert=cert)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._connection.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def summary(self, **scope: Unpack[Scope]) -> answers.Summary:
        """Requests, errors, latency, cost and quality of a window, and its models."""
        return self._get(answers.Summary, "summary", scope)

    def latency(
        self,
        *,
        metric: Literal["duration", "ttft", "tokens_per_second"] | None = None,
        quantiles: Sequence[float] | None = None,
        include: Texts = None,
        **grouped: Unpack[Grouped],
    ) -> answers.Latency:
        """Percentiles of duration, time to first token or tokens per second, over groups and over time."""
        own = {"metric": metric, "quantiles": quantiles, "include": include}
        return self._get(answers.Latency, "latency", {**own, **grouped})

    def costs(self, *, include: Texts = None, **grouped: Unpack[Grouped]) -> answers.Costs:
        """Costs by any dimension and over time, and what has no price."""
        return self._get(answers.Costs, "costs", {"include": include, **grouped})

    def forecast(
        self,
        *,
        budget_usd: Decimal | int | str | None = None,
        at: When | None = None,
        **filters: Unpack[Filters],
    ) -> answers.Forecast:
        """What the calendar month will cost, with an interval, and when a budget is used up."""
        return self._get(answers.Forecast, "costs/forecast", {"budget_usd": budget_usd, "at": at, **filters})

    def report(self, **scope: Unpack[Scope]) -> answers.Report:
        """What could be saved, computed from the requests of a window: ``recommendations``, the greatest first."""
        return self._get(answers.Report, "costs/report", scope)

    def compare(
        self,
        *,
        baseline_from: When | None = None,
        baseline_to: When | None = None,
        by: str | None = None,
        a: str | None = None,
        b: str | None = None,
        **scope: Unpack[Scope],
    ) -> answers.Comparison:
        """Two windows, or two values of a dimension, with confidence intervals of every difference."""
        own = {"baseline_from": baseline_from, "baseline_to": baseline_to, "by": by, "a": a, "b": b}
        return self._get(answers.Comparison, "compare", {**own, **scope})

    def traces(
        self,
        *,
        q: Texts = None,
        order: Literal["newest", "slowest", "dearest"] | None = None,
        limit: int = _ITEMS,
        **scope: Unpack[Scope],
    ) -> Pages[answers.FoundTrace]:
        """Search traces by filters and text; at most ``limit`` of them."""

        def ask(cursor: str, size: int) -> Page[answers.FoundTrace]:
            page = self._get(
                answers.Traces, "traces", {**scope, "q": q, "order": order, "cursor": cursor, "limit": size}
            )
            return page.traces, page.next_cursor

        return Pages(ask, limit, _PAGE_MAX)

    def trace(self, trace_id: str, /) -> answers.Trace:
        """One trace as a tree, with its conversation, documents and scores.

        Raises:
            NotFound: there is none.
        """
        return self._get(answers.Trace, f"traces/{quote(trace_id, '')}", {})

    def span(self, trace_id: str, span_id: str, /) -> answers.Span:
        """Everything of one span.

        Raises:
            NotFound: there is none.
        """
        return self._get(answers.Span, f"traces/{quote(trace_id, '')}/spans/{quote(span_id, '')}", {})

    def sessions(
        self,
        *,
        order: Literal["newest", "longest", "dearest", "requests", "errors"] | None = None,
        limit: int = _ITEMS,
        **scope: Unpack[Scope],
    ) -> Pages[answers.ListedSession]:
        """Sessions; at most ``limit`` of them."""

        def ask(cursor: str, size: int) -> Page[answers.ListedSession]:
            page = self._get(answers.Sessions, "sessions", {**scope, "order": order, "cursor": cursor, "limit": size})
            return page.sessions, page.next_cursor

        return Pages(ask, limit, _PAGE_MAX)

    def session(self, session_id: str, /, *, limit: int | None = None, **scope: Unpack[Scope]) -> answers.Session:
        """One session: its traces in order, with what was asked, answered and judged; all of it without a window.

        Raises:
            NotFound: there is none.
        """
        return self._get(answers.Session, f"sessions/{quote(session_id, '')}", {"limit": limit, **scope})

    def users(
        self,
        *,
        order: Literal["newest", "dearest", "requests", "errors", "sessions", "days"] | None = None,
        limit: int = _ITEMS,
        **scope: Unpack[Scope],
    ) -> Pages[answers.ListedUser]:
        """Users; at most ``limit`` of them."""

        def ask(cursor: str, size: int) -> Page[answers.ListedUser]:
            page = self._get(answers.Users, "users", {**scope, "order": order, "cursor": cursor, "limit": size})
            return page.users, page.next_cursor

        return Pages(ask, limit, _PAGE_MAX)

    def user(self, user_id: str, /, **scope: Unpack[Scope]) -> answers.User:
        """One user: day by day, by model, and the newest sessions; the last 30 days without a window.

        Raises:
            NotFound: there is none.
        """
        return self._get(answers.User, f"users/{quote(user_id, '')}", scope)

    def requests(
        self,
        *,
        order: Literal["slowest", "slowest_ttft", "dearest", "most_tokens", "failing", "newest"] | None = None,
        limit: int = _ITEMS,
        **scope: Unpack[Scope],
    ) -> Pages[answers.FoundRequest]:
        """Single model calls; at most ``limit`` of them."""

        def ask(cursor: str, size: int) -> Page[answers.FoundRequest]:
            page = self._get(answers.Requests, "requests", {**scope, "order": order, "cursor": cursor, "limit": size})
            return page.requests, page.next_cursor

        return Pages(ask, limit, _PAGE_MAX)

    def failures(self, **scope: Unpack[Scope]) -> answers.Requests:
        """Failed requests by kind of error, model and message (``failures``), and the newest of them."""
        return self._get(answers.Requests, "requests", {"order": "failing", **scope})

    def facets(
        self, dimension: str, /, *, q: str | None = None, limit: int | None = None, **scope: Unpack[Scope]
    ) -> answers.Facets:
        """The values of a dimension, the most frequent first; ``q`` is how they begin."""
        return self._get(answers.Facets, "facets", {"dimension": dimension, "q": q, "limit": limit, **scope})

    def attributes(self, *, limit: int | None = None, **scope: Unpack[Scope]) -> answers.Attributes:
        """The keys of attributes with their types, the most frequent first."""
        return self._get(answers.Attributes, "attributes", {"limit": limit, **scope})

    def score(  # noqa: PLR0913  named, each what it says
        self,
        name: str,
        value: float | None = None,
        label: str | None = None,
        *,
        trace_id: str,
        span_id: str | None = None,
        explanation: str | None = None,
        source: Literal["human", "judge", "client", "check"] = "human",
        evaluator: str | None = None,
        id: str | None = None,  # noqa: A002  what it is called everywhere
    ) -> str:
        """Judge a trace, or a span of it; return the score's id, with which a later one takes its place.

        The key needs the scope ``ingest``.
        """
        own = Score(trace_id=trace_id, name=name, span_id=span_id, value=value, label=label, explanation=explanation)
        return self.scores([{**own, "source": source, "evaluator": evaluator, "id": id}])[0]

    def scores(self, scores: Iterable[Score]) -> list[str]:
        """Send many scores, 1,000 in a request; return their ids in order. All that were returned are on disk.

        Raises:
            WrongParameter: one is wrong; ``parameter`` says which: ``[2].trace_id``. Nothing of its request is kept.
        """
        sent = (self._connection.post("/api/v1/scores", one) for one in bodies(scores))
        return [id_ for answer in sent for id_ in decode(answers.AcceptedScores, answer).ids]

    def sql(self, query: str, parameters: Mapping[str, Parameter] | None = None) -> Statement:
        """Prepare a read-only statement (docs/sql.md); it is asked when the answer is read.

        Args:
            query: without ``FORMAT``; ``{name:Type}`` stands for a parameter.
            parameters: their values by name.
        """
        return Statement(self._connection, query, parameters or {})

    def export(
        self, query: str, path: str | os.PathLike[str], parameters: Mapping[str, Parameter] | None = None
    ) -> int:
        """Write what a statement answers to a file; see `Statement.export`."""
        return self.sql(query, parameters).export(path)

    def _get(self, kind: type[_Answer], path: str, parameters: Mapping[str, Any]) -> _Answer:
        return decode(kind, self._connection.get(f"/api/v1/{path}", encode(parameters)))
