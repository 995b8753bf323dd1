"""The SDK's settings: what counts first, what a wrong value does, and that the collector's are none of them."""

import logging

import pytest

import haechi
from haechi import _settings
from haechi._config import Config, read
from haechi_collector import config as collector


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from where the tests are run."""
    for setting in _settings.SETTINGS:
        for variable in (*setting.variables, "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_ENDPOINT"):
            monkeypatch.delenv(variable, raising=False)


def test_nothing_set_means_the_collector_on_this_machine_and_no_content() -> None:
    """Spans, metrics and scores go to localhost:4318; prompts stay at home."""
    assert read() == Config(endpoint="http://localhost:4318")


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("off", ("off", 1_000_000)),
        ("on", ("on", 1_000_000)),
        ("on:2000", ("on", 2000)),
        ("REDACTED:10", ("redacted", 10)),
        ("true", ("on", 1_000_000)),
    ],
)
def test_content_is_a_mode_and_a_number_of_characters(
    text: str, content: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """off, on or redacted, each with the characters that are kept of a text."""
    monkeypatch.setenv("HAECHI_CONTENT", text)
    assert (read().content, read().content_chars_max) == content
    assert (read({"content": "off"}).content, read({"content": "on:7"}).content_chars_max) == ("off", 7)


@pytest.mark.parametrize(
    ("word", "mode"),
    [("true", "on"), ("false", "off"), ("NO_CONTENT", "off"), ("SPAN_ONLY", "on"), ("SPAN_AND_EVENT", "on")],
)
def test_opentelemetrys_word_for_content_counts_where_ours_is_not_said(
    word: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is honoured, and HAECHI_CONTENT comes before it."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", word)
    assert read().content == mode
    monkeypatch.setenv("HAECHI_CONTENT", "redacted")
    assert read().content == "redacted"


def test_what_is_said_in_code_comes_before_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over the variable of the same setting."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-outside")
    monkeypatch.setenv("HAECHI_EXIT_S", "1.5")
    assert read({"service_name": "from-code"}).service_name == "from-code"
    assert read({"service_name": None}).service_name == "from-outside"
    assert read().exit_s == 1.5


def test_wrong_values_outside_stop_nothing_and_are_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each is named as it was set, with what would fit; the default holds."""
    monkeypatch.setenv("HAECHI_CONTENT", "maybe")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0")
    monkeypatch.setenv("HAECHI_EXPORT", "both")
    monkeypatch.setenv("HAECHI_COST", "cheap")
    monkeypatch.setenv("HAECHI_ENDPOINT", "localhost:4318")
    with caplog.at_level(logging.WARNING, "haechi"):
        assert read() == Config(endpoint="http://localhost:4318")
    assert len(caplog.messages) == 1
    for said in ("HAECHI_CONTENT='maybe'", "OTEL_BSP_MAX_QUEUE_SIZE='0'", "HAECHI_EXPORT='both': expected auto or al"):
        assert said in caplog.messages[0]


def test_a_wrong_value_in_code_is_an_error_that_names_the_argument() -> None:
    """`haechi.init` raises before anything is turned on."""
    with pytest.raises(ValueError, match=r"haechi\.init\(content='maybe'\): expected off, on or redacted"):
        haechi.init(content="maybe")
    with pytest.raises(ValueError, match=r"haechi\.init\(queue_spans_max=0\): expected a whole number, 1 or more"):
        haechi.init(queue_spans_max=0)
    with pytest.raises(TypeError, match="has no argument 'colour'"):
        read({"colour": "red"})


def test_libraries_that_are_left_alone_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In OpenTelemetry's variable only our entry points count: `openai` there is another instrumentation."""
    monkeypatch.setenv("HAECHI_DISABLED", "anthropic, Cohere")
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "openai,haechi-mistral,requests")
    assert read().disabled == {"anthropic", "cohere", "mistral"}
    assert read({"disabled": ["groq"]}).disabled == {"groq"}
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "*")
    assert "*" in read().disabled


def test_an_address_of_opentelemetry_leaves_the_address_to_its_exporters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OTEL_EXPORTER_OTLP_ENDPOINT is set and ours is not, the stock exporters decide, and get no key of ours."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://elsewhere:4318")
    assert read().endpoint is None
    assert read({"endpoint": "http://here:4318/"}).endpoint == "http://here:4318"


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "otlp,console", "traces", ("otlp", "console")),
        ("OTEL_METRICS_EXPORTER", "none", "metrics", ()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "77", "queue_spans_max", 77),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7", "batch_spans_max", 7),
        ("OTEL_BSP_SCHEDULE_DELAY", "250", "batch_wait_s", 0.25),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000", "metrics_interval_s", 5.0),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3", "export_timeout_s", 3.0),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "DELTA", "temporality", "delta"),
        ("OTEL_SDK_DISABLED", "true", "enabled", False),
        ("HAECHI_ENABLED", "false", "enabled", False),
        ("HAECHI_STREAM_USAGE", "off", "stream_usage", False),
        ("HAECHI_KEY", "hk_1", "key", "hk_1"),
        ("OTEL_TRACES_EXPORTER", " ", "traces", ("otlp",)),
    ],
)
def test_each_variable_is_read(
    variable: str, text: str, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry's standard variables and ours; an empty one is not set."""
    monkeypatch.setenv(variable, text)
    assert getattr(read(), name) == value


def test_the_key_is_not_shown() -> None:
    """The settings can be printed without giving the API key away."""
    assert "hk_secret" not in repr(read({"key": "hk_secret"}))


def test_the_settings_of_sdk_and_collector_do_not_upset_each_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Both read HAECHI_* variables; each leaves the other's alone, and none has two meanings."""
    ours = {variable for setting in _settings.SETTINGS for variable in setting.variables}
    theirs = {f"HAECHI_{name.upper()}" for name in collector.SETTINGS}
    assert ours & theirs == set()
    for variable in theirs - {"HAECHI_HTTP_PORT"}:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HAECHI_HTTP_PORT", "0")
    monkeypatch.setenv("HAECHI_CONTENT", "on")
    monkeypatch.setenv("HAECHI_EXPORT", "also")
    assert collector.load({}).http_port == 0
    assert (read().content, read().export, caplog.messages) == ("on", "also", [])


def test_every_setting_has_a_default_and_every_default_a_setting() -> None:
    """The table and the value it fills have the same names; a text cut comes with its content."""
    fields = set(Config.__dataclass_fields__)
    assert {setting.name for setting in _settings.SETTINGS} == fields - {"content_chars_max"}
