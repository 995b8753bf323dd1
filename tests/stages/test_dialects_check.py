"""Captured payloads of real libraries: every fact that they carry is readable."""

import json
from pathlib import Path
from typing import Any

import pytest

from haechi_collector.dialects_check import Report, as_stored, check, run_check
from haechi_collector.errors import SettingError
from haechi_collector.stages.normalize import Normalized, NormalizedLogs

CAPTURES = Path(__file__).parent.parent / "data" / "captures"
DIALECTS = {
    "langfuse-openai": {"langfuse"},
    "litellm-openai": {"litellm"},
    "logfire-openai": {"logfire"},
    "mlflow-openai": {"mlflow"},
    "openinference-anthropic": {"openinference", "anthropic-sdk"},
    "openinference-langchain": {"openinference"},
    "openinference-openai": {"openinference"},
    "openlit-openai": {"openlit", ""},  # and the HTTP client's spans
    "openllmetry-anthropic": {"openllmetry", "anthropic-sdk"},
    "openllmetry-langchain": {"openllmetry"},
    "openllmetry-openai": {"openllmetry"},
    "openllmetry-openai-indexed": {"openllmetry"},
    "otelcontrib-openai-v2": {"otel-genai"},
    "otelcontrib-openai-v2-latest": {"otel-genai"},
    "otelgenai-openai": {"otel-genai"},
    "pydanticai-openai": {"pydantic-ai"},
    "semantickernel-openai": {"semantic-kernel"},
    "strands-openai": {"strands"},
    "vercelai5-openai": {"vercel-ai"},
    "vercelai7-openai": {"vercel-ai-otel"},
}
SEEN: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def report() -> Report:
    """All captures, checked once."""
    return check(CAPTURES, _watching)


def _watching(spans: list[Normalized], logs: list[NormalizedLogs]) -> list[dict[str, Any]]:
    rows = as_stored(spans, logs)
    for row in rows:
        capture = row["service_name"].removeprefix("capture-")
        SEEN.setdefault(capture, set()).add(row["dialect"])
    return rows


def test_every_fact_is_readable(report: Report) -> None:
    """Models, tokens, finish reasons, texts and errors of 20 instrumentations stand in the canonical columns."""
    assert report.wrong == []
    assert sum(report.carried.values()) == 1318
    assert sum(report.right.values()) == 1311


def test_coincidences_are_told_apart(report: Report) -> None:
    """Seven payloads hold the number of reasoning tokens only because max_tokens is 128 too."""
    assert [(w.fact, w.value) for w in report.coincident] == [("reasoning_tokens", 128)] * 7


def test_usage_is_counted_once(report: Report) -> None:
    """Over every capture the spans' input tokens are those of its calls, however many spans tell of one call.

    One capture holds a call more than the sidecar tells: a generation of `my-model`, recorded by hand, of 14 tokens.
    """
    differing = {name: sums for name, sums in report.sums.items() if sums[0] != sums[1]}
    assert differing == {"langfuse-openai--chat": (23 + 14, 23)}


def test_each_capture_is_of_its_dialect(report: Report) -> None:
    """Scope names and markers tell every instrumentation."""
    assert report.carried.keys() == DIALECTS.keys()
    assert SEEN == DIALECTS


def sidecar(folder: Path, **fact: Any) -> Path:
    """Copy one capture with one fact instead of its own."""
    content = json.loads((CAPTURES / "otelgenai-openai--chat.json").read_text("utf-8"))
    for entry in content["files"]:
        (folder / entry["file"]).write_bytes((CAPTURES / entry["file"]).read_bytes())
    content["facts"] = [{"call": 0, **fact}]
    (folder / "otelgenai-openai--chat.json").write_text(json.dumps(content), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("fact", "value", "code"),
    [
        ("input_tokens", 23, 0),
        ("input_tokens", 24, 1),
        ("output_text", "Paris", 0),
        ("output_text", "London", 1),
        ("input_tokens", 128, 0),
    ],
)
def test_a_wrong_fact_fails_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fact: str, value: Any, code: int
) -> None:
    """The table counts right and carried facts, names the wrong ones, and the exit code tells."""
    assert run_check(sidecar(tmp_path, fact=fact, value=value)) == code
    told = capsys.readouterr().out
    assert f"{int(code == 0 and value != 128):>5} / 1" in told
    assert (f"wrong: otelgenai-openai--chat[0]: {fact} = '{value}'" in told) == (code == 1)


def test_a_directory_without_captures_is_refused(tmp_path: Path) -> None:
    """A mistyped path does not pass for "all facts right"."""
    with pytest.raises(SettingError, match="holds no capture"):
        check(tmp_path)


def test_a_missing_body_is_named(tmp_path: Path) -> None:
    """A sidecar whose body is gone is an error, not an empty capture."""
    folder = sidecar(tmp_path, fact="input_tokens", value=23)
    (folder / "otelgenai-openai--chat--traces-1.binpb").unlink()
    with pytest.raises(SettingError, match=r"chat--traces-1\.binpb: is missing"):
        check(folder)
