"""``haechi dialects check DIR``: are the facts of captured payloads readable in the canonical columns?

A capture is a set of OTLP request bodies that a real instrumentation sent, with a sidecar (JSON) that lists what
they carry: ``{"call", "fact", "value"}``. `check` takes each capture through the stages that make the stored rows
and looks for every fact in the spans of its call. Text facts are compared as text, whatever the white space of JSON
inside. Beside, the input tokens of all spans are summed: usage is counted once, so they are those of the calls.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from haechi_collector.decode import decode_logs, decode_traces
from haechi_collector.errors import SettingError
from haechi_collector.limits import (
    LATE_CONTENT_PATIENCE_S,
    PENDING_CONTENT_BYTES_MAX,
    RECENT_CALLS_MAX,
    RECENT_CALLS_S,
)
from haechi_collector.stages.count_once import CallMemory, count_once
from haechi_collector.stages.dialects import Dialects, dialects
from haechi_collector.stages.join_content import PendingContent
from haechi_collector.stages.normalize import Normalized, NormalizedLogs, normalize_logs, normalize_spans

Row = dict[str, Any]
View = Callable[[list[Normalized], list[NormalizedLogs]], list[Row]]

_NUMBERS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens")
_INPUT_TEXT: Final = ("input_messages", "system_instructions", "retrieved_context")
_DECODERS: Final = {"traces": (decode_traces, normalize_spans), "logs": (decode_logs, normalize_logs)}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A fact that no span of the capture shows."""

    capture: str
    fact: str
    value: Any


@dataclass(slots=True)
class Report:
    """Facts found and carried per capture, those that are wrong, and the usage sums.

    Attributes:
        carried, right: number of facts by capture.
        wrong: each fact that was not found.
        coincident: facts that were not found, and whose value the payload holds under another name: a count that
            equals the call's ``max_tokens``, a response model that equals the requested one.
        sums: by capture and scenario, input tokens over all spans and over the calls as far as facts tell them.
    """

    carried: dict[str, int] = field(default_factory=dict)
    right: dict[str, int] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    coincident: list[Wrong] = field(default_factory=list)
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 when every fact was found and there was one."""
        return 0 if self.carried and not self.wrong else 1

    def table(self) -> str:
        """Return the report as text: a line per capture, then the wrong facts."""
        width = max(map(len, self.carried), default=7)
        lines = [f"{'capture':<{width}}  right / carried"]
        lines += [f"{name:<{width}}  {self.right[name]:>5} / {n}" for name, n in sorted(self.carried.items())]
        lines.append(f"{'all':<{width}}  {sum(self.right.values()):>5} / {sum(self.carried.values())}")
        lines += [
            f"usage: {name}: {summed} input tokens over all spans, {told} over the calls"
            for name, (summed, told) in self.sums.items()
            if summed != told
        ]
        lines += [f"same value under another name: {w.capture}: {w.fact} = {w.value}" for w in self.coincident]
        lines += [f"wrong: {w.capture}: {w.fact} = {str(w.value)[:100]!r}" for w in self.wrong]
        return "\n".join(lines)


def run_check(directory: Path) -> int:
    """Check a directory, write the report to stdout and return the exit code: 0 when every fact was found.

    Raises:
        SettingError: as `check`.
    """
    report = check(directory)
    sys.stdout.write(report.table() + "\n")
    return report.exit_code


def check(directory: Path, view: View | None = None) -> Report:
    """Check every capture of a directory.

    Args:
        directory: holds sidecars (``*.json`` with ``facts`` and ``files``) and the bodies that they name.
        view: makes the rows to look at (columns of `batch.SPANS`); by default `as_stored`.

    Raises:
        SettingError: the directory holds no capture, or a sidecar names a file that is missing.
    """
    report = Report()
    for path in sorted(directory.glob("*.json")):
        sidecar = json.loads(path.read_text("utf-8"))
        if isinstance(sidecar, dict) and "facts" in sidecar:
            rows = (view or as_stored)(*_read(directory, sidecar))
            _check_one(sidecar, rows, report)
    if not report.carried:
        raise SettingError(f"{directory}: holds no capture (*.json with facts)")
    return report


def as_stored(spans: list[Normalized], logs: list[NormalizedLogs]) -> list[Row]:
    """Return the spans as the collector stores them: content of log records joined, usage counted once."""
    content = PendingContent(PENDING_CONTENT_BYTES_MAX, RECENT_CALLS_S, LATE_CONTENT_PATIENCE_S)
    for batch in logs:
        content.put(batch.content)
    calls, rows = CallMemory(RECENT_CALLS_MAX), []
    for normal in spans:
        stored = count_once(content.join(normal.spans), normal, calls).to_pylist()
        ids = normal.response_id.to_pylist()
        rows += [{**row, "response_id": id_} for row, id_ in zip(stored, ids, strict=True)]
    return rows


def _read(directory: Path, sidecar: Row) -> tuple[list[Normalized], list[NormalizedLogs]]:
    read: dict[str, list[Any]] = {"traces": [], "logs": []}
    for entry in sidecar["files"]:
        if entry["signal"] in _DECODERS and entry["file"].endswith(".binpb"):
            path = directory / entry["file"]
            if not path.is_file():
                raise SettingError(f"{path}: is missing")
            decode, normalize = _DECODERS[entry["signal"]]
            read[entry["signal"]].append(normalize(decode(path.read_bytes()), project="default", ingested_at_ns=0))
    return read["traces"], read["logs"]


def _check_one(sidecar: Row, rows: list[Row], report: Report) -> None:
    capture, facts = sidecar["capture"], sidecar["facts"]
    for call in sorted({f["call"] for f in facts}):
        own = [f for f in facts if f["call"] == call]
        found = _found(own, rows)
        report.carried[capture] = report.carried.get(capture, 0) + len(own)
        report.right[capture] = report.right.get(capture, 0) + sum(found)
        name = f"{capture}--{sidecar['scenario']}[{call}]"
        for fact in (f for f, ok in zip(own, found, strict=True) if not ok):
            missing = Wrong(name, fact["fact"], fact["value"])
            (report.coincident if _coincides(fact, sidecar["expected_calls"][call]) else report.wrong).append(missing)
    told = sum(f["value"] for f in facts if f["fact"] == "input_tokens")
    summed = sum(row["input_tokens"] for row in rows)
    report.sums[f"{capture}--{sidecar['scenario']}"] = (summed, told)


def _coincides(fact: Row, call: Row) -> bool:
    if fact["fact"] == "response_model":
        return bool(fact["value"] == call["model"])
    return fact["fact"] in _NUMBERS and fact["value"] in (call.get("params") or {}).values()


def _found(facts: list[Row], rows: list[Row]) -> list[bool]:
    """Say which facts of one call its spans show: the span that shows most, and those that share its response."""
    shown = [[_shows(row, f["fact"], f["value"]) for f in facts] for row in rows]
    if not shown:
        return [False] * len(facts)
    best = max(range(len(rows)), key=lambda i: sum(shown[i]))
    related = [i for i in range(len(rows)) if i == best or _related(rows[i], rows[best])]
    return [any(shown[i][f] for i in related) for f in range(len(facts))]


def _related(row: Row, other: Row) -> bool:
    """Say whether two spans tell of one call: one response, parent and child, or the two of a Logfire stream."""
    if row.get("response_id") and row.get("response_id") == other.get("response_id"):
        return True
    if row["parent_span_id"] == other["span_id"] or other["parent_span_id"] == row["span_id"]:
        return bool(row["operation"] == other["operation"] and row["trace_id"] == other["trace_id"])
    return bool(row["dialect"] == other["dialect"] == "logfire" and row["input_messages"] == other["input_messages"])


def _shows(row: Row, fact: str, value: Any) -> bool:
    if fact in _NUMBERS:
        return bool(row[fact] == value)
    if fact == "finish_reason":
        return _folded(value) in row["finish_reasons"]
    if fact == "output_text":
        return value in _text(row["output_messages"])
    if fact == "input_text":
        return any(_squeezed(value) in _squeezed(_text(row[column])) for column in _INPUT_TEXT)
    return bool(row[fact] == value)


def _folded(word: str, known: Dialects | None = None) -> str:
    return (known or dialects()).words.finish_reason.get(word, word)


def _text(column: str) -> str:
    """Return all texts of a content column, one per line; objects as JSON."""
    try:
        value = json.loads(column)
    except ValueError:
        return column
    return "\n".join(_texts(value))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield json.dumps(value, ensure_ascii=False)
        for item in value.values():
            yield from _texts(item)


def _squeezed(text: str) -> str:
    return "".join(text.split())
