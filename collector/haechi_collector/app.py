"""Wiring: a configuration becomes running parts, and they stop in the right order.

The doors open first and take requests into the journal while the store is still coming up; blocks move on from the
moment the tables are there. The line ``ready …`` is printed when every door is open and the store answers.

Stopping: the doors close, what is journalled is stored if that takes no longer than the setting ``stop_s``, the store
stops last. What could not be stored in that time is still in the journal at the next start.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Final

from haechi_collector import logs
from haechi_collector.config import Config
from haechi_collector.control import Command, Control, Told
from haechi_collector.dead_letters import DeadLetters
from haechi_collector.errors import StoreUnavailable
from haechi_collector.gate.gate import Gate, KeyGate, OpenGate
from haechi_collector.gate.keys import Scope as KeyScope
from haechi_collector.gate.opening import auth_of, open_gate, open_keys, open_tls
from haechi_collector.gate.tls import Tls
from haechi_collector.intake import Intake
from haechi_collector.journal import SIGNALS, Journal
from haechi_collector.keeping import Keeper
from haechi_collector.ledger import LedgerTable, tell_ledger
from haechi_collector.limits import JOURNAL_FULL_SHARE
from haechi_collector.memory import choose_allocators, collect_rarely, keep_freed_memory
from haechi_collector.opening import make_data_dir, open_store, price_book, retention_of
from haechi_collector.pipeline import Pipeline
from haechi_collector.receive.admission import Admission
from haechi_collector.receive.grpc import GrpcReceiver
from haechi_collector.receive.http import http_app
from haechi_collector.receive.http_server import serve_http
from haechi_collector.receive.pressure import Pressure
from haechi_collector.rest import rest_until
from haechi_collector.sockets import OTLP_FILE, raise_file_limit
from haechi_collector.stop_signals import stop_event
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.embedded_limits import STORE_PATIENCE_S
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.store.tables import Tables
from haechi_collector.telemetry import Metrics
from haechi_collector.web_process.metrics import told
from haechi_collector.web_process.supervisor import WebProcess
from haechi_collector.writer import Writer

logger = logging.getLogger(__name__)

_DOOR_GRACE_S: Final = 5.0
_STORE_RETRY_S: Final = 1.0
_GAUGES_EVERY_S: Final = 1.0
_DOORS: Final = ("grpc", "http", "web", "store")
_WHERE_TO_LOOK: Final = """
Sample traffic is running. Look at it:

  page   {scheme}://{web}
  SQL    curl '{scheme}://{web}/sql?query=SELECT+request_model,count(),quantile(0.95)(duration_ns)/1e6,sum(cost_usd)\
+FROM+spans+GROUP+BY+1'
  send   OTLP/gRPC to {grpc}, OTLP/HTTP to {scheme}://{http}

Ctrl-C stops everything; what was stored stays.
"""


class Collector:
    """Every part of `haechi serve`. Call `start`, then `stop`; both once.

    Args:
        config: the settings.
        stopping: set by whoever wants it to stop; `start` then waits for the store no longer.
    """

    def __init__(self, config: Config, stopping: threading.Event) -> None:
        self._config = config
        self._metrics = Metrics()
        self._waiting_for = "starting"  # why the way on does not run yet; '' when it does
        self._gate: Gate = OpenGate()
        self._tls: Tls | None = None
        self._store: EmbeddedStore | None = None
        self._web: WebProcess | None = None
        self._writer: Writer | None = None
        self._stopping = stopping
        self._undo = ExitStack()
        self._doors = ExitStack()
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        """Open every part; on an error close again what was opened.

        Raises:
            SettingError: a setting does not work here.
            StoreUnavailable: it is to stop, and the store never answered.
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
        self._open_gate()
        # The journal first: it tells a second collector on this directory at once that there is one.
        journal = Journal(c.data_dir / "journal", c.journal_bytes_max)
        self._undo.callback(journal.close)
        web = self._prepare_web()
        writer_dsn, reader_dsn = self._start_store()
        tell_ledger(journal, self._metrics)
        pipeline = Pipeline(book, self._metrics, token_counting=c.token_counting, retention_days=c.retention_days)
        self._undo.callback(web.stop)  # before the store
        web.serve(reader_dsn)
        self._open_doors(Intake(journal, self._metrics), journal)
        client = self._wait_for_tables(writer_dsn)
        self._undo.callback(client.close)
        tables = Tables(client, c.cluster)
        self._open_ledger(journal, tables)
        self._writer = Writer(journal, pipeline, tables, c, self._metrics)
        self._undo.callback(self._writer.stop, c.stop_s)
        self._undo.callback(journal.stop_accepting)
        self._writer.start()
        self._open_keeping(client, journal, pipeline, self._writer)
        threading.Thread(target=self._watch, args=(journal,), name="gauges", daemon=True).start()

    def stop(self) -> None:
        """Close every part in the reverse order of opening, the doors first."""
        self._doors.close()
        self._stopping.set()
        self._undo.close()

    def parts(self) -> dict[str, str]:
        """Each part's state: ``ok`` or why it does not work. Asked by the web process and by `haechi doctor`."""
        store = self._store.state if self._store else None
        down = store.complaint if store else ""
        alive = self._writer is not None and self._writer.alive
        return {
            "doors": "ok" if {"grpc", "http"} <= self.addresses.keys() else "opening",
            "store": down or self._waiting_for or "ok",
            "web": (self._web.state.complaint if self._web else "starting") or "ok",
            "writer": "ok" if alive else self._waiting_for or "a thread of the writer has ended",
        }

    def _tell_parts(self, _: Mapping[str, Any]) -> Told:
        """Answer `haechi doctor` when the web port cannot."""
        return self.parts()
        yield ""  # a command says nothing meanwhile

    # --- opening, in order -----------------------------------------------------------------------------

    def _open_gate(self) -> None:
        """Read certificates and keys, before anything that takes time is started."""
        c = self._config
        self._tls = open_tls(c)
        if auth_of(c) == "keys":
            keys = open_keys(c)
            self._undo.callback(keys.close)
            gate = open_gate(keys, self._metrics)
            self._undo.callback(gate.stop)
            self._gate = gate

    def own_key(self, scope: KeyScope) -> str | None:
        """Return a key of the OTLP doors for a part of this process tree, such as the sample traffic.

        None when nobody is asked. The web process has a gate of its own, which does not know it.
        """
        return self._gate.issue("default", frozenset({scope})) if isinstance(self._gate, KeyGate) else None

    def _start_store(self) -> tuple[Dsn, Dsn]:
        """Start the embedded store, or take the server that was named; return the writer's and a reader's way."""
        c = self._config
        if c.clickhouse is not None:
            dsn = Dsn.parse(c.clickhouse)
            self.addresses["store"] = dsn.address
            return dsn, dsn
        self._store = EmbeddedStore(
            c.data_dir / "store", c.store_port, is_open=not self._gate.asks, patience_s=STORE_PATIENCE_S
        )
        self._undo.callback(self._store.stop)
        self._store.start()
        self.addresses["store"] = self._store.dsn.address
        return self._store.dsn, self._store.reader_dsn

    def _prepare_web(self) -> WebProcess:
        """Bind the web port, and let its process import its modules while the store starts."""
        questions = {"parts": self.parts, "metrics": lambda: told(self._metrics.registry)}
        web = WebProcess(self._config, questions, self._metrics.counter("haechi_web_restarts_total").inc)
        self._undo.callback(web.stop)
        web.prepare()
        self._web = web
        self.addresses["web"] = f"{self._config.host}:{web.port}"
        return web

    def _open_keeping(self, client: StoreClient, journal: Journal, pipeline: Pipeline, writer: Writer) -> None:
        """Start retention, and the socket for the commands that a running collector carries out."""
        c = self._config
        retention = retention_of(c, client, self._metrics)
        retention.start()
        self._undo.callback(retention.stop)
        keeper = Keeper(c, client, retention, journal, pipeline)
        letters = DeadLetters(journal, Tables(client, c.cluster))
        own: dict[str, Command] = {"parts": self._tell_parts}
        control = Control(c.data_dir, {**keeper.commands, **letters.commands, **writer.commands, **own})
        control.start()
        self._undo.callback(control.stop)

    def _open_ledger(self, journal: Journal, tables: Tables) -> None:
        table = LedgerTable(journal, tables)
        table.start()
        self._undo.callback(table.stop)

    def _open_admission(self, journal: Journal) -> tuple[Admission, Pressure]:
        """Return what both doors ask whether there is room, and the watch that may shed requests."""
        c = self._config
        pressure = Pressure(c.memory_bytes_max)
        full = int(c.journal_bytes_max * JOURNAL_FULL_SHARE)

        def shortage() -> str:
            return "the journal is full: the store does not keep up" if journal.size > full else pressure.shortage()

        admission = Admission(c.bytes_in_flight_max, shortage)
        pressure.start()
        self._undo.callback(pressure.stop)
        self._metrics.gauge("haechi_memory_bytes").set_function(lambda: pressure.bytes_used)
        self._metrics.gauge("haechi_bytes_in_flight").set_function(lambda: admission.bytes_in_flight)
        return admission, pressure

    def _open_doors(self, intake: Intake, journal: Journal) -> None:
        c = self._config
        self._doors.callback(intake.close)
        admission, pressure = self._open_admission(journal)
        grpc = GrpcReceiver(
            intake,
            c.host,
            c.grpc_port,
            admission,
            c.request_bytes_max,
            gate=self._gate,
            tls=self._tls,
            observer=self._metrics,
        )
        self.addresses["grpc"] = f"{c.host}:{grpc.start()}"
        self._doors.callback(grpc.stop, _DOOR_GRACE_S)
        pressure.on_excess(grpc.shed)
        app = http_app(intake, admission, c.request_bytes_max, self._metrics, self._gate)
        http = serve_http(app, c.host, c.http_port, self._tls, inside=c.data_dir / OTLP_FILE)
        self.addresses["http"] = f"{c.host}:{http.start()}"
        self._doors.callback(http.stop, _DOOR_GRACE_S)

    def _wait_for_tables(self, dsn: Dsn) -> StoreClient:
        """Connect and migrate; an address that does not answer yet is tried until it does."""
        while True:
            try:
                client = StoreClient.connect(dsn, self._config.store_answer_s)
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
            for part in ("store", "web"):
                self._metrics.gauge(f"haechi_{part}_up").set(self.parts()[part] == "ok")


def serve(config: Config, *, demo: bool = False) -> int:
    """Run a collector until SIGTERM or SIGINT; print ``ready …`` when every door is open."""
    logs.configure(config.log_level)
    choose_allocators()
    raise_file_limit()
    stop = stop_event()
    collector = Collector(config, stop)
    try:
        collector.start()
    except StoreUnavailable:
        if not stop.is_set():
            raise
        return 0  # asked to end before the store ever answered: what was accepted is in the journal
    keep_freed_memory()
    collect_rarely()
    try:
        print("ready", *(f"{door}={collector.addresses[door]}" for door in _DOORS), flush=True)  # noqa: T201
        with _demo(collector, config) if demo else nullcontext():
            rest_until(stop.wait)
    finally:
        collector.stop()
    return 0


@contextmanager
def _demo(collector: Collector, config: Config) -> Iterator[None]:
    """Run sample traffic beside the collector, in a process of its own, and say where to look."""
    addresses, scheme = collector.addresses, "https" if config.tls_cert else "http"
    command = [sys.executable, "-m", "haechi_collector", "demo", "--endpoint", f"{scheme}://{addresses['http']}"]
    command += ["--key", "-", *(["--ca", str(config.tls_cert)] if config.tls_cert else [])]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    if child.stdin is not None:
        # Not on the command line, where others would read it.
        child.stdin.write(f"{collector.own_key(KeyScope.INGEST) or ''}\n")
        child.stdin.close()
    print(_WHERE_TO_LOOK.format(**addresses, scheme=scheme), flush=True)  # noqa: T201  what the command is for
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
