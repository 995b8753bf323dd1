"""What `latency` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Bin(Answer):
    """Requests with `low <= value < high`."""

    low: float
    high: float
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cell(Answer):
    """A bin in one step of time."""

    low: float
    high: float
    requests: int
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LatencyPoint(Answer):
    """One group in one step of time.

    Attributes:
        measured: requests that have the metric
    """

    requests: int
    requests_per_minute: float
    errors: int
    error_rate: float | None
    measured: int
    avg: float | None
    min: float | None
    max: float | None
    quantiles: dict[str, float | None]
    group: dict[str, str]
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LatencyRow(Answer):
    """One group.

    Attributes:
        measured: requests that have the metric
    """

    requests: int
    requests_per_minute: float
    errors: int
    error_rate: float | None
    measured: int
    avg: float | None
    min: float | None
    max: float | None
    quantiles: dict[str, float | None]
    group: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LatencyTotal(Answer):
    """Over all groups.

    Attributes:
        measured: requests that have the metric
    """

    requests: int
    requests_per_minute: float
    errors: int
    error_rate: float | None
    measured: int
    avg: float | None
    min: float | None
    max: float | None
    quantiles: dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Latency(Answer):
    """Percentiles over groups and time.

    Attributes:
        groups: groups that there are; `rows` holds up to `limit` of them
    """

    from_: datetime
    to: datetime
    metric: Literal["duration", "ttft", "tokens_per_second"]
    unit: Literal["ms", "tokens/s"]
    groups: int
    total: LatencyTotal
    rows: list[LatencyRow]
    interval_s: int | None = None
    series: list[LatencyPoint] | None = None
    histogram: list[Bin] | None = None
    heatmap: list[Cell] | None = None
