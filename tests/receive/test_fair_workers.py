"""Threads that clients share fairly."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

import pytest

from haechi_collector import limits
from haechi_collector.errors import Rejected
from haechi_collector.receive.fair_workers import FairWorkers


@pytest.fixture
def eight() -> Iterator[FairWorkers]:
    workers = FairWorkers(8, "test")
    workers.start()
    yield workers
    workers.stop()


class Held:
    """Work that begins, and goes on until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.count = 0
        self._go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count += 1
        self.begun.release()
        self._go.wait()

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=30)

    def let_go(self) -> None:
        self._go.set()


def test_the_future_has_the_result_or_the_error(eight: FairWorkers) -> None:
    """As with any pool."""
    assert eight.submit("a", divmod, 7, 3).result(30) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        eight.submit("a", divmod, 7, 0).result(30)


def test_a_client_has_half_of_the_threads_at_most(eight: FairWorkers) -> None:
    """Its further work waits, and another client's begins at once."""
    flood, other = Held(), Held()
    futures = [eight.submit("flood", flood) for _ in range(50)]
    flood.wait_for(4)
    futures.append(eight.submit("other", other))
    other.wait_for(1)
    assert flood.count == 4
    flood.let_go()
    other.let_go()
    assert len(wait(futures, 30).done) == 51
    assert flood.count == 50


def test_clients_that_want_all_leave_one_more_share(eight: FairWorkers) -> None:
    """Three of them have two threads each, and two are free for a fourth."""
    floods = [Held() for _ in range(3)]
    futures: list[Future[None]] = []
    gate = Held()
    futures += [eight.submit("gate", gate) for _ in range(4)]  # so that all three lines stand before any is served
    gate.wait_for(4)
    futures += [eight.submit(f"flood {n}", flood) for _ in range(20) for n, flood in enumerate(floods)]
    gate.let_go()
    for flood in floods:
        flood.wait_for(2)
    late = Held()
    futures.append(eight.submit("late", late))
    late.wait_for(1)
    assert [flood.count for flood in floods] == [2, 2, 2]
    for held in (*floods, late):
        held.let_go()
    assert not wait(futures, 30).not_done


def test_lines_are_served_in_turn() -> None:
    """A client waits behind one piece of another's work, not behind its whole line."""
    workers = FairWorkers(2, "test")
    order: list[str] = []

    def note(name: str) -> Callable[[], None]:
        return lambda: order.append(name)

    futures = [workers.submit(client, note(client)) for client in ["flood"] * 100 + ["small"] * 2]
    # One thread does all: of two, a client may have one.
    workers._threads = workers._threads[:1]
    workers.start()
    assert not wait(futures, 30).not_done
    workers.stop()
    assert order[:5] == ["flood", "small", "flood", "small", "flood"]


def test_a_full_line_is_refused(eight: FairWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for the client whose line it is."""
    monkeypatch.setattr(limits, "WORK_LINE_MAX", 3)
    held = Held()
    futures = []
    for _ in range(4):
        futures.append(eight.submit("flood", held))
        held.wait_for(1)
    futures += [eight.submit("flood", held) for _ in range(3)]
    with pytest.raises(Rejected):
        eight.submit("flood", held)
    assert eight.submit("other", int).result(30) == 0
    held.let_go()
    assert not wait(futures, 30).not_done


def test_after_stop_nothing_is_taken(eight: FairWorkers) -> None:
    """What has not begun is forgotten; stopping twice is the same as once."""
    held = Held()
    begun = [eight.submit("a", held) for _ in range(4)]
    held.wait_for(4)
    waiting = eight.submit("a", held)
    eight.stop()
    eight.stop()
    with pytest.raises(Rejected):
        eight.submit("b", held)
    held.let_go()
    assert not wait(begun, 30).not_done
    assert not waiting.done()


def test_cancelled_work_does_not_begin(eight: FairWorkers) -> None:
    """A connection that broke leaves nothing to do."""
    held = Held()
    futures = [eight.submit("a", held) for _ in range(4)]
    held.wait_for(4)
    cancelled = eight.submit("a", held)
    assert cancelled.cancel()
    held.let_go()
    assert not wait(futures, 30).not_done
    assert eight.submit("a", int).result(30) == 0
    assert held.count == 4


def test_many_threads_lose_nothing() -> None:
    """Everything that was taken is done, once."""
    workers = FairWorkers(8, "test")
    workers.start()
    done: list[tuple[int, int]] = []
    futures: list[Future[None]] = []

    def send(client: int) -> None:
        futures.extend(workers.submit(str(client % 3), done.append, (client, n)) for n in range(300))

    threads = [threading.Thread(target=send, args=(client,)) for client in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wait(futures, 30).not_done
    assert sorted(done) == [(client, n) for client in range(6) for n in range(300)]
    workers.stop()
