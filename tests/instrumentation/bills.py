"""The worked bills, read from their file."""

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from haechi.pricing import Bucket, Usage

_FILE: Final = Path(__file__).parent / "data" / "bills.toml"
_WHEN: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WorkedBill:
    """One call and what it costs, computed by hand."""

    name: str
    provider: str
    request_model: str
    model: str
    at: datetime
    above: int
    usage: Usage
    rates: dict[Bucket, Decimal]  # US dollars per token
    lines: dict[Bucket, tuple[int, Decimal]]
    total: Decimal


def worked_bills() -> list[WorkedBill]:
    """Return every bill of the file."""
    return [_bill(row) for row in tomllib.loads(_FILE.read_text("utf-8"))["bill"]]


def _bill(row: dict[str, Any]) -> WorkedBill:
    return WorkedBill(
        row["name"],
        row["provider"],
        row.get("request_model", ""),
        row["model"],
        row.get("at", _WHEN),
        row.get("above", 0),
        Usage(**row["usage"]),
        {Bucket(bucket): Decimal(rate) / 1_000_000 for bucket, rate in row["rates"].items()},
        {Bucket(bucket): (tokens, Decimal(amount)) for bucket, (tokens, amount) in row["lines"].items()},
        Decimal(row["total"]),
    )
