"""The bound on bytes in flight, and its fair shares."""

import concurrent.futures
import random
import threading

import pytest

from haechi_collector import limits
from haechi_collector.errors import Rejected
from haechi_collector.receive.admission import Admission, Lease


def test_a_lease_gives_back_what_it_took() -> None:
    """Whatever grew and shrank, nothing is held after the context."""
    admission = Admission(100)
    with admission.lease() as lease:
        lease.grow(60)
        lease.shrink(20)
        lease.grow(10)
        assert admission.bytes_in_flight == 50
    assert admission.bytes_in_flight == 0


def test_over_the_bound_is_rejected_and_takes_nothing() -> None:
    """The refusal says when to come back."""
    admission = Admission(100)
    with admission.lease("a") as first, admission.lease("b") as second, admission.lease("c") as third:
        first.grow(50)
        second.grow(25)
        third.expect(12)
        with pytest.raises(Rejected):
            third.expect(26)
        with pytest.raises(Rejected) as caught:
            third.grow(26)
        assert caught.value.retry_after_s == 1.0
        assert admission.bytes_in_flight == 75


def test_a_request_larger_than_the_bound_passes_alone() -> None:
    """It would otherwise be asked to come back for ever."""
    admission = Admission(100)
    with admission.lease() as alone:
        alone.grow(80)
        alone.grow(80)
        with admission.lease() as other, pytest.raises(Rejected):
            other.grow(1)
    assert admission.bytes_in_flight == 0


def test_what_the_sink_holds_counts_until_it_is_done() -> None:
    """A followed future releases, not the end of the context."""
    admission = Admission(100)
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    with admission.lease() as lease:
        lease.grow(70)
        lease.follow(future)
    assert admission.bytes_in_flight == 70
    future.set_result(None)
    assert admission.bytes_in_flight == 0


@pytest.mark.parametrize("floods", [1, 2, 3, 7])
def test_clients_that_take_all_they_get_leave_one_more_share(floods: int) -> None:
    """However many requests each sends, k of them hold 1/(k+1) each, and a newcomer finds as much."""
    admission = Admission(1680)
    held = {f"flood {n}": list[Lease]() for n in range(floods)}
    for _ in range(2000):
        for client, leases in held.items():
            lease = admission.lease(client)
            try:
                lease.grow(1)
            except Rejected:
                continue
            leases.append(lease)
    share = 1680 // (floods + 1)
    assert {len(leases) for leases in held.values()} <= {share, share + 1}
    with admission.lease("newcomer") as newcomer:
        newcomer.grow(share // 2 - floods)
        assert admission.bytes_in_flight <= 1680
    for lease in [lease for leases in held.values() for lease in leases]:
        lease.release()
    assert admission.bytes_in_flight == 0


def test_a_client_that_floods_is_the_one_that_is_refused() -> None:
    """Of its many requests most are refused, of the other's few none, whatever the order."""
    rng = random.Random(3)
    admission = Admission(64_000)
    refused = {"flood": 0, "honest": 0}
    open_: dict[str, list[Lease]] = {"flood": [], "honest": []}
    for _ in range(20_000):
        client = rng.choices(["flood", "honest"], [50, 1])[0]
        lease = admission.lease(client)
        try:
            lease.grow(4_000 if client == "flood" else 400)
            open_[client].append(lease)
        except Rejected:
            refused[client] += 1
        for name, at_once in (("flood", 64), ("honest", 2)):
            if len(open_[name]) > at_once or (open_[name] and rng.random() < 0.05):
                open_[name].pop(0).release()
    assert refused["honest"] == 0
    assert refused["flood"] > 10_000


def test_a_shortage_is_told_before_anything_is_read() -> None:
    """What else is short is asked for at the door, and stops only what has not begun."""
    short = [""]
    admission = Admission(100, lambda: short[0])
    with admission.lease() as lease:
        lease.expect(10)
        lease.grow(10)
        short[0] = "memory is short"
        with admission.lease() as later, pytest.raises(Rejected, match="memory is short"):
            later.expect(1)
        lease.grow(10)
        short[0] = ""
        lease.expect(1)


def test_threads_never_exceed_the_bound() -> None:
    """Sixteen threads of four clients take and give, and the count is right in the end."""
    admission = Admission(1000)
    highest: list[int] = []
    start = threading.Barrier(16)

    def work(client: str) -> None:
        start.wait()
        for size in range(1, 300):
            with admission.lease(client) as lease:
                try:
                    lease.grow(size)
                    highest.append(admission.bytes_in_flight)
                except Rejected:
                    highest.append(0)

    threads = [threading.Thread(target=work, args=(f"client {n % 4}",)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(highest) == 16 * 299
    assert max(highest) <= 1000
    assert admission.bytes_in_flight == 0


def test_a_client_waits_for_its_own_turn_with_the_sink() -> None:
    """What it has there is bounded, and what waits behind that does not stand before another client's."""
    admission = Admission(1000 * limits.MIB)
    stored: concurrent.futures.Future[None] = concurrent.futures.Future()
    entered = threading.Event()

    def second() -> None:
        with admission.lease("flood") as lease:
            lease.wait_for_turn(1)
            entered.set()

    with admission.lease("flood") as first:
        first.wait_for_turn(limits.SINK_BYTES_MAX)
        first.follow(stored)
    waiting = threading.Thread(target=second)
    waiting.start()
    with admission.lease("other") as other:
        other.wait_for_turn(limits.SINK_BYTES_MAX)
    assert not entered.is_set()
    stored.set_result(None)
    waiting.join()
    assert entered.is_set()


def test_a_request_larger_than_the_turn_goes_alone() -> None:
    """It would otherwise wait for ever."""
    admission = Admission(1000 * limits.MIB)
    with admission.lease("a") as lease:
        lease.wait_for_turn(2 * limits.SINK_BYTES_MAX)


def test_a_turn_that_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is asked to come back, and its bytes are given back."""
    monkeypatch.setattr(limits, "ACK_WAIT_S", 0.01)
    admission = Admission(1000 * limits.MIB)
    with admission.lease("a") as first:
        first.wait_for_turn(limits.SINK_BYTES_MAX)
        with admission.lease("a") as second, pytest.raises(Rejected, match="not stored yet"):
            second.wait_for_turn(1)
    with admission.lease("a") as third:
        third.wait_for_turn(1)
