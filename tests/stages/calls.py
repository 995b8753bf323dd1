"""Batches of model calls for the tests of pricing and counting."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa

from haechi.pricing import Usage
from haechi_collector.batch import SPANS

EXTRA_COUNTS: Final = ("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens")
WHEN: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
_DEFAULTS: Final[dict[str, Any]] = {"string": "", "uint64": 0, "bool": False}


@dataclass(frozen=True)
class Extras:
    """What the normalising stage tells beside the columns."""

    is_inference: pa.BooleanArray
    cache_write_1h_tokens: pa.UInt64Array
    audio_input_tokens: pa.UInt64Array
    audio_output_tokens: pa.UInt64Array
    reported_cost: pa.Array


def call(usage: Usage | None = None, **columns: Any) -> dict[str, Any]:
    """Return one call as columns; by default of gpt-4o-mini at noon, its usage reported."""
    counts = {field.name: getattr(usage or Usage(), field.name) for field in fields(Usage)}
    base = {"provider": "openai", "response_model": "gpt-4o-mini", "usage_source": "reported", "status_code": "ok"}
    return {
        "start_time": WHEN,
        "ingested_at": WHEN,
        "operation": "chat",
        "is_inference": True,
        **base,
        **counts,
        **columns,
    }


def batch(calls: list[dict[str, Any]]) -> tuple[pa.RecordBatch, Extras]:
    """Return calls as a batch of spans and what the normalising stage tells of them."""
    arrays = []
    for field in SPANS:
        default = _DEFAULTS.get(str(field.type), None if field.nullable else [])
        arrays.append(pa.array([one.get(field.name, default) for one in calls], field.type))
    counts = [pa.array([one[name] for one in calls], pa.uint64()) for name in EXTRA_COUNTS]
    extras = Extras(
        pa.array([one["is_inference"] for one in calls], pa.bool_()),
        *counts,
        reported_cost=pa.array([one.get("reported_cost") for one in calls], pa.float64()),
    )
    return pa.RecordBatch.from_arrays(arrays, schema=SPANS), extras
