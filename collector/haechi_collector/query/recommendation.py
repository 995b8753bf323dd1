"""One way to spend less: what it saves, what shows it, and what it rests on.

Guarantee: every figure is computed from requests that were made. A saving below `SHARE_MIN` of the cost that was
looked at is no recommendation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Literal

from haechi_collector.query.money import each, text_of
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso

Kind = Literal["prompt_caching", "few_shot", "repeated_requests", "cheaper_model", "paid_errors", "unpriced"]

SHARE_MIN: Final = Decimal("0.001")
"""Of the cost. Lower: a list of trifles."""

_MONTH_NS: Final = 30 * 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Looked:
    """The requests that a recommendation was computed from, and what they cost."""

    scope: Scope
    requests: int
    cost: Decimal | None

    def traces(self, **more: str) -> dict[str, str | list[str]]:
        """Return the parameters of the search for traces that are meant; ``more`` are filters beside the scope's."""
        scope = self.scope
        own = {name: list(wanted) for name, wanted in scope.filters.items()}
        attributes = {f"attr:{key}": list(wanted) for key, wanted in scope.attributes.items()}
        window = {"from": iso(scope.window.from_ns), "to": iso(scope.window.to_ns)}
        return {**window, **own, **attributes, **more}


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One of them; ``saving`` is None where it cannot be known."""

    kind: Kind
    title: str
    saving: Decimal | None
    looked: Looked
    evidence: Mapping[str, Any]
    traces: Mapping[str, str | list[str]]
    assumptions: Sequence[str] = field(default_factory=tuple)

    @property
    def is_worth_it(self) -> bool:
        """Whether it is more than a trifle."""
        if self.saving is None:
            return True
        return self.looked.cost is not None and self.saving > 0 and self.saving >= self.looked.cost * SHARE_MIN

    @property
    def answer(self) -> dict[str, Any]:
        """Return it as the API answers it."""
        cost, window = self.looked.cost, self.looked.scope.window
        month = None if self.saving is None else each(self.saving * _MONTH_NS, window.to_ns - window.from_ns)
        return {
            "kind": self.kind,
            "title": self.title,
            "saving_usd": text_of(self.saving),
            "saving_per_month_usd": text_of(month),
            "share_of_cost": float(self.saving / cost) if self.saving is not None and cost else None,
            "evidence": dict(self.evidence),
            "traces": dict(self.traces),
            "assumptions": list(self.assumptions),
        }


def ranked(found: Sequence[Recommendation], limit: int) -> list[Recommendation]:
    """Return those that are worth it, the greatest saving in a month first, those without an amount last."""

    def key(one: Recommendation) -> tuple[bool, Decimal]:
        window = one.looked.scope.window
        return one.saving is None, -(one.saving or Decimal(0)) / (window.to_ns - window.from_ns)

    return sorted((one for one in found if one.is_worth_it), key=key)[:limit]


def narrowed(scope: Scope, from_ns: int) -> Scope:
    """Return the scope with a later begin."""
    return replace(scope, window=replace(scope.window, from_ns=from_ns))


def named(prompt: str, service: str) -> str:
    """Return what people call these requests."""
    return prompt or (f"requests of {service}" if service else "requests without a prompt's name")
