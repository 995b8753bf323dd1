"""Decoded spans of any dialect → the columns of the spans table.

Guarantee: as many rows as came, in their order; exactly `batch.SPANS`; never an exception on any attribute values.
Nothing an emitter sent is lost: what no column says to the letter stays in ``attributes_*`` (usage always does).
What a field means is data (``haechi_schemas/dialects/*.toml``); the rules that are not:

* ``input_tokens`` includes cached tokens: where a dialect reports them outside, or they exceed it, they are added.
* ``is_streaming`` is also true where a time to first token is told.
* ``status_code`` is error where the dialect says so outside of the span's status.
* ``retrieved_context`` of a model call is what the retrievals of its trace found in the same batch.

Source: the OpenTelemetry GenAI semantic conventions, 1.26 to the present.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa

from haechi_collector.batch import SPANS, TEXT_MAP
from haechi_collector.stages.columns import Attributes, Mask
from haechi_collector.stages.dialects import Dialects, dialects
from haechi_collector.stages.dialects_recognise import Codes, recognise
from haechi_collector.stages.normalize_events import Events
from haechi_collector.stages.normalize_facts import read_facts, read_usage
from haechi_collector.stages.normalize_maps import attribute_maps, constants
from haechi_collector.stages.normalize_reader import Numbers, Reader
from haechi_collector.stages.normalize_scores import scores_of_spans, to_batch


@dataclass(frozen=True, slots=True)
class Normalized:
    """Spans in the table's shape, and what later stages need to know beside. All arrays have a value per row.

    Attributes:
        spans: `batch.SPANS`. ``usage_source`` is reported or none, ``cost_source`` unpriced; ``cost_details`` holds
            ``reported``, the emitter's own cost in USD, where it told one.
        response_id: the provider's id of the response, '' when not told.
        is_inference: a call of a model; not an agent, chain, tool or retrieval.
        yields: a client library's own span, which yields to an instrumentation's span of the same call.
        is_log_span: a span of no length that merely carries what a stream brought (Logfire).
        audio_input_tokens, audio_output_tokens: the part of input and output that is audio.
        cache_write_1h_tokens: the part of ``cache_write_tokens`` that is kept for one hour; the rest five minutes.
        reported_cost: the emitter's own cost in USD, null when not told.
        scores: `batch.SCORES`, judgements that stood on spans or in their events; any number of rows.
    """

    spans: pa.RecordBatch
    response_id: pa.StringArray
    is_inference: pa.BooleanArray
    yields: pa.BooleanArray
    is_log_span: pa.BooleanArray
    audio_input_tokens: pa.UInt64Array
    audio_output_tokens: pa.UInt64Array
    cache_write_1h_tokens: pa.UInt64Array
    reported_cost: pa.DoubleArray
    scores: pa.RecordBatch


def normalize_spans(
    batch: pa.RecordBatch, *, project: str, ingested_at_ns: int, known: Dialects | None = None
) -> Normalized:
    """Normalise decoded spans.

    Args:
        batch: `batch.DECODED_SPANS`.
        project: of the key that sent them.
        ingested_at_ns: time of arrival, nanoseconds since the epoch.
        known: the dialects; by default those that ship with the project.
    """
    known = known or dialects()
    attributes = Attributes(batch.column("attributes"))
    codes = recognise(batch.column("scope_name"), attributes, known.all)
    start_ns = batch.column("start_time").cast(pa.int64()).to_numpy()
    reader = Reader(attributes, Events(batch.column("events")), start_ns, codes, known)
    facts = read_facts(reader, batch)
    usage = read_usage(reader, facts.columns["provider"])
    cost, has_cost = reader.number("reported_cost", whole=False)
    is_log_span = reader.flag("is_log_span")
    columns = {name: batch.column(name) for name in SPANS.names if name in batch.schema.names}
    columns |= {**facts.columns, **usage.columns, **constants(batch.num_rows, project, ingested_at_ns)}
    columns |= _costs(cost, has_cost)
    columns["dialect"] = _names(codes, known)
    columns |= attribute_maps(attributes, batch)
    return Normalized(
        spans=pa.RecordBatch.from_arrays([columns[f.name] for f in SPANS], schema=SPANS),
        response_id=facts.response_id,
        is_inference=pa.array(facts.is_inference),
        yields=pa.array(np.array([d.yields for d in known.all] + [False])[codes]),
        is_log_span=pa.array(is_log_span),
        audio_input_tokens=usage.audio_input,
        audio_output_tokens=usage.audio_output,
        cache_write_1h_tokens=usage.cache_write_1h,
        reported_cost=pa.array(cost, mask=~has_cost),
        scores=to_batch(scores_of_spans(batch, attributes, reader.events), project, ingested_at_ns),
    )


def _costs(cost: Numbers, told: Mask) -> dict[str, pa.Array]:
    """Return the cost columns of spans that are not priced yet."""
    distinct, place = np.unique(cost[told], return_inverse=True)
    decimals = pa.array([format(Decimal(repr(float(c))), "f") for c in distinct], pa.string())
    offsets = np.concatenate([[0], np.cumsum(told)]).astype(np.int32)
    keys = pa.repeat("reported", int(told.sum()))
    details = pa.MapArray.from_arrays(pa.array(offsets), keys, decimals.take(pa.array(place)), type=TEXT_MAP)
    return {
        "cost_usd": pa.nulls(len(cost), SPANS.field("cost_usd").type),
        "cost_source": pa.repeat("unpriced", len(cost)),
        "cost_details": details,
    }


def _names(codes: Codes, known: Dialects) -> pa.StringArray:
    return pa.array([*(d.name for d in known.all), ""]).take(pa.array(codes))
