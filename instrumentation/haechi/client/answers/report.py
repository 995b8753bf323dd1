"""What `report` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Recommendation(Answer):
    """One way to spend less, with the figures it comes from.

    Attributes:
        saving_usd: in the window that was looked at; None where it cannot be known
        saving_per_month_usd: the same in 30 days
        share_of_cost: of the cost of the window that was looked at
        traces: parameters of /api/v1/traces that show examples
    """

    kind: Literal["prompt_caching", "few_shot", "repeated_requests", "cheaper_model", "paid_errors", "unpriced"]
    title: str
    saving_usd: Decimal | None
    saving_per_month_usd: Decimal | None
    share_of_cost: float | None
    evidence: dict[str, Any]
    traces: dict[str, str | list[str]]
    assumptions: list[str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report(Answer):
    """What could be saved, the greatest amount first. The amounts overlap and do not add up.

    Attributes:
        texts_from: texts were read from here on; later than `from` when there are too many
        is_sampled: whether texts of a part of the window alone were read
    """

    from_: datetime
    to: datetime
    requests: int
    cost_usd: Decimal | None
    texts_from: datetime
    is_sampled: bool
    recommendations: list[Recommendation]
