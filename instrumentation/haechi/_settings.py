"""The SDK's settings: their names, how their text is understood, and their lines of help.

Guarantee: every setting of the SDK stands in `SETTINGS`; docs/settings.md is written from it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

CONTENT_CHARS_MAX: Final = 1_000_000
"""Characters of one text, where the setting names no number. Less: long retrieved contexts cannot be checked."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: where it is read, how its text is understood, and its line of help.

    ``parse`` takes text and returns the value, or raises ValueError; ``expected`` completes "expected ...". Of several
    variables the first one set counts; sets of names add up. ``parse_other`` reads the variables after the first.
    ``argument``: `haechi.init` takes the setting too.
    """

    name: str
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    expected: str
    help: str
    argument: bool = True
    parse_other: Callable[[str], Any] | None = None

    def readers(self) -> Iterator[tuple[str, Callable[[str], Any]]]:
        """Yield the variables, each with how its text is understood."""
        for index, variable in enumerate(self.variables):
            yield variable, (self.parse_other or self.parse) if index else self.parse


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text.strip()


def _flag(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    try:
        return words[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < 1e9:  # a NaN is neither
        raise ValueError(text)
    return number


def _milliseconds(text: str) -> float:
    number = _seconds(text) / 1000
    if number == 0:
        raise ValueError(text)
    return number


def _names(text: str) -> frozenset[str]:
    words = (word.strip().lower().removeprefix("haechi-") for word in text.split(","))
    return frozenset(word.replace("-", "_") for word in words if word)


def _entry_points(text: str) -> frozenset[str]:
    """Of entry points' names only ours: ``openai`` there is the name of another instrumentation."""
    return _names(",".join(name for name in text.split(",") if name.strip().startswith(("haechi-", "*"))))


def _providers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(tuple(part.strip().lower() for part in pair.split("=")) for pair in text.split(",") if pair.strip())
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise ValueError(text)
    return tuple((host, provider) for host, provider in pairs)


def _exporters(text: str) -> tuple[str, ...]:
    given = tuple(name.strip() for name in text.split(",") if name.strip())
    return () if "none" in given else given


def _export(text: str) -> str:
    if text not in {"auto", "also"}:
        raise ValueError(text)
    return text


def _protocol(text: str) -> str:
    if text not in {"http/protobuf", "grpc"}:
        raise ValueError(text)
    return text


def _temporality(text: str) -> str:
    if text.lower() not in {"cumulative", "delta", "lowmemory"}:
        raise ValueError(text)
    return text.lower()


def _endpoint(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(text)
    return text.rstrip("/")


def _content(text: str) -> tuple[str, int]:
    mode, _, chars = text.strip().lower().partition(":")
    mode = _CAPTURE.get(mode, mode)
    if mode not in {"off", "on", "redacted"}:
        raise ValueError(text)
    return mode, _count(chars) if chars else CONTENT_CHARS_MAX


_CAPTURE: Final = {
    "true": "on",
    "false": "off",
    "no_content": "off",
    "span_only": "on",
    "event_only": "on",
    "span_and_event": "on",
}
"""The words of OpenTelemetry's variable for the same."""
_FLAG: Final = "true or false"
_COUNT: Final = "a whole number, 1 or more"
_NAMES: Final = "names, separated by commas"
_CONTENT: Final = "off, on or redacted, with :N for at most N characters a text"
_BSP: Final = "OTEL_BSP_"

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("enabled", ("HAECHI_ENABLED",), _flag, _FLAG, "false: nothing is observed; so does `OTEL_SDK_DISABLED`"),
    Setting(
        "service_name", ("OTEL_SERVICE_NAME",), _text, "text", "`service.name`; default: the script's or module's name"
    ),
    Setting(
        "service_version",
        ("HAECHI_SERVICE_VERSION",),
        _text,
        "text",
        "`service.version`; default: the version of the distribution that the program's main module belongs to",
    ),
    Setting("environment", ("HAECHI_ENVIRONMENT",), _text, "text", "`deployment.environment.name`"),
    Setting(
        "endpoint",
        ("HAECHI_ENDPOINT",),
        _endpoint,
        "an address, http://host:4318",
        "where to send to, OTLP over HTTP; default: `OTEL_EXPORTER_OTLP_ENDPOINT`, http://localhost:4318",
    ),
    Setting("key", ("HAECHI_KEY",), _text, "text", "API key of the collector, for `endpoint`"),
    Setting(
        "content",
        ("HAECHI_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"),
        _content,
        _CONTENT,
        "what of prompts and answers is recorded: off, on, redacted (without personal data); `on:2000` cuts each text",
    ),
    Setting("cost", ("HAECHI_COST",), _flag, _FLAG, "put the cost of a call on its span"),
    Setting(
        "stream_usage",
        ("HAECHI_STREAM_USAGE",),
        _flag,
        _FLAG,
        "ask providers for the usage of streams where it must be asked for; the extra chunk is hidden",
    ),
    Setting(
        "disabled",
        ("HAECHI_DISABLED", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"),
        _names,
        _NAMES,
        "libraries that are left alone: openai,anthropic; `*`: all. In OpenTelemetry's variable the names of entry "
        "points count, `haechi-openai`: there `openai` is another instrumentation",
        parse_other=_entry_points,
    ),
    Setting(
        "export",
        ("HAECHI_EXPORT",),
        _export,
        "auto or also",
        "auto: an application's own tracer provider is left as it is, our spans go through it; "
        "also: what goes through it is sent to `endpoint` too",
    ),
    Setting(
        "protocol",
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
        _protocol,
        "http/protobuf or grpc",
        "grpc needs `pip install opentelemetry-exporter-otlp-proto-grpc`; `endpoint` always speaks http/protobuf",
        argument=False,
    ),
    Setting(
        "providers",
        ("HAECHI_PROVIDERS",),
        _providers,
        "host=provider, separated by commas",
        "who answers at hosts of your own, for clients that speak OpenAI's protocol: `llm.internal:8000=vllm`; "
        "a host without a port stands for all of its ports",
        argument=False,
    ),
    Setting("traces", ("OTEL_TRACES_EXPORTER",), _exporters, _NAMES, "otlp, console, none", argument=False),
    Setting("metrics", ("OTEL_METRICS_EXPORTER",), _exporters, _NAMES, "otlp, console, none", argument=False),
    Setting(
        "logs", ("OTEL_LOGS_EXPORTER",), _exporters, _NAMES, "otlp, console, none; scores are logs", argument=False
    ),
    Setting(
        "queue_spans_max",
        (f"{_BSP}MAX_QUEUE_SIZE",),
        _count,
        _COUNT,
        "spans that wait for the collector; those beyond are dropped, counted and said",
    ),
    Setting("queue_bytes_max", ("HAECHI_QUEUE_BYTES_MAX",), _count, _COUNT, "the same in bytes: content is large"),
    Setting(
        "batch_spans_max", (f"{_BSP}MAX_EXPORT_BATCH_SIZE",), _count, _COUNT, "spans of one request", argument=False
    ),
    Setting(
        "batch_wait_s",
        (f"{_BSP}SCHEDULE_DELAY",),
        _milliseconds,
        "milliseconds",
        "how long a span waits for more of them (the variable: milliseconds)",
        argument=False,
    ),
    Setting(
        "export_timeout_s",
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        _seconds,
        "seconds",
        "how long the collector may take to answer",
        argument=False,
    ),
    Setting(
        "metrics_interval_s",
        ("OTEL_METRIC_EXPORT_INTERVAL",),
        _milliseconds,
        "milliseconds",
        "how often metrics are sent (the variable: milliseconds)",
        argument=False,
    ),
    Setting(
        "temporality",
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",),
        _temporality,
        "cumulative, delta or lowmemory",
        "whether metrics are sent as totals or as changes",
        argument=False,
    ),
    Setting(
        "exit_s",
        ("HAECHI_EXIT_S",),
        _seconds,
        "seconds",
        "how long the end of the program waits for the rest to be sent; 2 at most while the collector does not answer",
    ),
)
"""Every setting, in the order of the reference page."""
