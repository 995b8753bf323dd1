"""`haechi.score`: a judgement of a trace, by a person or a program.

Guarantee: `score` returns at once and never raises; a score that cannot be sent is said once in the log. Sent again
with its ``id`` it replaces what was said before.

Format: the log event ``gen_ai.evaluation.result`` in the trace and span that it judges. Source:
semantic-conventions-genai, events. The name of who judged and the id have no convention and are ours.
"""

import math
from contextlib import suppress
from typing import Final, Literal

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.util.types import AttributeValue

from haechi import _guard, _misuse, _providers, _runtime, _values
from haechi._misuse import MisuseError
from haechi._runtime import Runtime
from haechi_schemas import attributes as names

Source = Literal["check", "client", "human", "judge"]

_SOURCES: Final = frozenset({"check", "client", "human", "judge"})
_COMMENT_CHARS_MAX: Final = 16_000


def current_trace_id() -> str | None:
    """Return the id of the trace that is current, 32 hexadecimal digits, or None.

    A web application hands it to its page, so that the page's feedback finds the trace again.
    """
    context = trace.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None


def score(  # noqa: PLR0913  named, each what it says
    name: str,
    value: float | None = None,
    label: str | None = None,
    *,
    trace_id: str | None = None,
    span_id: str | None = None,
    comment: str | None = None,
    source: Source = "client",
    evaluator: str | None = None,
    id: str | None = None,  # noqa: A002  what it is called everywhere
) -> None:
    """Judge the current trace, or a given one: ``haechi.score("thumbs_up", 1, source="human")``.

    Args:
        name: what is judged: ``thumbs_up``, ``relevance``.
        value: a finite number; booleans are 1 and 0.
        label: a word instead of a number or beside it: ``correct``.
        trace_id: the trace judged, 32 hexadecimal digits (`current_trace_id`); by default the current one, with its
            current span.
        span_id: the span judged, 16 hexadecimal digits; by default the trace as a whole.
        comment: why, in the judge's words.
        source: who judges: a human, a judge (a model), a check (a rule), or the client program itself.
        evaluator: the name of who or what judges.
        id: makes the score replaceable: the last one with an id is the one that counts.
    """
    runtime = _runtime.current()
    if runtime is None:
        return
    with _guard.Kept("haechi.score"):
        try:
            attributes = _judgement(name, value, label, source)
            target = _target(trace_id, span_id)
        except MisuseError as error:
            _misuse.say("haechi.score", error)
            return
        if comment is not None:
            attributes[names.EVALUATION_EXPLANATION] = runtime.content.text(_values.text(comment, _COMMENT_CHARS_MAX))
        if evaluator is not None:
            attributes[names.SCORE_EVALUATOR] = _values.text(evaluator)
        if id is not None:
            attributes[names.SCORE_ID] = _values.text(id)
        _emit(runtime, target, attributes)


def _emit(runtime: Runtime, target: Context, attributes: dict[str, AttributeValue]) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber  # noqa: PLC0415  at the first score: few score

    logger = runtime.logger() if runtime.logger is not None else _providers.logger("haechi")
    if logger is None:
        return
    now_ns = runtime.clock()
    logger.emit(
        LogRecord(
            timestamp=now_ns,
            observed_timestamp=now_ns,
            context=target,
            severity_number=SeverityNumber.INFO,
            event_name=names.EVENT_EVALUATION_RESULT,
            attributes=attributes,
        )
    )


def _judgement(name: str, value: float | None, label: str | None, source: str) -> dict[str, AttributeValue]:
    if not name:
        raise MisuseError("name is empty")
    if value is None and label is None:
        raise MisuseError(f"score {name!r} has neither a value nor a label")
    if source not in _SOURCES:
        raise MisuseError(f"source={source!r}: expected one of {', '.join(sorted(_SOURCES))}")
    attributes: dict[str, AttributeValue] = {
        names.EVALUATION_NAME: _values.text(name),
        names.SCORE_SOURCE: source,
    }
    if value is not None:
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise MisuseError(f"value={value!r}: expected a finite number")
        attributes[names.EVALUATION_SCORE_VALUE] = float(value)
    if label is not None:
        attributes[names.EVALUATION_SCORE_LABEL] = _values.text(label)
    return attributes


def _target(trace_id: str | None, span_id: str | None) -> Context:
    """Return a context in which the judged span is current."""
    current = trace.get_current_span().get_span_context()
    if trace_id is not None:
        current = SpanContext(_number("trace_id", trace_id, 32), 0, is_remote=True, trace_flags=TraceFlags(1))
    elif not current.is_valid:
        raise MisuseError("no trace is current; give the trace_id of the one that is judged")
    if span_id is not None:
        current = SpanContext(current.trace_id, _number("span_id", span_id, 16), True, current.trace_flags)
    return trace.set_span_in_context(NonRecordingSpan(current), Context())


def _number(name: str, digits: str, length: int) -> int:
    number = 0
    if isinstance(digits, str) and len(digits) == length and digits.isalnum():
        with suppress(ValueError):
            number = int(digits, 16)
    if number == 0:
        raise MisuseError(f"{name}={digits!r}: expected {length} hexadecimal digits, not all 0")
    return number
