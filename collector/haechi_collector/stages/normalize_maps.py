"""What every table has: the maps ``attributes_*``, the project, the time of arrival."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import TIME
from haechi_collector.stages.columns import Attributes, Extra
from haechi_schemas import attributes as names


def constants(row_count: int, project: str, ingested_at_ns: int) -> dict[str, pa.Array]:
    """Return the columns ``project`` and ``ingested_at``."""
    return {
        "project": pa.repeat(project, row_count),
        "ingested_at": pa.repeat(pa.scalar(ingested_at_ns, TIME), row_count),
    }


def attribute_maps(attributes: Attributes, batch: pa.RecordBatch, skip: Sequence[str] = ()) -> dict[str, pa.Array]:
    """Return the three columns ``attributes_*``, with what OTLP carries beside attributes under ``otel.*``.

    Args:
        attributes: of the batch.
        batch: any decoded batch.
        skip: columns of the batch that the table has of its own.
    """
    carried = {"trace_state": names.OTEL_TRACE_STATE, "flags": names.OTEL_FLAGS, "schema_url": names.OTEL_SCHEMA_URL}
    wanted = [(c, key) for c, key in carried.items() if c in batch.schema.names and c not in skip]
    extras = [_carried(batch.column(column), key) for column, key in wanted]
    extras.append(_prefixed(batch.column("scope_attributes"), names.OTEL_SCOPE_PREFIX))
    if "metric_metadata" in batch.schema.names:
        extras.append(_prefixed(batch.column("metric_metadata"), names.OTEL_METRIC_PREFIX))
    maps = attributes.maps(e for e in extras if len(e.rows))
    return dict(zip(("attributes_string", "attributes_number", "attributes_bool"), maps, strict=True))


def _carried(column: pa.Array, key: str) -> Extra:
    texts = column if pa.types.is_string(column.type) else _decimals(column)
    rows = np.flatnonzero(pc.not_equal(texts, "").to_numpy(zero_copy_only=False))
    return Extra(rows, pa.repeat(key, len(rows)), texts.take(pa.array(rows)))


def _decimals(column: pa.Array) -> pa.StringArray:
    return pc.if_else(pc.equal(column, 0), "", column.cast(pa.string()))


def _prefixed(column: pa.MapArray, prefix: str) -> Extra:
    offsets = column.offsets.to_numpy()
    inner = slice(offsets[0], offsets[-1] - offsets[0])
    keys = column.keys.slice(inner.start, inner.stop)
    rows = np.repeat(np.arange(len(column)), np.diff(offsets))
    prefixed = pc.binary_join_element_wise(pa.scalar(prefix), keys, "")
    return Extra(rows, prefixed, column.items.slice(inner.start, inner.stop))
