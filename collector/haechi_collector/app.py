"""Wiring: a configuration becomes running parts, and they stop in the right order.

The doors open first and take requests into the journal while the store is still coming up; blocks move on from the
moment the tables are there. The line ``ready …`` is printed when every door is open and the store answers.

Stopping: the doors close, what is journalled is stored if that takes no longer than `STOP_S`, the store stops last.
What could not be stored in that time is still in the journal at the next start.
"""

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Final

from haechi_collector import logs
from haechi_collector.api.app import ApiState, create_api
from haechi_collector.api.server import WebServer
from haechi_collector.config import Config
from haechi_collector.errors import StoreUnavailable
from haechi_collector.intake import Intake
from haechi_collector.journal import SIGNALS, Journal
from haechi_collector.limits import BYTES_IN_FLIGHT_MAX
from haechi_collector.memory import keep_freed_memory
from haechi_collector.opening import make_data_dir, open_store, price_book
from haechi_collector.pipeline import Pipeline
from haechi_collector.query.sql import SqlReader
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import serve_http
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.store.tables import Tables
from haechi_collector.telemetry import Metrics
from haechi_collector.writer import Writer

logger = logging.getLogger(__name__)

STOP_S: Final = 20.0
_DOOR_GRACE_S: Final = 5.0
_STORE_RETRY_S: Final = 1.0
_GAUGES_EVERY_S: Final = 1.0
_DOORS: Final = ("grpc", "http", "web", "store")
_WHERE_TO_LOOK: Final = """
Sample traffic is running. Look at it:

  page   http://{web}
  SQL    curl 'http://{web}/sql?query=SELECT+request_model,count(),quantile(0.95)(duration_ns)/1e6,sum(cost_usd)\
+FROM+spans+GROUP+BY+1'
  send   OTLP/gRPC to {grpc}, OTLP/HTTP to http://{http}

Ctrl-C stops everything; what was stored stays.
"""


class Collector:
    """Every part of `haechi serve`. Call `start`, then `stop`; both once."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._metrics = Metrics()
        self._waiting_for = "starting"  # why the way on does not run yet; '' when it does
        self._store: EmbeddedStore | None = None
        self._writer: Writer | None = None
        self._stopping = threading.Event()
        self._undo = ExitStack()
        self._doors = ExitStack()
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        """Open every part; on an error close again what was opened.

        Raises:
            SettingError: a setting does not work here.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        c = self._config
        book = price_book(c)
        make_data_dir(c)
        writer_dsn, reader_dsn = self._start_store()
        journal = Journal(c.data_dir / "journal", c.journal_bytes_max)
        self._undo.callback(journal.close)
        pipeline = Pipeline(book, self._metrics, token_counting=c.token_counting)
        self._open_web(reader_dsn)
        self._open_doors(Intake(journal, self._metrics))
        client = self._wait_for_tables(writer_dsn)
        self._undo.callback(client.close)
        self._writer = Writer(journal, pipeline, Tables(client, c.cluster), c, self._metrics)
        self._undo.callback(self._writer.stop, STOP_S)
        self._undo.callback(journal.stop_accepting)
        self._writer.start()
        threading.Thread(target=self._watch, args=(journal,), name="gauges", daemon=True).start()

    def stop(self) -> None:
        """Close every part in the reverse order of opening, the doors first."""
        self._doors.close()
        self._stopping.set()
        self._undo.close()

    def parts(self) -> dict[str, str]:
        """Each part's state: ``ok`` or why it does not work (`api.health.Readiness`)."""
        store = self._store.state if self._store else None
        down = f"{store.name}: {store.reason}".rstrip(": ") if store and store.name != "up" else ""
        alive = self._writer is not None and self._writer.alive
        return {
            "doors": "ok" if {"grpc", "http"} <= self.addresses.keys() else "opening",
            "store": down or self._waiting_for or "ok",
            "writer": "ok" if alive else self._waiting_for or "a thread of the writer has ended",
        }

    # --- opening, in order -----------------------------------------------------------------------------

    def _start_store(self) -> tuple[Dsn, Dsn]:
        """Start the embedded store, or take the server that was named; return the writer's and a reader's way."""
        c = self._config
        if c.clickhouse is not None:
            dsn = Dsn.parse(c.clickhouse)
            self.addresses["store"] = dsn.address
            return dsn, dsn
        self._store = EmbeddedStore(c.data_dir / "store", c.store_port)
        self._undo.callback(self._store.stop)
        self._store.start()
        self.addresses["store"] = self._store.dsn.address
        return self._store.dsn, self._store.reader_dsn

    def _open_web(self, dsn: Dsn) -> None:
        c = self._config
        reader = SqlReader(dsn.url, dsn.user, dsn.password, dsn.database)
        web = WebServer(create_api(ApiState(self, self._metrics.registry, reader)), c.host, c.web_port)
        self.addresses["web"] = f"{c.host}:{web.start()}"
        self._undo.callback(web.stop, _DOOR_GRACE_S)

    def _open_doors(self, intake: Intake) -> None:
        c = self._config
        admission = Admission(BYTES_IN_FLIGHT_MAX)
        grpc = GrpcReceiver(intake, c.host, c.grpc_port, admission, c.request_bytes_max, observer=self._metrics)
        self.addresses["grpc"] = f"{c.host}:{grpc.start()}"
        self._doors.callback(grpc.stop, _DOOR_GRACE_S)
        http = serve_http(http_app(intake, admission, c.request_bytes_max, self._metrics), c.host, c.http_port)
        self.addresses["http"] = f"{c.host}:{http.start()}"
        self._doors.callback(http.stop, _DOOR_GRACE_S)

    def _wait_for_tables(self, dsn: Dsn) -> StoreClient:
        """Connect and migrate; an address that does not answer yet is tried until it does."""
        while True:
            try:
                client = StoreClient.connect(dsn)
                migrate(client, self._config.cluster)
            except StoreUnavailable as error:
                self._waiting_for = str(error)
                logger.warning("waiting for the store: %s", error)
                if self._stopping.wait(_STORE_RETRY_S):
                    raise
            else:
                self._waiting_for = ""
                return client

    def _watch(self, journal: Journal) -> None:
        while not self._stopping.wait(_GAUGES_EVERY_S):
            for name in SIGNALS:
                self._metrics.gauge("haechi_journal_rows", name).set(journal.rows(name))
            self._metrics.gauge("haechi_journal_bytes").set(journal.size)
            self._metrics.gauge("haechi_store_up").set(self.parts()["store"] == "ok")


def serve(config: Config, *, demo: bool = False) -> int:
    """Run a collector until SIGTERM or SIGINT; print ``ready …`` when every door is open."""
    logs.configure(config.log_level)
    keep_freed_memory()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    collector = Collector(config)
    collector.start()
    try:
        print("ready", *(f"{door}={collector.addresses[door]}" for door in _DOORS), flush=True)  # noqa: T201
        with _demo(collector.addresses) if demo else nullcontext():
            stop.wait()
    finally:
        collector.stop()
    return 0


@contextmanager
def _demo(addresses: dict[str, str]) -> Iterator[None]:
    """Run sample traffic beside the collector, in a process of its own, and say where to look."""
    command = [sys.executable, "-m", "haechi_collector", "demo", "--endpoint", f"http://{addresses['http']}"]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    print(_WHERE_TO_LOOK.format(**addresses), flush=True)  # noqa: T201  what the command is for
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def migrate_store(config: Config, *, dry_run: bool) -> int:
    """Create or upgrade the tables of the named server, or of the embedded store when no collector runs on it."""
    logs.configure(config.log_level)
    with ExitStack() as undo:
        for applied in migrate(open_store(config, undo), config.cluster, dry_run=dry_run):
            statements = applied.statements if dry_run else ()
            print(f"-- {applied.version:04d} {applied.name}", *statements, sep="\n\n")  # noqa: T201  a command's output
    return 0
