"""Decoded metric points → the metric_points table: the same points, their attributes as maps.

Guarantee: as many rows as came, in their order; exactly `batch.METRIC_POINTS`. What the metric itself is described by
(``metadata``) stays in ``attributes_string`` under ``otel.metric.<key>``.
"""

import pyarrow as pa

from haechi_collector.batch import METRIC_POINTS
from haechi_collector.stages.columns import Attributes
from haechi_collector.stages.normalize_maps import attribute_maps, constants


def normalize_metric_points(batch: pa.RecordBatch, *, project: str, ingested_at_ns: int) -> pa.RecordBatch:
    """Normalise decoded metric points.

    Args:
        batch: `batch.DECODED_METRIC_POINTS`.
        project: of the key that sent them.
        ingested_at_ns: time of arrival, nanoseconds since the epoch.
    """
    columns = {name: batch.column(name) for name in METRIC_POINTS.names if name in batch.schema.names}
    columns |= constants(batch.num_rows, project, ingested_at_ns)
    columns |= attribute_maps(Attributes(batch.column("attributes")), batch, skip=("flags",))
    return pa.RecordBatch.from_arrays([columns[f.name] for f in METRIC_POINTS], schema=METRIC_POINTS)
