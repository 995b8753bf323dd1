"""``haechi doctor``: what is configured, reachable and wrong, and how to mend it.

Guarantee: one line per check, ``ok``, ``warn`` or ``fail``, with the remedy behind anything but ``ok``; exit status 1
when a check fails. It changes nothing but a probe file in the data directory, which it removes, and reaches only the
addresses of the configuration.
"""

import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx2

from haechi import tokens
from haechi.pricing import PriceBook, PriceFileError
from haechi_collector import limits
from haechi_collector.access import tls_context, tls_reason
from haechi_collector.config import SETTINGS, ClientAccess, Config
from haechi_collector.control import ask
from haechi_collector.doctor_access import access_checks
from haechi_collector.doctor_check import Check
from haechi_collector.doctor_journal import journal_checks
from haechi_collector.doctor_keeping import keeping_checks
from haechi_collector.errors import HaechiError

_PACKAGES: Final = ("haechi", "chdb", "clickhouse-connect", "fastapi", "grpcio", "lmdb", "ptars", "pyarrow", "sqlglot")
_TABLES: Final = frozenset({"spans", "logs", "metric_points", "scores", "otel_traces"})
_DISK_BYTES_LOW: Final = 2 * 1024 * limits.MIB
_DISK_BYTES_MIN: Final = 256 * limits.MIB
_CLOCK_SKEW_MAX_S: Final = 5.0
_TIMEOUT_S: Final = 5.0
_UNPRICED: Final = """
SELECT provider, request_model, count() FROM spans
WHERE start_time > now() - INTERVAL 1 DAY AND cost_source = 'unpriced'
GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5 FORMAT TabSeparated"""


def run_doctor(config: Config, access: ClientAccess | None = None) -> int:
    """Print every check; 1 when one fails, else 0. ``access`` is what is shown to a running collector."""
    worst = 0
    for check in checks(config, access):
        sys.stdout.write(f"{check}\n")
        worst |= check.state == "fail"
    return int(worst)


def checks(config: Config, access: ClientAccess | None = None) -> Iterator[Check]:
    """Run the checks one after the other."""
    show = access or ClientAccess()
    yield from _settings(config)
    yield _packages()
    yield _data_dir(config)
    yield from access_checks(config)
    yield from journal_checks(config)
    yield from keeping_checks(config)
    with _client(config, show) as client:
        running, check = _readiness(client, config)
        yield check
        yield from _ports(config, running=running)
        yield from _store(client, config, running=running)
    yield _token_tables(config)
    yield _prices(config)


def _settings(config: Config) -> Iterator[Check]:
    changed = [
        f"{name}={'***' if name in {'clickhouse', 'metadata'} else getattr(config, name)}"
        for name, declared in SETTINGS.items()
        if getattr(config, name) != declared.default
    ]
    yield Check("ok", "settings", ", ".join(changed) if changed else "all defaults")


def _packages() -> Check:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("fail", "packages", f"missing {', '.join(missing)}", "pip install 'haechi[collector]'")
    return Check("ok", "packages", ", ".join(found))


def _data_dir(config: Config) -> Check:
    path = config.data_dir.absolute()
    nearest = next(p for p in (path, *path.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest, prefix=".haechi-doctor"):
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        remedy = "choose another --data-dir, or give this user the right to write there"
        return Check("fail", "data directory", f"{path} is not writable: {error.strerror}", remedy)
    finding = f"{path}, {free / 1024**3:.1f} GiB free"
    if free < _DISK_BYTES_MIN:
        return Check("fail", "data directory", finding, "free some disk, or choose another --data-dir")
    if free < _DISK_BYTES_LOW:
        return Check("warn", "data directory", finding, "the journal and the store need room; free some disk")
    return Check("ok", "data directory", finding)


def _address(config: Config) -> str:
    """Where a client of this machine reaches what binds ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.host, config.host)  # noqa: S104  compared, not bound
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _web(config: Config) -> str:
    return f"{'https' if config.tls_cert else 'http'}://{_address(config)}:{config.web_port}"


def _client(config: Config, access: ClientAccess) -> httpx2.Client:
    """Return a client of this machine's collector. It trusts exactly the certificate that the settings name."""
    headers = {"Authorization": f"Bearer {access.key}"} if access.key else {}
    pinned = config.tls_cert if config.tls_cert and config.tls_cert.is_file() else None
    context = tls_context(access, None if access.ca else pinned)
    return httpx2.Client(timeout=_TIMEOUT_S, trust_env=False, headers=headers, verify=context)


def _readiness(client: httpx2.Client, config: Config) -> tuple[bool, Check]:
    """Whether a collector of ours answers, and how it is."""
    url = _web(config)
    try:
        answer = client.get(f"{url}/readyz")
        body = answer.json()
        bare = {} if answer.status_code == 200 else {"state": body["status"]}  # what is told without a key
        parts = body.get("parts", bare) if "status" in body else body["parts"]
    except httpx2.HTTPError as error:
        if reason := tls_reason(error):
            return True, Check("fail", "collector", f"{url}: {reason}", "see docs/access.md")
        if (parts := _parts_by_socket(config)) is not None:
            return True, _silent_web(url, parts)
        return False, Check("warn", "collector", f"none runs at {url}", "start it: haechi serve")
    except (ValueError, KeyError, TypeError, AttributeError):
        return False, Check("fail", "collector", f"{url} is another program", "choose another --web-port")
    down = [f"{part}: {state}" for part, state in parts.items() if state != "ok"]
    if down:
        return True, Check("fail", "collector", f"{url} is not ready: {'; '.join(down)}", "read the collector's log")
    return True, Check("ok", "collector", f"{url} answers, every part works")


def _parts_by_socket(config: Config) -> dict[str, str] | None:
    """Ask the collector of the data directory itself for the state of its parts; None when none runs there."""
    try:
        told = ask(config.data_dir, "parts", {})
        while told is not None:
            next(told)
    except StopIteration as end:
        return dict(end.value)
    except (HaechiError, OSError):
        return None
    return None


def _silent_web(url: str, parts: dict[str, str]) -> Check:
    down = [f"{part}: {state}" for part, state in parts.items() if state != "ok"]
    why = "; ".join(down) or "its process is busy, or listens on another port"
    return Check("fail", "collector", f"it runs, and {url} does not answer: {why}", "read the collector's log")


def _ports(config: Config, *, running: bool) -> Iterator[Check]:
    names = ["grpc_port", "http_port", "web_port", *([] if config.clickhouse else ["store_port"])]
    for name in names:
        port = getattr(config, name)
        subject = name.replace("_", " ")
        if port == 0:
            yield Check("ok", subject, "any free one")
        elif _is_free(config.host, port):
            yield Check("ok", subject, f"{port} is free")
        elif running:
            yield Check("ok", subject, f"{port} is held, a collector runs")
        else:
            option = f"--{name.replace('_', '-')}"
            yield Check("fail", subject, f"{port} is held by another program", f"stop it, or choose {option}")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _store(client: httpx2.Client, config: Config, *, running: bool) -> Iterator[Check]:
    if not config.clickhouse and not running:
        yield Check("warn", "store", "embedded, not running", "start the collector and ask again")
        return
    subject = "store"
    try:
        before = time.time()
        found = _ask(client, config, "SELECT version(), toUnixTimestamp64Milli(now64(3)) FORMAT TabSeparated")
        engine, stamp = found.split()
        yield Check("ok", subject, f"ClickHouse {engine} answers")
        yield _clock(float(stamp) / 1000.0, (before + time.time()) / 2)
        subject = "tables"
        tables = _tables(_ask(client, config, "SHOW TABLES FORMAT TabSeparated").split())
        yield tables
        if tables.state == "ok":
            subject = "prices of the last day"
            yield _unpriced(_ask(client, config, _UNPRICED))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        yield Check(
            "fail", subject, f"no answer: {type(error).__name__}", "check --clickhouse, the server, the network"
        )
    except ValueError as error:
        yield Check("fail", subject, " ".join(str(error).split())[:300], "check user, password and database of the DSN")


def _ask(client: httpx2.Client, config: Config, sql: str) -> str:
    """Ask the configured server, else the running collector.

    Raises:
        ValueError: the store refused; the message is its own.
    """
    if config.clickhouse is None:
        answer = client.post(f"{_web(config)}/sql", content=sql)
        if answer.status_code == 401:
            raise ValueError("the collector asks for an API key with the scope read: --key hk_..., or HAECHI_KEY")
    else:
        dsn = urlsplit(config.clickhouse)
        host = f"[{dsn.hostname}]" if dsn.hostname and ":" in dsn.hostname else dsn.hostname
        url = f"{dsn.scheme}://{host}:{dsn.port or (8443 if dsn.scheme == 'https' else 8123)}/"
        headers = {"X-ClickHouse-User": unquote(dsn.username or "default")}
        if dsn.password:
            headers["X-ClickHouse-Key"] = unquote(dsn.password)
        database = dsn.path.strip("/") or "haechi"
        # Not the client of the collector: that one shows an API key and trusts the collector's certificate.
        answer = httpx2.post(
            url, params={"database": database}, headers=headers, content=sql, timeout=_TIMEOUT_S, trust_env=False
        )
    if answer.status_code != 200:
        raise ValueError(answer.text)
    return answer.text


def _clock(theirs: float, ours: float) -> Check:
    skew = theirs - ours
    if abs(skew) > _CLOCK_SKEW_MAX_S:
        return Check("fail", "clock", f"the store is {skew:+.1f} s off this machine", "run NTP on both")
    return Check("ok", "clock", f"within {_CLOCK_SKEW_MAX_S:.0f} s of the store's")


def _tables(found: list[str]) -> Check:
    missing = sorted(_TABLES - set(found))
    if missing:
        return Check("fail", "tables", f"missing {', '.join(missing)}", "create them: haechi migrate")
    return Check("ok", "tables", f"{len(_TABLES)} present")


def _unpriced(rows: str) -> Check:
    subject = "prices of the last day"
    models = ["/".join(line.split("\t")[:2]) + f" ({line.split(chr(9))[2]} calls)" for line in rows.splitlines()]
    if models:
        remedy = "add them to a file of prices (--prices), then: haechi reprice"
        return Check("warn", subject, f"unpriced: {', '.join(models)}", remedy)
    return Check("ok", subject, "every call is priced")


def _token_tables(config: Config) -> Check:
    if not config.token_counting:
        return Check("ok", "token counting", "switched off")
    if tokens.count("a", "gpt-4o") is None:
        remedy = "fetch it once, with network: python -c \"import tiktoken; tiktoken.get_encoding('o200k_base')\""
        return Check("warn", "token counting", "tiktoken's table o200k_base is not at hand; nothing is counted", remedy)
    return Check("ok", "token counting", "tiktoken's table o200k_base is at hand")


def _prices(config: Config) -> Check:
    try:
        book = PriceBook.load(config.prices)
    except (PriceFileError, OSError) as error:
        return Check("fail", "price book", str(error), "mend the file of --prices")
    return Check("ok", "price book", book.version)
