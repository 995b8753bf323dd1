"""More than the collector can take: who is refused, and that nothing acknowledged is lost."""

import http.client
import itertools
import signal
import threading
from collections import Counter
from collections.abc import Callable

from tests.faults.hostile import HOSTILE, MIB, Memory, beside, field
from tests.faults.load import Load, traces
from tests.faults.oracle import imbalance, judge_soon, ledger
from tests.faults.processes import Collector, until

MakeCollector = Callable[..., Collector]

CONNECTIONS = 64
LARGE = traces(0xF000_0000, 2000, attributes=10).body


class Flood:
    """One client with many connections, each sending large requests one after the other."""

    def __init__(self, collector: Collector) -> None:
        self.statuses: Counter[int] = Counter()
        self.hints: set[str] = set()
        self._address = collector.http
        self._ending = threading.Event()
        self._numbers = itertools.count()
        self._lock = threading.Lock()  # guards the counts
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CONNECTIONS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self) -> None:
        while not self._ending.is_set():
            # Another body each time, by a field that OTLP does not know: what is sent again would cost us little.
            body = LARGE + field(15, next(self._numbers).to_bytes(8, "big"))
            connection = http.client.HTTPConnection(self._address, timeout=60, source_address=(HOSTILE, 0))
            try:
                connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
                with self._lock:
                    self.statuses[answer.status] += 1
                    self.hints |= {answer.headers["retry-after"]} - {None}
            except (OSError, http.client.HTTPException):  # refused and closed while it was still sending
                with self._lock:
                    self.statuses[0] += 1
            connection.close()


def test_a_flooding_client_does_not_starve_the_others(make_collector: MakeCollector) -> None:
    """One client with 64 connections sends all it can: it is refused, the other never is, and is served on."""
    assert len(LARGE) > MIB
    collector = make_collector(f"--bytes-in-flight-max={8 * MIB}")
    collector.start()
    flood = Flood(collector)
    with beside(collector, 700 * MIB) as other:
        flood.start()
        until(lambda: flood.statuses[503] > 50, "the flood is refused")
        before = other.acknowledged
        other.goes_on(50)
        flood.stop()
        assert other.acknowledged >= before + 50
    assert other.load.refusals == 0
    assert flood.statuses.keys() <= {0, 200, 503}
    assert flood.statuses[200] > 0
    assert flood.hints == {"1", "2"}
    assert collector.stop() == 0


def test_a_store_that_stands_still(make_collector: MakeCollector) -> None:
    """The journal fills, then requests are asked to come back; when the store goes on, all is stored, once."""
    collector = make_collector(f"--journal-bytes-max={4 * MIB}")
    collector.start()
    (store,) = collector.stores()
    load = Load(collector, lambda number: traces(number, 200), senders=8, pause_s=0)
    memory = Memory(collector.pid)
    store.send_signal(signal.SIGSTOP)
    load.start()
    until(lambda: load.refusals > 20, "requests are refused")
    assert collector.metric("haechi_journal_bytes") <= 4 * MIB
    full = load.acknowledged
    store.send_signal(signal.SIGCONT)
    until(lambda: load.acknowledged > full + 50, "requests are taken again, without a restart")
    tally = load.stop()
    verdict = judge_soon(collector.reader, tally)
    assert (verdict.lost, verdict.doubled, verdict.altered, tally.surprises) == (0, 0, 0, [])
    until(lambda: imbalance(ledger(collector)) == {}, "the ledger balances")
    assert memory.grown() < 600 * MIB
    assert collector.stop() == 0


def test_memory_that_is_short_is_told_to_the_sender(make_collector: MakeCollector) -> None:
    """Above the bound every request is asked to come back, none is refused for good."""
    collector = make_collector(f"--memory-bytes-max={64 * MIB}")
    collector.start()
    assert collector.metric("haechi_memory_bytes") > 64 * MIB
    load = Load(collector, lambda number: traces(number, 4), senders=2)
    load.start()
    until(lambda: load.refusals > 10, "requests are refused")
    tally = load.stop(give_up=True)
    assert load.acknowledged == 0
    assert tally.surprises == []
    assert collector.stop() == 0
