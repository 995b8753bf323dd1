"""Judgements that arrive as telemetry → the scores table.

They come as log records or span events ``gen_ai.evaluation.result`` (OpenTelemetry 1.38), as the same attributes on a
span (OpenLIT), or as ``annotations.N.annotation.*`` and ``evaluations.N.evaluation.*`` on evaluator spans
(OpenInference). Evaluations are few: they are read one by one.

Guarantee: the same judgement gets the same id when it comes again: the one that its sender chose
(``haechi.score.id``), which makes it replaceable, else one made of what it says. One that tells no number has none.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import pyarrow as pa

from haechi_collector.batch import SCORES, Kind
from haechi_collector.stages.columns import Attributes, Rows
from haechi_collector.stages.normalize_events import Events
from haechi_schemas import attributes as names

_SOURCES: Final = frozenset({"check", "judge", "human", "client"})
_ANNOTATORS: Final = {"HUMAN": "human", "LLM": "judge", "CODE": "check"}
_OPENINFERENCE: Final = re.compile(
    r"((?:trace\.|session\.)?(?:annotations|evaluations)\.\d{1,6})\.(?:annotation|evaluation)"
    r"\.(name|label|score|explanation|annotator_kind|identifier)"
)


@dataclass(frozen=True, slots=True)
class Judged:
    """Where a judgement stood: the span that it judges, when, and by whose scope it was written."""

    trace_id: str
    span_id: str
    timestamp_ns: int
    scope_name: str
    scope_version: str


Score = dict[str, Any]


def scores_of_spans(batch: pa.RecordBatch, attributes: Attributes, events: Events) -> list[Score]:
    """Return the judgements on spans (`batch.DECODED_SPANS`), in the columns of `batch.SCORES` but two."""
    found: list[tuple[int, dict[str, Any]]] = []
    keys = [k for k in attributes.keys if _OPENINFERENCE.fullmatch(k) or k == names.EVALUATION_NAME]
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *(attributes.row_of[attributes.entries(k)] for k in keys)]))
    for row, fields in values_of(attributes, rows).items():
        found += ((row, f) for f in _openinference(fields))
        found += [(row, fields)] if names.EVALUATION_NAME in fields else []
    for row, of_row in events.by_row.items():
        results = (e for e in of_row if e.get("name") == names.EVENT_EVALUATION_RESULT)
        found += ((row, e["attributes"]) for e in results if isinstance(e.get("attributes"), dict))
    return [score(fields, _span(batch, row)) for row, fields in found]


def _span(batch: pa.RecordBatch, row: int) -> Judged:
    return Judged(
        trace_id=batch.column("trace_id")[row].as_py(),
        span_id=batch.column("span_id")[row].as_py(),
        timestamp_ns=batch.column("start_time")[row].value,
        scope_name=batch.column("scope_name")[row].as_py(),
        scope_version=batch.column("scope_version")[row].as_py(),
    )


def _openinference(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the annotations of one span under the convention's names."""
    grouped: dict[str, dict[str, Any]] = {}
    for key, value in fields.items():
        match = _OPENINFERENCE.fullmatch(key)
        if match:
            grouped.setdefault(match[1], {})[match[2]] = value
    for annotation in grouped.values():
        yield {
            names.EVALUATION_NAME: annotation.get("name"),
            names.EVALUATION_SCORE_LABEL: annotation.get("label"),
            names.EVALUATION_SCORE_VALUE: annotation.get("score"),
            names.EVALUATION_EXPLANATION: annotation.get("explanation"),
            names.SCORE_SOURCE: _ANNOTATORS.get(str(annotation.get("annotator_kind")), "client"),
            names.SCORE_EVALUATOR: annotation.get("identifier"),
        }


def score(fields: dict[str, Any], judged: Judged) -> Score:
    """Return one row of `batch.SCORES` but project and ingested_at.

    Args:
        fields: attributes by their names in the convention; what is missing or of a wrong type is '', a number None.
        judged: where they stood.
    """
    source = _text(fields, names.SCORE_SOURCE)
    row: Score = {
        "trace_id": judged.trace_id,
        "span_id": judged.span_id,
        "name": _text(fields, names.EVALUATION_NAME),
        "value": _number(fields.get(names.EVALUATION_SCORE_VALUE)),
        "label": _text(fields, names.EVALUATION_SCORE_LABEL),
        "source": source if source in _SOURCES else "client",
        "evaluator": _text(fields, names.SCORE_EVALUATOR) or judged.scope_name,
        "evaluator_version": _text(fields, names.SCORE_EVALUATOR_VERSION) or judged.scope_version,
        "explanation": _text(fields, names.EVALUATION_EXPLANATION),
        "timestamp": judged.timestamp_ns,
    }
    identity = "\0".join(str(row[key]) for key in row if key != "explanation")
    made = blake2b(identity.encode("utf-8", "replace"), digest_size=16).hexdigest()
    chosen = _text(fields, names.SCORE_ID)
    return {**row, "id": chosen or made, "is_replaceable": bool(chosen)}


def to_batch(scores: list[Score], project: str, ingested_at_ns: int) -> pa.RecordBatch:
    """Return `batch.SCORES`."""
    rows = [{**row, "project": project, "ingested_at": ingested_at_ns} for row in scores]
    return pa.RecordBatch.from_pylist(rows, schema=SCORES)


def values_of(attributes: Attributes, rows: Rows) -> dict[int, dict[str, Any]]:
    """Return the attributes of some rows as Python values; meant for few."""
    found: dict[int, dict[str, Any]] = {int(row): {} for row in rows}
    if not found:
        return found
    # By rows, not by keys: a single span may have a million keys of its own.
    entries, keys = attributes.entries_in(rows)
    texts = attributes.texts(entries)
    for entry, row, key, text in zip(entries.tolist(), attributes.row_of[entries].tolist(), keys, texts, strict=True):
        found[row][key] = _value(attributes, entry, text)
    return found


def _value(attributes: Attributes, entry: int, text: str) -> Any:
    kind = attributes.kind[entry]
    if kind == Kind.INT:
        return int(attributes.int[entry])
    return float(attributes.double[entry]) if kind == Kind.DOUBLE else text


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
