"""The web port's process is killed, left alone, or stands still: the way in does not notice."""

import signal
import time
from collections.abc import Callable

import httpx2
import psutil
import pytest
from tests.faults.load import Load
from tests.faults.oracle import Verdict, imbalance, judge_soon, ledger
from tests.faults.processes import Collector, until

from haechi_collector.control import ask

LONG = "SELECT number, repeat('x', 100) FROM numbers(500000)"
"""54 MB, more than lies in the buffers between two processes."""

MakeCollector = Callable[..., Collector]


def get(collector: Collector, path: str, timeout_s: float = 30) -> httpx2.Response:
    return httpx2.get(f"http://{collector.web}{path}", timeout=timeout_s, trust_env=False)


def has_ended(process: psutil.Process) -> bool:
    """Whoever inherits an orphan may be slow to bury it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_killed_under_load_nothing_is_lost_and_nobody_is_refused(make_collector: MakeCollector) -> None:
    """It is started again on the same port; a request that comes meanwhile waits; restarts are counted."""
    collector = make_collector()
    load = Load(collector, seed=11)
    collector.start()
    load.start()
    time.sleep(0.5)
    for _ in range(2):
        (web,) = collector.web_processes()
        assert web.nice() > psutil.Process().nice()  # who asks stands back for who sends
        before = load.acknowledged
        web.kill()
        psutil.wait_procs([web], 30)
        assert get(collector, "/api/v1/summary").status_code == 200  # the socket was never closed
        until(lambda before=before: load.acknowledged > before, "acknowledgements go on")
    assert collector.metric("haechi_web_restarts_total") == 2
    assert get(collector, "/readyz").json()["parts"]["web"] == "ok"
    assert load.refusals == 0
    tally = load.stop()
    assert judge_soon(collector.reader, tally) == Verdict()
    assert imbalance(ledger(collector)) == {}
    assert collector.stop() == 0


def test_it_ends_with_a_collector_that_was_killed(make_collector: MakeCollector) -> None:
    """While it starts, and when it is in the middle of an answer."""
    collector = make_collector()
    collector.launch()
    until(collector.web_processes, "the web process")
    (web,) = collector.web_processes()
    collector.kill_now()
    until(lambda: has_ended(web), "the web process ends")
    collector.start()
    (web,) = collector.web_processes()
    with httpx2.stream("GET", f"http://{collector.web}/sql", params={"query": LONG}, trust_env=False):
        collector.kill_now()
        until(lambda: has_ended(web), "the web process ends")


def test_a_collector_that_stands_still_is_told_of(make_collector: MakeCollector) -> None:
    """Health needs only this process; readiness and metrics say in seconds who does not answer; then all is well."""
    collector = make_collector()
    collector.start()
    collector.send(signal.SIGSTOP)
    try:
        assert get(collector, "/healthz").status_code == 200
        ready, metrics = get(collector, "/readyz"), get(collector, "/metrics")
        assert (ready.status_code, metrics.status_code) == (503, 503)
        assert ready.json()["parts"] == {"collector": "its process does not answer"}
        assert "does not answer" in metrics.json()["detail"]
    finally:
        collector.send(signal.SIGCONT)
    until(lambda: get(collector, "/readyz").status_code == 200, "it is ready again")
    assert collector.metric("haechi_web_up") == 1
    assert collector.stop() == 0


def test_what_cannot_be_asked_over_the_web_port_is_told_by_the_socket(make_collector: MakeCollector) -> None:
    """While its process stands still or is away, `haechi doctor` asks the collector itself."""
    collector = make_collector()
    collector.start()
    told = ask(collector.directory, "parts", {})
    assert told is not None
    with pytest.raises(StopIteration) as end:
        next(told)
    assert end.value.value == {"doors": "ok", "store": "ok", "web": "ok", "writer": "ok"}
    assert collector.stop() == 0


def test_without_the_store_the_page_and_the_api_answer(make_collector: MakeCollector) -> None:
    """The API answers a problem that says so; the page comes, and says so where its figures would be."""
    collector = make_collector()
    collector.start()
    (store,) = collector.stores()
    store.kill()
    psutil.wait_procs([store], 30)
    answer = get(collector, "/api/v1/summary")
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable"), answer.text
    assert get(collector, "/").status_code == 200
    until(lambda: get(collector, "/readyz").status_code == 200, "the store is back")
    assert get(collector, "/api/v1/summary").status_code == 200
    assert collector.stop() == 0


def test_sigterm_lets_an_open_answer_finish(make_collector: MakeCollector) -> None:
    """What was asked before is answered, then all processes end in order."""
    collector = make_collector()
    collector.start()
    url = f"http://{collector.web}/sql"
    with httpx2.stream("GET", url, params={"query": LONG}, timeout=30, trust_env=False) as answer:
        collector.send(signal.SIGTERM)
        time.sleep(1)  # the end is under way, and most of the answer is not read yet
        assert answer.status_code == 200
        assert answer.read().count(b"\n") == 500_000
    assert collector.stop() == 0
