"""SIGTERM at any moment: exit status 0, nothing lost, nothing left running; the next start goes on where this ended."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from tests.faults.load import Load, traces
from tests.faults.oracle import Verdict, imbalance, judge_soon, ledger
from tests.faults.processes import Collector, free_ports, until
from tests.faults.site import Site

MakeCollector = Callable[..., Collector]


def test_sigterm_under_load(make_collector: MakeCollector) -> None:
    """At random moments, once or twice; what was not acknowledged is sent again to the next start."""
    chance = random.Random(5)
    collector = make_collector()
    load = Load(collector, seed=5)
    collector.start()
    load.start()
    for twice in (False, True):
        time.sleep(chance.uniform(0.1, 1.0))
        if twice:
            collector.send(signal.SIGTERM)
            time.sleep(chance.uniform(0.0, 0.3))
        assert collector.stop() == 0
        collector.start()
    tally = load.stop()
    assert judge_soon(collector.reader, tally) == Verdict()
    assert imbalance(ledger(collector)) == {}
    assert collector.stop() == 0


def test_sigterm_while_it_starts(make_collector: MakeCollector) -> None:
    """The store has been started already; it is ended too."""
    collector = make_collector()
    for seconds in (0.0, 0.4):
        collector.launch()
        until(collector.stores, "the store's process")
        time.sleep(seconds)
        assert collector.stop() == 0


def test_sigterm_while_the_store_never_answered(make_collector: MakeCollector) -> None:
    """It takes requests into the journal, ends when asked to, and a later start stores them."""
    (port,) = free_ports(1)
    collector = make_collector(clickhouse=f"http://haechi:x@127.0.0.1:{port}/haechi")
    load = Load(collector)
    collector.launch()
    load.send(12)
    assert collector.stop() == 0
    later = make_collector(directory=collector.directory)
    later.start()
    assert judge_soon(later.reader, load.tally) == Verdict()
    assert later.stop() == 0


def test_sigterm_while_the_store_hangs(tmp_path: Path) -> None:
    """Sent twice: it ends in its time although inserts are never answered, and the next start stores the rows."""
    site = Site(tmp_path, "--stop-s=1")
    try:
        site.collector.start()
        site.load.send(6)
        site.store.send(signal.SIGSTOP)
        site.load.send(12)
        until(lambda: site.collector.metric("haechi_journal_rows") > 0, "rows that wait")
        site.collector.send(signal.SIGTERM)
        assert site.collector.stop() == 0  # before END_S, which is less than the 120 s that an answer may take
        site.store.send(signal.SIGCONT)
        site.collector.start()
        site.is_right()
    finally:
        site.close()


def test_sigterm_during_replay(tmp_path: Path) -> None:
    """A backlog is being stored: what is left of it is stored by the next start, once."""
    site = Site(tmp_path, "--stop-s=0.1", "--block-rows-max=500")
    try:
        site.collector.start()
        site.store.kill()
        load = Load(site.collector, lambda n: traces(n, 500), pause_s=0.0, tally=site.load.tally)
        load.send(60)
        site.collector.kill()
        site.store.start()
        site.collector.start()
        assert site.collector.stop() == 0
        site.collector.start()
        site.is_right()
    finally:
        site.close()


def has_ended(process: psutil.Process) -> bool:
    """Whoever inherits an orphan may be slow to bury it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_no_child_outlives_its_collector(make_collector: MakeCollector) -> None:
    """Killed while its store starts, at several moments, or later: nothing holds the directory of the next start."""
    collector = make_collector()
    for seconds in (0.0, 0.6):
        collector.launch()
        until(collector.stores, "the store's process")
        time.sleep(seconds)
        collector.kill()
    collector.start()
    children = collector.children()
    assert len(children) == 2  # the store and the web port's
    collector.kill_now()
    collector.start()  # it waits for the directory
    until(lambda: all(map(has_ended, children)), "both processes of the killed one end by themselves")
    assert collector.stop() == 0
