"""The SDK's settings: read once, into a frozen value.

Guarantee: a value in the environment that does not fit stops nothing; all of them are named in one warning, and the
defaults hold. A value given in code that does not fit is a ValueError that names the argument. The environment is
read nowhere else in the SDK.

Precedence, highest first: the argument of `haechi.init`, ``HAECHI_*``, OpenTelemetry's own ``OTEL_*``, the default.
What the OTLP exporters read for themselves (``OTEL_EXPORTER_OTLP_*``) and what OpenTelemetry's SDK reads
(``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_PROPAGATORS``, limits) is left to them.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from haechi._settings import CONTENT_CHARS_MAX, SETTINGS, Setting

ContentMode = Literal["off", "on", "redacted"]


@dataclass(frozen=True, slots=True)
class Config:
    """What the SDK was told. Construct it with `read`.

    Times are in seconds, sizes in bytes. Attributes that are no setting of their own: ``traces``, ``metrics`` and
    ``logs`` name exporters (``otlp``, ``console``, an entry point; none for no export).
    """

    enabled: bool = True
    service_name: str | None = None
    service_version: str | None = None
    environment: str | None = None
    endpoint: str | None = None
    key: str | None = field(default=None, repr=False)
    content: ContentMode = "off"
    content_chars_max: int = CONTENT_CHARS_MAX
    cost: bool = True
    stream_usage: bool = True
    disabled: frozenset[str] = frozenset()
    providers: tuple[tuple[str, str], ...] = ()
    export: Literal["auto", "also"] = "auto"
    protocol: str = "http/protobuf"
    traces: tuple[str, ...] = ("otlp",)
    metrics: tuple[str, ...] = ("otlp",)
    logs: tuple[str, ...] = ("otlp",)
    queue_spans_max: int = 4096
    queue_bytes_max: int = 32 * 1024 * 1024
    batch_spans_max: int = 512
    batch_wait_s: float = 1.0
    export_timeout_s: float = 10.0
    metrics_interval_s: float = 60.0
    temporality: str = "cumulative"
    exit_s: float = 5.0


_OTLP_ADDRESSES: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
)
"""Where one of them is set and ``endpoint`` is not, the exporters look for themselves."""
ARGUMENTS: Final = frozenset(setting.name for setting in SETTINGS if setting.argument)


def read(overrides: Mapping[str, object] | None = None) -> Config:
    """Merge ``overrides`` (arguments of `haechi.init`; None counts as not given) over the environment.

    Raises:
        TypeError: an override is no setting.
        ValueError: an override's value does not fit; the message names it.
    """
    problems: list[str] = []
    values = _from_environment(os.environ, problems)  # noqa: TID251  the one place
    values |= _from_arguments(overrides or {})
    if "content" in values:
        values["content"], values["content_chars_max"] = values["content"]
    if problems:
        logging.getLogger("haechi").warning("ignored, the defaults hold: %s", "; ".join(problems))
    return Config(**values)


def environment_for_child(added: Mapping[str, str], python_path: str) -> dict[str, str]:
    """Return the environment with variables added, and a directory put in front on PYTHONPATH."""
    environment = {**os.environ, **added}  # noqa: TID251  the one place
    before = environment.get("PYTHONPATH", "")
    if before.split(os.pathsep)[0] != python_path:
        environment["PYTHONPATH"] = f"{python_path}{os.pathsep}{before}" if before else python_path
    return environment


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    def parsed(variable: str, parse: Callable[[str], Any], expected: str) -> list[Any]:
        text = environment.get(variable, "")
        if not text.strip():  # OpenTelemetry's rule: empty is unset
            return []
        try:
            return [parse(text)]
        except ValueError:
            problems.append(f"{variable}={text!r}: expected {expected}")
            return []

    values: dict[str, Any] = {}
    for setting in SETTINGS:
        found = [value for name, parse in setting.readers() for value in parsed(name, parse, setting.expected)]
        if found:
            names = [value for value in found if isinstance(value, frozenset)]
            values[setting.name] = frozenset[str]().union(*names) if names else found[0]
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        values["enabled"] = False
    if "endpoint" not in values and not any(environment.get(name) for name in _OTLP_ADDRESSES):
        values["endpoint"] = "http://localhost:4318"
    return values


def _from_arguments(arguments: Mapping[str, object]) -> dict[str, Any]:
    unknown = sorted(arguments.keys() - ARGUMENTS)
    if unknown:
        raise TypeError(f"haechi.init() has no argument {unknown[0]!r}; it has {', '.join(sorted(ARGUMENTS))}")
    known = {setting.name: setting for setting in SETTINGS}
    return {name: _argument(known[name], value) for name, value in arguments.items() if value is not None}


def _argument(setting: Setting, value: object) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        value = ",".join(str(item) for item in value)
    try:
        return setting.parse(str(value))
    except ValueError:
        raise ValueError(f"haechi.init({setting.name}={value!r}): expected {setting.expected}") from None
