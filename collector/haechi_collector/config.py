"""Settings: parsed once, strictly, into a frozen value.

Precedence, highest first: command line, ``HAECHI_*`` environment, the TOML file, the default. Every setting has
one name; ``http_port`` is ``--http-port``, ``HAECHI_HTTP_PORT`` and ``http_port = 4318``. The environment is
read nowhere else.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from haechi_collector import limits
from haechi_collector.errors import SettingError


def setting(default: Any, text: str) -> Any:
    """Declare a setting: its default, and one line of help."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Config:
    """What ``haechi serve`` was told. Construct it with `load`."""

    data_dir: Path = setting(Path(".haechi"), "directory of the journal and the embedded store")
    clickhouse: str | None = setting(
        None, "DSN of a ClickHouse server, http://user:password@host:8123/database; default: the embedded store"
    )
    cluster: str | None = setting(None, "ClickHouse cluster name: ON CLUSTER, Replicated and Distributed tables")
    host: str = setting("127.0.0.1", "address to bind")
    grpc_port: int = setting(4317, "OTLP/gRPC port; 0 takes any free one")
    http_port: int = setting(4318, "OTLP/HTTP port; 0 takes any free one")
    web_port: int = setting(8318, "port of the page, the API and SQL; 0 takes any free one")
    store_port: int = setting(8123, "port of the embedded store's ClickHouse interface; 0 takes any free one")
    prices: Path | None = setting(None, "TOML file of prices that override the price book")
    token_counting: bool = setting(True, "count tokens with tiktoken where usage was not reported")
    request_bytes_max: int = setting(limits.REQUEST_BYTES_MAX, "largest request, before and after decompression")
    journal_bytes_max: int = setting(limits.JOURNAL_BYTES_MAX, "largest size of the journal on disk")
    block_rows_max: int = setting(limits.BLOCK_ROWS_MAX, "rows of one insert")
    block_wait_s: float = setting(limits.BLOCK_WAIT_S, "how long an insert waits for more rows")
    inserts_in_flight: int = setting(limits.INSERTS_IN_FLIGHT, "inserts under way at once")
    log_level: str = setting("info", "debug, info, warning or error")


SETTINGS: Final = {f.name: f for f in dataclasses.fields(Config)}
_TYPES: Final = get_type_hints(Config)
_PORTS: Final = ("grpc_port", "http_port", "web_port", "store_port")
_POSITIVE: Final = ("request_bytes_max", "journal_bytes_max", "block_rows_max", "inserts_in_flight")


def load(options: Mapping[str, object], config_file: Path | None = None) -> Config:
    """Merge command-line options over the environment over the file, and check each value.

    Raises:
        SettingError: a key is unknown or a value does not fit; the message names it as the user typed it.
    """
    values: dict[str, Any] = {}
    environment = {k: v for k, v in os.environ.items() if k.startswith("HAECHI_")}  # noqa: TID251  the one place
    chosen = config_file or _path_of(environment.pop("HAECHI_CONFIG", None))
    if chosen is not None:
        values |= {k: _convert(k, f"{k} in {chosen}", v) for k, v in _read_file(chosen).items()}
    for key, text in environment.items():
        name = key.removeprefix("HAECHI_").lower()
        if name in SETTINGS:
            values[name] = _convert(name, key, text)
    for name, value in options.items():
        if value is not None:
            values[name] = _convert(name, f"--{name.replace('_', '-')}", value)
    return _check(Config(**values))


def _path_of(text: str | None) -> Path | None:
    return Path(text) if text else None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"--config {path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"--config {path}: is not TOML: {error}") from error
    unknown = sorted(content.keys() - SETTINGS.keys())
    if unknown:
        raise SettingError(f"{path}: unknown setting {unknown[0]!r}; known are {', '.join(sorted(SETTINGS))}")
    return content


def _convert(name: str, shown: str, value: object) -> object:
    kind = _TYPES[name]
    target = next((t for t in get_args(kind) if t is not type(None)), kind)
    try:
        if target is bool:
            return _to_bool(value)
        if target is int and isinstance(value, (bool, float)):
            raise ValueError
        return target(value) if value != "" or target is str else None
    except (ValueError, TypeError):
        raise SettingError(f"{shown} = {value!r}: expected {_expected(target)}") from None


def _to_bool(value: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    try:
        return words[str(value).lower()]
    except KeyError:
        raise ValueError from None


def _expected(kind: type) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "text"}
    return names[kind]


def _check(config: Config) -> Config:
    for name in _PORTS:
        if not 0 <= getattr(config, name) <= 65535:
            raise SettingError(f"{name} = {getattr(config, name)}: expected a port, 0 to 65535")
    for name in _POSITIVE:
        if getattr(config, name) < 1:
            raise SettingError(f"{name} = {getattr(config, name)}: expected 1 or more")
    if config.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingError(f"log_level = {config.log_level!r}: expected debug, info, warning or error")
    if config.clickhouse is not None and not config.clickhouse.startswith(("http://", "https://")):
        raise SettingError("clickhouse: expected http://user:password@host:8123/database")
    if config.cluster is not None and config.clickhouse is None:
        raise SettingError(f"cluster = {config.cluster!r}: needs clickhouse, the DSN of a server of that cluster")
    return config
