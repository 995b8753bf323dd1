"""Export in the background, against a real HTTP server that answers, refuses, is slow, or is not there."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.trace import Tracer
from tests.instrumentation.receiver import Receiver

import haechi
from haechi import _outage, _providers
from haechi._lane import Lane


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def start(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Tracer]]:
    """Turn the SDK on, sending to the receiver; give a tracer. Off again afterwards."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")

    def begin(**arguments: Any) -> Tracer:
        haechi.init("tests", **{"endpoint": receiver.endpoint, **arguments})
        return trace.get_tracer("tests")

    yield begin
    haechi.shutdown()


def spans(tracer: Tracer, count: int, **attributes: Any) -> None:
    for number in range(count):
        tracer.start_span(f"span {number}", attributes=attributes).end()


def lane() -> Lane[Any]:
    own = _providers._state.own
    assert own is not None
    return own.pipeline().lanes[0]


def settled(count: int) -> Lane[Any]:
    """Wait until so many spans need nothing any more."""
    deadline = time.monotonic() + 10
    while lane().settled < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return lane()


def test_what_is_accepted_arrives_once(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """More than one batch, from several threads, with nothing lost and nothing twice."""
    tracer = start()
    threads = [threading.Thread(target=spans, args=(tracer, 300)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert haechi.flush(10)
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 1200
    assert (lane().accepted, lane().delivered, lane().dropped, len(lane())) == (1200, 1200, 0, 0)


def test_it_is_sent_without_being_asked(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """A background thread sends at its interval."""
    spans(start(), 3)
    receiver.wait_for(3)


def test_what_comes_while_a_request_is_under_way_waits_for_the_next_time(
    receiver: Receiver, start: Callable[..., Tracer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a steady load there is a request per interval, not one for each few spans."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    tracer, answer = start(), receiver.answer

    def late(handler: Any, body: bytes) -> None:
        if not receiver.requests:
            spans(tracer, 1, late=True)
        answer(handler, body)

    monkeypatch.setattr(receiver, "answer", late)
    spans(tracer, 1)
    assert haechi.flush(10)
    assert (len(receiver.spans), len(lane())) == (1, 1)
    assert haechi.flush(10)
    assert (len(receiver.spans), len(lane())) == (2, 0)


def test_the_queue_is_bounded_in_spans(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """While the collector does not answer, what comes beyond the bound is dropped and counted."""
    receiver.pause_s = 0.5
    tracer = start(queue_spans_max=100)
    spans(tracer, 250)
    assert len(lane()) + lane().delivered == 100
    assert (lane().accepted, lane().dropped) == (100, 150)
    assert haechi.flush(10)
    assert len(receiver.spans) == 100


def test_the_queue_is_bounded_in_bytes(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """Content is large: a hundred spans of a megabyte do not wait in a queue of ten."""
    receiver.pause_s = 0.5
    tracer = start(queue_bytes_max=10_000_000)
    spans(tracer, 100, content="x" * 1_000_000)
    assert (lane().accepted, lane().dropped) == (9, 91)
    spans(tracer, 1, content="x" * 20_000_000)
    assert lane().dropped == 92
    assert haechi.flush(20)
    assert len(receiver.spans) == 9


def test_large_content_is_sent_in_requests_of_bounded_size(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """A batch ends at four megabytes, whatever the number of spans."""
    tracer = start()
    spans(tracer, 20, content="y" * 500_000)
    assert haechi.flush(20)
    assert len(receiver.spans) == 20
    assert max(size for path, _, size in receiver.requests if path == "/v1/traces") <= 4 * 1024 * 1024


def test_korean_is_measured_as_the_memory_it_takes(start: Callable[..., Tracer]) -> None:
    """Text beyond Latin takes two bytes a character in memory; the bound holds for it."""
    tracer = start(queue_bytes_max=100_000)
    spans(tracer, 1, content="해" * 60_000)
    assert lane().dropped == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_answer_that_asks_for_patience_is_tried_again(
    status: int, start: Callable[..., Tracer], receiver: Receiver
) -> None:
    """The batch waits in its place and arrives once."""
    receiver.status, receiver.headers = status, {"Retry-After": "0.1"}
    spans(start(), 5)
    deadline = time.monotonic() + 5
    while not receiver.refused and time.monotonic() < deadline:
        time.sleep(0.01)
    receiver.status = 200
    receiver.wait_for(5)
    assert settled(5).delivered == 5
    assert len(receiver.spans) == 5


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_an_answer_that_is_final_is_final(status: int, start: Callable[..., Tracer], receiver: Receiver) -> None:
    """The batch is not sent twice; it is counted as dropped, and the next one is tried."""
    receiver.status = status
    tracer = start()
    spans(tracer, 5)
    assert settled(5).refused == 5
    receiver.status = 200
    spans(tracer, 2)
    assert settled(7).delivered == 2
    assert [path for path, _, _ in receiver.requests if path == "/v1/traces"] == ["/v1/traces"] * 2


def test_a_collector_that_comes_later_gets_what_waited(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """With nobody there spans wait; they arrive when somebody is."""
    receiver.__exit__(None, None, None)
    tracer = start()
    spans(tracer, 7)
    assert not haechi.flush(1)
    assert len(lane()) == 7
    with Receiver(port=receiver.port) as later:
        later.wait_for(7)


def test_one_line_when_it_begins_to_last_and_one_when_it_is_over(
    start: Callable[..., Tracer],
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lines name the address, the reason and the counts; nothing of the exporter's own comes through."""
    monkeypatch.setattr(_outage, "SAY_AFTER_S", 0.1)
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    tracer = start()
    for _ in range(3):
        spans(tracer, 5)
        time.sleep(0.1)
    assert settled(15).refused == 15
    time.sleep(0.1)
    receiver.status = 200
    spans(tracer, 1)
    settled(16)
    time.sleep(0.1)
    begun, over = [record.getMessage() for record in caplog.records if record.name != "asyncio"]
    assert begun.startswith(f"telemetry cannot be sent to {receiver.endpoint}: it answered 500")
    sent_to = f"not sent to {receiver.endpoint}: it answered 500 Internal Server Error"
    assert over == f"telemetry dropped: 15 spans, {sent_to}; sending works now"


def test_an_outage_that_loses_nothing_and_is_short_is_not_said(
    start: Callable[..., Tracer], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector that is restarted is no news."""
    caplog.set_level(logging.DEBUG)
    receiver.status, receiver.headers = 503, {"Retry-After": "0.1"}
    spans(start(), 5)
    time.sleep(0.15)
    receiver.status = 200
    receiver.wait_for(5)
    assert caplog.messages == []


def test_a_span_that_cannot_be_encoded_costs_itself_alone(
    start: Callable[..., Tracer], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a surrogate pair is no UTF-8: the other spans of its batch arrive, it is counted; nothing else is said."""
    tracer = start()
    for number in range(300):
        bad = number % 100 == 50
        tracer.start_span("bad \ud83d" if bad else "good", attributes={"text": "\ud83d" * (number % 100 == 60)}).end()
    assert haechi.flush(10)
    assert dict(receiver.names()) == {"good": 297}
    assert (lane().delivered, lane().refused) == (297, 3)
    (said,) = caplog.messages
    assert said.startswith("telemetry dropped: 3 spans, not sent to ")


def test_a_request_that_is_too_large_is_sent_in_parts(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """Some collectors take less than others."""
    receiver.bytes_max = 50_000
    spans(start(), 100, content="x" * 4000)
    assert haechi.flush(10)
    assert len(receiver.spans) == 100
    assert lane().refused == 0


def test_flush_ends_at_its_time(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """A collector that takes seconds to answer does not hold the caller longer than it said."""
    receiver.pause_s = 60
    spans(start(exit_s=0.1), 1)
    assert not haechi.flush(0.3)
    assert receiver.spans == []


def test_metrics_are_sent_at_a_flush_and_at_the_end(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """Instruments made before the first span count from the first span on; other libraries' too."""
    counter = metrics.get_meter("early").create_counter("early")
    tracer = start()
    late = metrics.get_meter("late").create_counter("late")
    spans(tracer, 1)
    counter.add(3)
    late.add(4)
    assert haechi.flush(10)
    sent = {
        metric.name: metric.sum.data_points[0].as_int
        for request in receiver.metrics
        for group in request.resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
    }
    assert sent == {"early": 3, "late": 4}


def test_the_key_goes_to_the_collector(start: Callable[..., Tracer], receiver: Receiver) -> None:
    """As a bearer token, which the collector's gate reads."""
    spans(start(key="hk_abc"), 1)
    assert haechi.flush(10)
    headers = {name.lower(): value for name, value in receiver.requests[0][1].items()}
    assert headers["authorization"] == "Bearer hk_abc"


def test_headers_and_addresses_of_opentelemetry_are_honoured(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock exporter reads OTEL_EXPORTER_OTLP_*, and a key of ours does not go to a foreign address."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=shop")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("HAECHI_KEY", "hk_abc")
    haechi.init()
    spans(trace.get_tracer("tests"), 1)
    assert haechi.flush(10) or receiver.requests
    headers = {name.lower(): value for name, value in receiver.requests[0][1].items()}
    assert (headers["x-team"], headers["content-encoding"]) == ("shop", "gzip")
    assert "authorization" not in headers
    haechi.shutdown()


def test_a_finalizer_may_end_a_span_in_the_middle_of_another(start: Callable[..., Tracer]) -> None:
    """An abandoned stream's span ends wherever the garbage collector runs, also inside the queue."""
    tracer = start()

    class Dropped:
        def __len__(self) -> int:
            return 1

        def __del__(self) -> None:
            tracer.start_span("from a finalizer").end()

    with lane()._lock:
        Dropped()
        tracer.start_span("same thread").end()
    assert haechi.flush(10)
    assert lane().delivered == 2


def test_a_forked_child_sends_its_own_and_nothing_of_its_parents(
    start: Callable[..., Tracer], receiver: Receiver
) -> None:
    """The child begins with an empty queue, a thread and counters of its own, and says its own process id."""
    receiver.pause_s = 0.3  # so that the parent has something waiting when it forks
    tracer = start()
    counter = metrics.get_meter("m").create_counter("calls")
    tracer.start_span("parent").end()
    counter.add(5)
    child = os.fork()
    if child == 0:
        tracer.start_span("child").end()
        counter.add(2)
        haechi.flush(10)
        os._exit(0)
    os.waitpid(child, 0)
    assert haechi.flush(10)
    assert dict(receiver.names()) == {"parent": 1, "child": 1}
    by_name = {span.name: span.resource["process.pid"] for span in receiver.spans}
    assert by_name == {"parent": os.getpid(), "child": child}
    sums = [
        point.as_int
        for request in receiver.metrics
        for group in request.resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]
    assert sorted(sums) == [2, 5]
