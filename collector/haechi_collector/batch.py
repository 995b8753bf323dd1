"""The Arrow schemas of a batch: the one shape that all rooms share.

Guarantee: a batch has exactly the columns of one of these schemas, in this order, none of them null unless
the field says so. Text is UTF-8; ids are lowercase hex; times are nanoseconds since the epoch, UTC.

Two steps of one signal's life have a schema each:

* ``DECODED_*`` is what the wire said, row by row: nothing interpreted, nothing lost. Attributes stay one list
  of typed entries per row, so that a stage can work on all entries of a batch at once.
* ``SPANS``, ``LOGS``, ``METRIC_POINTS`` and ``SCORES`` are the columns of the tables of the same name. Rows are
  inserted as they stand, columns bound by name.
"""

from enum import IntEnum
from typing import Final

import pyarrow as pa

TIME: Final = pa.timestamp("ns", tz="UTC")
TEXT_MAP: Final = pa.map_(pa.string(), pa.string())
NUMBER_MAP: Final = pa.map_(pa.string(), pa.float64())
BOOL_MAP: Final = pa.map_(pa.string(), pa.bool_())


class Kind(IntEnum):
    """What an attribute's value was on the wire (OTLP ``AnyValue``)."""

    EMPTY = 0
    TEXT = 1
    BOOL = 2
    INT = 3
    DOUBLE = 4
    JSON = 5
    """An array or a key-value list; ``text`` holds it as compact JSON."""
    BYTES = 6
    """``text`` holds it as base64."""


ATTRIBUTE: Final = pa.struct(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("text", pa.string(), nullable=False),  # '' unless TEXT, JSON or BYTES
        pa.field("int", pa.int64(), nullable=False),  # 0 unless INT or BOOL (0 or 1)
        pa.field("double", pa.float64(), nullable=False),  # 0 unless DOUBLE
    ]
)
ATTRIBUTES: Final = pa.list_(pa.field("item", ATTRIBUTE, nullable=False))


def _columns(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, type_, nullable=False) for name, type_ in types.items()]


_SOURCE: Final = _columns(
    service_name=pa.string(),  # resource service.name; '' when absent
    service_version=pa.string(),
    environment=pa.string(),  # deployment.environment.name, else deployment.environment
    resource_attributes=TEXT_MAP,  # all of them, values as text (JSON for arrays and lists)
    scope_name=pa.string(),
    scope_version=pa.string(),
    scope_attributes=TEXT_MAP,
    schema_url=pa.string(),  # the scope's, else the resource's
)

DECODED_SPANS: Final = pa.schema(
    [
        *_columns(
            trace_id=pa.string(),  # hex of whatever length came; validate.py judges it
            span_id=pa.string(),
            parent_span_id=pa.string(),
            trace_state=pa.string(),
            flags=pa.uint32(),
            name=pa.string(),
            kind=pa.string(),  # '', internal, server, client, producer, consumer; a decimal for unknown
            start_time=TIME,
            duration_ns=pa.uint64(),  # 0 when the end lies before the start
            status_code=pa.string(),  # unset, ok, error; a decimal for unknown
            status_message=pa.string(),
            attributes=ATTRIBUTES,
            events=pa.string(),  # '' or JSON [{"time_unix_nano","name","attributes":{...}}]
            links=pa.string(),  # '' or JSON [{"trace_id","span_id","trace_state","attributes":{...}}]
        ),
        *_SOURCE,
    ]
)

DECODED_LOGS: Final = pa.schema(
    [
        *_columns(
            timestamp=TIME,
            observed_timestamp=TIME,
            trace_id=pa.string(),
            span_id=pa.string(),
            flags=pa.uint32(),
            severity_number=pa.int32(),
            severity_text=pa.string(),
            event_name=pa.string(),
            body_kind=pa.uint8(),
            body=pa.string(),  # text as it is; anything else as JSON
            attributes=ATTRIBUTES,
        ),
        *_SOURCE,
    ]
)

_POINT: Final = _columns(
    time=TIME,
    start_time=TIME,
    metric_name=pa.string(),
    metric_description=pa.string(),
    unit=pa.string(),
    type=pa.string(),  # gauge, sum, histogram, exponential_histogram, summary
    temporality=pa.string(),  # '', delta, cumulative
    is_monotonic=pa.bool_(),
    flags=pa.uint32(),
    value=pa.float64(),  # gauge and sum
    count=pa.uint64(),  # the others
    sum=pa.float64(),
    min=pa.float64(),
    max=pa.float64(),
    bounds=pa.list_(pa.field("item", pa.float64(), nullable=False)),  # histogram; summary: the quantiles
    bucket_counts=pa.list_(pa.field("item", pa.float64(), nullable=False)),  # summary: the values
    scale=pa.int32(),  # exponential histogram
    zero_count=pa.uint64(),
    zero_threshold=pa.float64(),
    positive_offset=pa.int32(),
    positive_counts=pa.list_(pa.field("item", pa.uint64(), nullable=False)),
    negative_offset=pa.int32(),
    negative_counts=pa.list_(pa.field("item", pa.uint64(), nullable=False)),
    exemplars=pa.string(),  # '' or JSON
)

DECODED_METRIC_POINTS: Final = pa.schema(
    [*_POINT, *_columns(attributes=ATTRIBUTES, metric_metadata=TEXT_MAP), *_SOURCE]
)

_STORED_SOURCE: Final = _columns(
    attributes_string=TEXT_MAP,
    attributes_number=NUMBER_MAP,
    attributes_bool=BOOL_MAP,
    resource_attributes=TEXT_MAP,
    scope_name=pa.string(),
    scope_version=pa.string(),
)
_STORED_TIME: Final = _columns(ingested_at=TIME)

SPANS: Final = pa.schema(
    [
        *_columns(
            project=pa.string(),
            trace_id=pa.string(),
            span_id=pa.string(),
            parent_span_id=pa.string(),
            name=pa.string(),
            kind=pa.string(),
            service_name=pa.string(),
            service_version=pa.string(),
            environment=pa.string(),
            start_time=TIME,
            duration_ns=pa.uint64(),
            status_code=pa.string(),
            status_message=pa.string(),
            error_type=pa.string(),
            operation=pa.string(),
            provider=pa.string(),
            request_model=pa.string(),
            response_model=pa.string(),
            input_tokens=pa.uint64(),
            output_tokens=pa.uint64(),
            cache_read_tokens=pa.uint64(),
            cache_write_tokens=pa.uint64(),
            reasoning_tokens=pa.uint64(),
            usage_source=pa.string(),  # reported, counted, repeated, none
        ),
        pa.field("cost_usd", pa.decimal128(18, 12), nullable=True),  # null: unpriced
        *_columns(cost_source=pa.string(), cost_details=TEXT_MAP),
        pa.field("ttft_ns", pa.uint64(), nullable=True),
        *_columns(
            is_streaming=pa.bool_(),
            finish_reasons=pa.list_(pa.field("item", pa.string(), nullable=False)),
            user_id=pa.string(),
            session_id=pa.string(),
            prompt_name=pa.string(),
            prompt_version=pa.string(),
            experiment=pa.string(),
            variant=pa.string(),
            input_messages=pa.string(),
            output_messages=pa.string(),
            system_instructions=pa.string(),
            tool_definitions=pa.string(),
            retrieved_context=pa.string(),
        ),
        *_STORED_SOURCE[:4],
        *_columns(events=pa.string(), links=pa.string()),
        *_STORED_SOURCE[4:],
        *_columns(dialect=pa.string()),
        *_STORED_TIME,
    ]
)

LOGS: Final = pa.schema(
    [
        *_columns(
            project=pa.string(),
            timestamp=TIME,
            observed_timestamp=TIME,
            trace_id=pa.string(),
            span_id=pa.string(),
            severity_number=pa.int32(),
            severity_text=pa.string(),
            event_name=pa.string(),
            body=pa.string(),
            service_name=pa.string(),
            service_version=pa.string(),
            environment=pa.string(),
        ),
        *_STORED_SOURCE,
        *_STORED_TIME,
    ]
)

METRIC_POINTS: Final = pa.schema(
    [
        *_columns(project=pa.string()),
        *_POINT,
        *_columns(service_name=pa.string(), service_version=pa.string(), environment=pa.string()),
        *_STORED_SOURCE,
        *_STORED_TIME,
    ]
)

SCORES: Final = pa.schema(
    [
        *_columns(
            project=pa.string(),
            id=pa.string(),
            is_replaceable=pa.bool_(),  # the sender chose the id: a later score with it takes this one's place
            trace_id=pa.string(),
            span_id=pa.string(),
            name=pa.string(),
        ),
        pa.field("value", pa.float64()),  # null where the judgement is a label alone
        *_columns(
            label=pa.string(),
            source=pa.string(),  # check, judge, human, client
            evaluator=pa.string(),
            evaluator_version=pa.string(),
            explanation=pa.string(),
            timestamp=TIME,
            ingested_at=TIME,
        ),
    ]
)

DEAD_LETTERS: Final = pa.schema(
    _columns(
        id=pa.string(),  # names the rows, for ever
        project=pa.string(),
        signal=pa.string(),
        reason=pa.string(),
        code=pa.string(),  # ClickHouse's error number, 'stage' or 'journal'
        rows=pa.uint64(),
        payload=pa.binary(),  # the rows as an Arrow IPC stream
        received_at=TIME,
        ingested_at=TIME,
    )
)

LEDGER: Final = pa.schema(
    _columns(
        collector=pa.string(),  # the journal's name
        signal=pa.string(),
        at=pa.timestamp("ms", tz="UTC"),
        accepted=pa.uint64(),
        stored=pa.uint64(),
        queued=pa.uint64(),
        dead=pa.int64(),
    )
)


def empty(schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch of no rows."""
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)
