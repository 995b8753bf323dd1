"""Decoded log records → the logs table, the content of LLM calls that they carry, and evaluation results.

Guarantee: ``logs`` has every record that came, in its order, exactly `batch.LOGS`. ``content`` has one row per span,
its messages always valid JSON. Never an exception on any values.

Input and output tokens are not among the content: a span that gave up its tokens, because another of its call keeps
them, must not get them back from a record. Every instrumentation that writes them on records writes them on the span
too. Cached and reasoning tokens are: Semantic Kernel tells them in a line of text only.

Source: OpenTelemetry GenAI semantic conventions, events (1.28 to 1.36: one per message; since 1.37: operation details).
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import LOGS, SPANS
from haechi_collector.stages.columns import Attributes, Mask, Rows
from haechi_collector.stages.dialects import Dialects, dialects
from haechi_collector.stages.dialects_recognise import recognise
from haechi_collector.stages.messages.events import MESSAGE_EVENTS, Conversation, add_event
from haechi_collector.stages.messages.values import dump
from haechi_collector.stages.normalize_events import Events
from haechi_collector.stages.normalize_facts import read_facts
from haechi_collector.stages.normalize_maps import attribute_maps, constants
from haechi_collector.stages.normalize_reader import Reader
from haechi_collector.stages.normalize_scores import Judged, Score, score, to_batch, values_of
from haechi_schemas import attributes as names

_EVENT_NAME: Final = "event.name"
_INDEX: Final = "CHAT_MESSAGE_INDEX"
_AZURE_CONTENT: Final = "gen_ai.event.content"
_LISTS: Final = ("input_messages", "output_messages", "system_instructions", "tool_definitions")
CONTENT: Final = pa.schema(
    SPANS.field(name)
    for name in (
        *("trace_id", "span_id", "operation", "provider", "request_model", "response_model", "error_type"),
        *("user_id", "session_id", "finish_reasons", "cache_read_tokens", "reasoning_tokens", *_LISTS),
    )
)
"""Columns of `batch.SPANS` that a record can tell; '', 0 or an empty list where it does not."""


_EMPTY: Final[dict[str, Any]] = {
    f.name: [] if pa.types.is_list(f.type) else "" if pa.types.is_string(f.type) else 0 for f in CONTENT
}
_LINE: Final = re.compile(r"\b(cached_tokens|reasoning_tokens)=(\d{1,15})\b")
_LINE_COUNTS: Final = {"cached_tokens": "cache_read_tokens", "reasoning_tokens": "reasoning_tokens"}


@dataclass(frozen=True, slots=True)
class NormalizedLogs:
    """Log records in the table's shape, and what they tell of spans.

    Attributes:
        logs: `batch.LOGS`.
        content: `CONTENT`, one row per span that records of this batch belong to.
        scores: `batch.SCORES`, of events ``gen_ai.evaluation.result``.
        score_response_id: per score, the response that it judges, for those without a span; '' when not told.
    """

    logs: pa.RecordBatch
    content: pa.RecordBatch
    scores: pa.RecordBatch
    score_response_id: pa.StringArray


def normalize_logs(
    batch: pa.RecordBatch, *, project: str, ingested_at_ns: int, known: Dialects | None = None
) -> NormalizedLogs:
    """Normalise decoded log records.

    Args:
        batch: `batch.DECODED_LOGS`.
        project: of the key that sent them.
        ingested_at_ns: time of arrival, nanoseconds since the epoch.
        known: the dialects; by default those that ship with the project.
    """
    attributes = Attributes(batch.column("attributes"))
    event_names = _event_names(batch, attributes)
    columns = {name: batch.column(name) for name in LOGS.names if name in batch.schema.names}
    columns["event_name"] = event_names
    columns |= constants(batch.num_rows, project, ingested_at_ns)
    columns |= attribute_maps(attributes, batch)
    scores, response_ids = _scores(batch, attributes, _named(event_names, [names.EVENT_EVALUATION_RESULT]))
    return NormalizedLogs(
        logs=pa.RecordBatch.from_arrays([columns[f.name] for f in LOGS], schema=LOGS),
        content=_content(batch, attributes, event_names, known or dialects()),
        scores=to_batch(scores, project, ingested_at_ns),
        score_response_id=pa.array(response_ids, pa.string()),
    )


def _event_names(batch: pa.RecordBatch, attributes: Attributes) -> pa.StringArray:
    """Return the records' event names, from the attribute where the field is empty, as older libraries write it."""
    event_names = batch.column("event_name")
    entries = attributes.entries(_EVENT_NAME)
    lacking = pc.equal(event_names, "").to_numpy(zero_copy_only=False)
    entries = entries[attributes.has_text[entries] & lacking[attributes.row_of[entries]]]
    if not len(entries):
        return event_names
    attributes.take_away(entries)
    mask = np.zeros(batch.num_rows, np.bool_)
    mask[attributes.row_of[entries]] = True
    return pc.replace_with_mask(event_names, pa.array(mask), attributes.text.take(pa.array(entries)))


def _named(event_names: pa.StringArray, wanted: list[str]) -> Rows:
    found: Mask = pc.is_in(event_names, pa.array(wanted)).to_numpy(zero_copy_only=False)
    return np.flatnonzero(found)


# --- content ------------------------------------------------------------------------------------------------


def _content(
    batch: pa.RecordBatch, attributes: Attributes, event_names: pa.StringArray, known: Dialects
) -> pa.RecordBatch:
    details = _details(batch, _named(event_names, [names.EVENT_OPERATION_DETAILS]), known)
    per_message = sorted(MESSAGE_EVENTS - {names.EVENT_OPERATION_DETAILS})
    messages = _messages(batch, attributes, event_names, _named(event_names, per_message), known)
    return pa.RecordBatch.from_pylist([*details, *messages, *_usage_lines(batch)], schema=CONTENT)


def _details(batch: pa.RecordBatch, rows: Rows, known: Dialects) -> list[dict[str, Any]]:
    """Read the records that tell of a whole call, by the same map as spans."""
    if not len(rows):
        return []
    batch = batch.take(pa.array(rows))
    attributes = Attributes(batch.column("attributes"))
    nothing = pa.repeat("", len(rows))
    codes = recognise(batch.column("scope_name"), attributes, known.all)
    reader = Reader(attributes, Events(nothing), np.zeros(len(rows), np.int64), codes, known)
    asked = {"trace_id": batch.column("trace_id"), "status_code": nothing, "status_message": nothing}
    facts = read_facts(reader, pa.RecordBatch.from_pydict(asked), trusting=False)
    columns = {**facts.columns, "trace_id": batch.column("trace_id"), "span_id": batch.column("span_id")}
    columns |= {name: pa.repeat(pa.scalar(0, pa.uint64()), len(rows)) for name in _LINE_COUNTS.values()}
    found: list[dict[str, Any]] = pa.RecordBatch.from_arrays(
        [columns[f.name] for f in CONTENT], schema=CONTENT
    ).to_pylist()
    return found


def _messages(
    batch: pa.RecordBatch, attributes: Attributes, event_names: pa.StringArray, rows: Rows, known: Dialects
) -> list[dict[str, Any]]:
    """Put together the records that tell one message each, span by span."""
    if not len(rows):
        return []
    place = _places(attributes, batch.num_rows)
    rows = rows[np.argsort(place[rows], kind="stable")]
    picked = pa.array(rows)
    bodies = zip(event_names.take(picked).to_pylist(), _bodies(batch, attributes, rows), strict=True)
    spans = zip(
        batch.column("trace_id").take(picked).to_pylist(), batch.column("span_id").take(picked).to_pylist(), strict=True
    )
    conversations: dict[tuple[str, str], Conversation] = {}
    for span, (name, body) in zip(spans, bodies, strict=True):
        add_event(conversations.setdefault(span, Conversation()), name, body)
    return [_row(span, c, known) for span, c in conversations.items()]


def _places(attributes: Attributes, row_count: int) -> Rows:
    """Return each record's place in its conversation, if it says so (Semantic Kernel); else 0, in order of arrival."""
    place = np.zeros(row_count, np.int64)
    entries = attributes.entries(_INDEX)
    place[attributes.row_of[entries]] = attributes.int[entries]
    return place


def _bodies(batch: pa.RecordBatch, attributes: Attributes, rows: Rows) -> list[Any]:
    bodies: list[Any] = batch.column("body").take(pa.array(rows)).to_pylist()
    entries = attributes.entries(_AZURE_CONTENT)
    azure = dict(zip(attributes.row_of[entries].tolist(), attributes.texts(entries), strict=True))
    return [body or {_AZURE_CONTENT: azure.get(row)} for row, body in zip(rows.tolist(), bodies, strict=True)]


def _row(span: tuple[str, str], conversation: Conversation, known: Dialects) -> dict[str, Any]:
    reasons = []
    for message in conversation.output:
        reason = message.get("finish_reason")
        if isinstance(reason, str) and reason:
            message["finish_reason"] = known.words.finish_reason.get(reason.lower(), reason)
            reasons.append(message["finish_reason"])
    lists = (conversation.input, conversation.output, conversation.system, conversation.tools)
    texts = {name: dump(items) or "" if items else "" for name, items in zip(_LISTS, lists, strict=True)}
    return {**_EMPTY, **texts, "trace_id": span[0], "span_id": span[1], "finish_reasons": reasons}


def _usage_lines(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Read Semantic Kernel's lines ``OpenAI usage: CompletionUsage(..., cached_tokens=1280, ...)``."""
    here = pc.starts_with(batch.column("body"), "OpenAI usage: CompletionUsage(")
    here = pc.and_(here, pc.starts_with(batch.column("scope_name"), "semantic_kernel."))
    lines = batch.select(["trace_id", "span_id", "body"]).filter(here).to_pylist()
    return [{**_EMPTY, **_counts(line.pop("body")), **line} for line in lines]


def _counts(line: str) -> dict[str, int]:
    """Return the counts that a line tells, each of at most 15 digits."""
    return {_LINE_COUNTS[name]: int(count) for name, count in _LINE.findall(line)}


# --- evaluation results ---------------------------------------------------------------------------------------


def _scores(batch: pa.RecordBatch, attributes: Attributes, rows: Rows) -> tuple[list[Score], list[str]]:
    """Return the judgements, and for each the id of the response that it is about."""
    fields = values_of(attributes, rows)
    records = batch.take(pa.array(rows))
    ids = zip(records.column("trace_id").to_pylist(), records.column("span_id").to_pylist(), strict=True)
    scopes = zip(records.column("scope_name").to_pylist(), records.column("scope_version").to_pylist(), strict=True)
    scores = [
        score(of_row, Judged(*span, time_ns, *scope))
        for of_row, span, time_ns, scope in zip(fields.values(), ids, _times_ns(records), scopes, strict=True)
    ]
    return scores, [str(of_row.get(names.RESPONSE_ID, "")) for of_row in fields.values()]


def _times_ns(records: pa.RecordBatch) -> list[int]:
    pairs = zip(
        *(records.column(n).cast(pa.int64()).to_pylist() for n in ("timestamp", "observed_timestamp")), strict=True
    )
    return [given or observed for given, observed in pairs]
