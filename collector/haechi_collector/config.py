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
    auth: str | None = setting(
        None, "keys: every request needs an API key; none: nobody is asked; default none, on loopback addresses alone"
    )
    metadata: str | None = setting(
        None, "PostgreSQL DSN of the API keys, postgresql://user:password@host/database; default: a file in data_dir"
    )
    tls_cert: Path | None = setting(None, "PEM file of the certificate and its chain: TLS on every port")
    tls_key: Path | None = setting(None, "PEM file of the certificate's private key")
    tls_client_ca: Path | None = setting(None, "PEM file of the authorities of clients: a certificate is required then")
    grpc_port: int = setting(4317, "OTLP/gRPC port; 0 takes any free one")
    http_port: int = setting(4318, "OTLP/HTTP port; 0 takes any free one")
    web_port: int = setting(8318, "port of the page, the API and SQL; 0 takes any free one")
    store_port: int = setting(8123, "port of the embedded store's ClickHouse interface; 0 takes any free one")
    prices: Path | None = setting(None, "TOML file of prices that override the price book")
    token_counting: bool = setting(True, "count tokens with tiktoken where usage was not reported")
    request_bytes_max: int = setting(limits.REQUEST_BYTES_MAX, "largest request, before and after decompression")
    bytes_in_flight_max: int = setting(
        limits.BYTES_IN_FLIGHT_MAX, "request bodies in memory at once; more are asked to come back"
    )
    memory_bytes_max: int | None = setting(
        None,
        "memory of the collector's process above which requests are asked to come back; "
        "default: half of what there is, 4 GiB at most",
    )
    journal_bytes_max: int = setting(limits.JOURNAL_BYTES_MAX, "largest size of the journal on disk")
    block_rows_max: int = setting(limits.BLOCK_ROWS_MAX, "rows of one insert")
    block_wait_s: float = setting(limits.BLOCK_WAIT_S, "how long an insert waits for more rows")
    inserts_in_flight: int = setting(limits.INSERTS_IN_FLIGHT, "inserts under way at once")
    store_answer_s: int = setting(limits.STORE_ANSWER_S, "how long ClickHouse may take to answer one statement")
    retention_days: int = setting(
        limits.RETENTION_DAYS, "days that rows are kept, counted by the time they tell of; 0 keeps them for ever"
    )
    retention_bytes_max: int | None = setting(
        None,
        "size of the tables on disk above which the oldest days are dropped, never today; 0: no bound; "
        "default: 80 % of the disk that was free or ours at the start, on the embedded store alone",
    )
    content_days: int = setting(0, "days that prompts and answers are kept; 0: as long as their spans")
    stop_s: float = setting(limits.STOP_S, "how long to go on storing after a request to end, in seconds")
    log_level: str = setting("info", "debug, info, warning or error")


SETTINGS: Final = {f.name: f for f in dataclasses.fields(Config)}
_TYPES: Final = get_type_hints(Config)
_PORTS: Final = ("grpc_port", "http_port", "web_port", "store_port")
_POSITIVE: Final = (
    "request_bytes_max",
    "bytes_in_flight_max",
    "memory_bytes_max",
    "journal_bytes_max",
    "block_rows_max",
    "inserts_in_flight",
    "store_answer_s",
)
_NOT_NEGATIVE: Final = ("retention_days", "retention_bytes_max", "content_days")


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
        value = getattr(config, name)
        if value is not None and value < 1:
            raise SettingError(f"{name} = {value}: expected 1 or more")
    if config.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingError(f"log_level = {config.log_level!r}: expected debug, info, warning or error")
    for name in _NOT_NEGATIVE:
        if (getattr(config, name) or 0) < 0:
            raise SettingError(f"{name} = {getattr(config, name)}: expected 0 or more")
    _check_access(config)
    if config.clickhouse is not None and not config.clickhouse.startswith(("http://", "https://")):
        raise SettingError("clickhouse: expected http://user:password@host:8123/database")
    if config.cluster is not None and config.clickhouse is None:
        raise SettingError(f"cluster = {config.cluster!r}: needs clickhouse, the DSN of a server of that cluster")
    return config


def _check_access(config: Config) -> None:
    if config.auth not in {None, "none", "keys"}:
        raise SettingError(f"auth = {config.auth!r}: expected keys or none")
    if config.metadata is not None and not config.metadata.startswith(("postgresql://", "postgres://")):
        raise SettingError("metadata: expected postgresql://user:password@host:5432/database")
    if (config.tls_cert is None) != (config.tls_key is None):
        given, lacking = ("tls_cert", "tls_key") if config.tls_key is None else ("tls_key", "tls_cert")
        raise SettingError(f"{given}: needs {lacking} beside it; TLS takes a certificate and its private key")
    if config.tls_client_ca is not None and config.tls_cert is None:
        raise SettingError("tls_client_ca: needs tls_cert and tls_key; clients show certificates over TLS alone")


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """What a command shows to a running collector: an API key, and the files that TLS needs. Made by `load_access`."""

    key: str | None = field(default=None, repr=False)
    ca: Path | None = None
    client_cert: Path | None = None


def load_access(options: Mapping[str, str | None]) -> ClientAccess:
    """Merge the options ``key``, ``ca``, ``client_cert`` over ``HAECHI_KEY``, ``HAECHI_CA``, ``HAECHI_CLIENT_CERT``."""
    names = [f.name for f in dataclasses.fields(ClientAccess)]
    given = {name: options.get(name) or os.environ.get(f"HAECHI_{name.upper()}") for name in names}  # noqa: TID251  the one place
    return ClientAccess(given["key"], _path_of(given["ca"]), _path_of(given["client_cert"]))
