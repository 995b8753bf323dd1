"""The parameters of the questions, as FastAPI declares them.

Guarantee: a parameter that a route does not know is an error that names it: a misspelt filter never widens an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Query, Request

from haechi_collector.errors import WrongParameter
from haechi_collector.gate.gate import Caller
from haechi_collector.query.dimensions import ATTRIBUTE, dimensions
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.limits import QUESTION_GROUPS_MAX, TRACES_PAGE_MAX
from haechi_collector.query.scope import Scope, Window, read_scope
from haechi_collector.query.series import read_interval

Texts = list[str] | None
_ANY = "Repeat it for alternatives."


@dataclass(frozen=True)
class FilterParameters:
    """The filters, the same on every route. ``attr:KEY=VALUE`` filters by any attribute."""

    service: Annotated[Texts, Query(description=f"`service.name`. {_ANY}", examples=[["support-bot"]])] = None
    environment: Annotated[
        Texts, Query(description=f"`deployment.environment.name`. {_ANY}", examples=[["production"]])
    ] = None
    model: Annotated[Texts, Query(description=f"The model that was asked for. {_ANY}", examples=[["gpt-4o-mini"]])] = (
        None
    )
    provider: Annotated[Texts, Query(description=f"Who serves the model. {_ANY}", examples=[["openai"]])] = None
    operation: Annotated[
        Texts, Query(description=f"`chat`, `embeddings`, `execute_tool`, ... {_ANY}", examples=[["chat"]])
    ] = None
    user: Annotated[Texts, Query(description=f"`user.id`. {_ANY}", examples=[["user-042"]])] = None
    session: Annotated[Texts, Query(description=f"Conversation or session. {_ANY}", examples=[["session-7"]])] = None
    prompt: Annotated[Texts, Query(description=f"The prompt's name. {_ANY}", examples=[["support-answer"]])] = None
    prompt_version: Annotated[Texts, Query(description=f"The prompt's version. {_ANY}", examples=[["3"]])] = None
    experiment: Annotated[
        Texts, Query(description=f"The experiment that a call belongs to. {_ANY}", examples=[["reranker"]])
    ] = None
    variant: Annotated[Texts, Query(description=f"The variant of the experiment. {_ANY}", examples=[["b"]])] = None
    status: Annotated[Texts, Query(description=f"`ok`, `error` or `unset`. {_ANY}", examples=[["error"]])] = None

    def scope_in(self, request: Request, window: Window) -> Scope:
        """Return which spans of a window the question is about, for the caller of the request.

        Raises:
            WrongParameter: one is wrong or unknown.
        """
        known = {one.name.rstrip("_") for one in fields(self)}
        for name in request.query_params:
            if name not in known and not name.startswith(ATTRIBUTE):
                raise WrongParameter(
                    name[:100], f"no parameter of this route; known are {', '.join(sorted(known))}, attr:KEY"
                )
        caller: Caller = request.state.caller
        return read_scope(request.query_params.multi_items(), window, caller.sees)


@dataclass(frozen=True)
class ScopeParameters(FilterParameters):
    """The window and the filters."""

    from_: Annotated[str, Query(alias="from", description="RFC 3339, or relative: -1h, -7d", examples=["-7d"])] = "-24h"
    to: Annotated[str, Query(description="End of the window; does not belong to it", examples=["now"])] = "now"

    def scope(self, request: Request) -> Scope:
        """Return which spans the question is about, for the caller of the request.

        Raises:
            WrongParameter: one is wrong or unknown.
        """
        return self.scope_in(request, Window.parse(self.from_, self.to, datetime.now(UTC)))


_GROUP_BY = "Dimensions separated by commas: a filter's name, a column of `spans`, or `attr:KEY`"
_INTERVAL = "Adds the series over time: 30s, 5m, 1h, 1d, 1w, or auto for about 60 steps"


@dataclass(frozen=True)
class GroupedParameters(ScopeParameters):
    """Those of a question over groups."""

    group_by: Annotated[Texts, Query(description=_GROUP_BY, examples=[["model,prompt_version"]])] = None
    interval: Annotated[str, Query(description=_INTERVAL, examples=["1h"])] = ""
    limit: Annotated[int, Query(ge=1, le=QUESTION_GROUPS_MAX, description="Groups shown at most", examples=[20])] = 100

    def grouped(self, request: Request) -> Grouped:
        """Return which groups the question is about.

        Raises:
            WrongParameter: one is wrong or unknown.
        """
        scope = self.scope(request)
        step_s = read_interval(self.interval, scope.window) if self.interval else 0
        return Grouped(scope, dimensions(self.group_by or []), self.limit, step_s)


_INCLUDE_LATENCY = "Adds `histogram`, or `heatmap` (needs an interval)"
_INCLUDE_COSTS = "Adds `users` (distinct users, cost per user) or `savings` (what cached input saved)"


@dataclass(frozen=True)
class LatencyParameters(GroupedParameters):
    """Those of ``/api/v1/latency``."""

    metric: Annotated[
        Literal["duration", "ttft", "tokens_per_second"],
        Query(description="`duration` and `ttft` in ms, or `tokens_per_second`", examples=["ttft"]),
    ] = "duration"
    quantiles: Annotated[Texts, Query(description="Up to 5 numbers between 0 and 1", examples=[["0.5,0.95,0.99"]])] = (
        None
    )
    include: Annotated[Texts, Query(description=_INCLUDE_LATENCY, examples=[["histogram"]])] = None

    @property
    def included(self) -> frozenset[str]:
        """What the answer holds beside the percentiles.

        Raises:
            WrongParameter: there is no such part, or the heatmap has no interval.
        """
        parts = _parts(self.include, {"histogram", "heatmap"})
        if "heatmap" in parts and not self.interval:
            raise WrongParameter("include", "a heatmap needs an interval")
        return parts


@dataclass(frozen=True)
class CostsParameters(GroupedParameters):
    """Those of ``/api/v1/costs``."""

    include: Annotated[Texts, Query(description=_INCLUDE_COSTS, examples=[["users,savings"]])] = None

    @property
    def included(self) -> frozenset[str]:
        """What the answer holds beside the costs.

        Raises:
            WrongParameter: there is no such part.
        """
        return _parts(self.include, {"users", "savings"})


def _parts(texts: Sequence[str] | None, known: set[str]) -> frozenset[str]:
    parts = frozenset(part for text in texts or [] for part in text.split(",") if part)
    if parts - known:
        raise WrongParameter("include", f"expected {' or '.join(sorted(known))}")
    return parts


@dataclass(frozen=True)
class TracesParameters(ScopeParameters):
    """Those of ``/api/v1/traces``."""

    q: Annotated[
        Texts,
        Query(description="Text in prompts and answers, any case; several must all be there", examples=[["환불"]]),
    ] = None
    order: Annotated[
        Literal["newest", "slowest", "dearest"], Query(description="By the spans that were found", examples=["dearest"])
    ] = "newest"
    limit: Annotated[int, Query(ge=1, le=TRACES_PAGE_MAX, description="Traces of a page", examples=[20])] = 50
    cursor: Annotated[
        str, Query(description="`next_cursor` of the page before, with the same parameters", examples=[""])
    ] = ""
