"""The bound on bytes in flight."""

import concurrent.futures
import threading

import pytest

from haechi_collector.errors import Rejected
from haechi_collector.receive.admission import Admission


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
    with admission.lease() as first, admission.lease() as second:
        first.grow(60)
        second.expect(40)
        with pytest.raises(Rejected) as caught:
            second.expect(41)
        with pytest.raises(Rejected):
            second.grow(41)
        assert caught.value.retry_after_s == 1.0
        assert admission.bytes_in_flight == 60


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


def test_threads_never_exceed_the_bound() -> None:
    """Sixteen threads take and give, and the count is right in the end."""
    admission = Admission(1000)
    highest: list[int] = []
    start = threading.Barrier(16)

    def work() -> None:
        start.wait()
        for size in range(1, 300):
            with admission.lease() as lease:
                try:
                    lease.grow(size)
                    highest.append(admission.bytes_in_flight)
                except Rejected:
                    highest.append(0)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(highest) == 16 * 299
    assert max(highest) <= 1000
    assert admission.bytes_in_flight == 0
