"""What `costs` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CostsPoint(Answer):
    """One group in one step of time."""

    requests: int
    cost_usd: Decimal | None
    priced_requests: int
    unpriced_requests: int
    cost_per_request_usd: Decimal | None
    cost_per_1000_tokens_usd: Decimal | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cached_share: float | None
    group: dict[str, str]
    time: datetime
    users: int | None = None
    cost_per_user_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CostsRow(Answer):
    """One group."""

    requests: int
    cost_usd: Decimal | None
    priced_requests: int
    unpriced_requests: int
    cost_per_request_usd: Decimal | None
    cost_per_1000_tokens_usd: Decimal | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cached_share: float | None
    group: dict[str, str]
    users: int | None = None
    cost_per_user_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CostsTotal(Answer):
    """Over all groups.

    Attributes:
        cache_saved_unknown_requests: cached requests without a rate to compare with
    """

    requests: int
    cost_usd: Decimal | None
    priced_requests: int
    unpriced_requests: int
    cost_per_request_usd: Decimal | None
    cost_per_1000_tokens_usd: Decimal | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cached_share: float | None
    users: int | None = None
    cost_per_user_usd: Decimal | None = None
    cache_saved_usd: Decimal | None = None
    cache_saved_unknown_requests: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnpricedModel(Answer):
    """A model that the price book does not know."""

    provider: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Costs(Answer):
    """Money over groups and time."""

    from_: datetime
    to: datetime
    groups: int
    total: CostsTotal
    rows: list[CostsRow]
    unpriced_models: list[UnpricedModel]
    interval_s: int | None = None
    series: list[CostsPoint] | None = None
