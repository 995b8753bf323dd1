"""The way in: decode → set broken rows aside → journal → acknowledge.

Guarantee: the future of `Intake.accept` resolves only after the rows are on disk. `Undecodable` says that the body is
not what it claims to be, `Rejected` that there is no room; then nothing of it was kept. A request that is sent again
unchanged is answered as the first time and stored once (`recent_requests`).

One thread decodes: what came while it worked is decoded together and becomes one entry of the journal, because a
request costs a millisecond beside its rows, and threads that decode side by side only wait for one another. Requests
of one signal, encoding and project go together, projects take turns. What breaks a group is then tried one by one.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from haechi_collector import decode
from haechi_collector.errors import HaechiError, Rejected
from haechi_collector.journal import Entry, Journal, Mark
from haechi_collector.limits import GROUP_BYTES_MAX
from haechi_collector.recent_requests import RecentRequests, digest_of
from haechi_collector.sink import Accepted, Encoding, Sender, Signal
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_Key = tuple[Signal, Encoding, str]


@dataclass(frozen=True, slots=True)
class _Request:
    key: _Key
    body: bytes
    digest: bytes
    answer: Future[Accepted] = field(default_factory=Future)


class Intake:
    """The doors' sink: takes request bodies into the journal. Called from several threads at once."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal = journal
        self._metrics = metrics
        self._recent = RecentRequests(journal.remembered())
        self._waiting = _Waiting()
        self._decoder = threading.Thread(target=self._decode_forever, name="decoder", daemon=True)
        self._decoder.start()

    def accept(self, signal: Signal, encoding: Encoding, body: bytes, sender: Sender) -> Future[Accepted]:
        """Take one decompressed request body; see the module's guarantee.

        Raises:
            Undecodable: never send it again.
        """
        key = (signal, encoding, sender.project)
        request = _Request(key, decode.plain(signal, encoding, body), digest_of(signal, sender.project, body))
        first = self._recent.claim(request.digest, request.answer)
        if first is not None:
            self._metrics.counter("haechi_duplicate_requests_total", signal).inc()
            return first
        if len(request.body) > GROUP_BYTES_MAX:
            self._take([request])
        else:
            self._waiting.put(request)
        return request.answer

    def close(self) -> None:
        """Take what waits into the journal and stop; the doors must be closed."""
        self._waiting.close()
        self._decoder.join()

    def _decode_forever(self) -> None:
        while group := self._waiting.next_group():
            self._take(group)

    def _take(self, group: Sequence[_Request]) -> None:
        try:
            self._journal_together(group)
        except Rejected as error:
            self._fail(group, error)
        except Exception as error:  # the decoder's boundary: it must live on, and every sender be answered
            if len(group) > 1:
                self._take_apart(group)
                return
            if not isinstance(error, HaechiError):
                logger.exception("a request of %d bytes cannot be taken", len(group[0].body))
            self._fail(group, error)

    def _take_apart(self, group: Sequence[_Request]) -> None:
        for request in group:
            self._take([request])

    def _journal_together(self, group: Sequence[_Request]) -> None:
        signal, encoding, project = group[0].key
        decoded = decode.decode(signal, encoding, [r.body for r in group])
        batch, refused = decode.split_invalid(decoded.batch)
        if refused.count and len(group) > 1:
            self._take_apart(group)  # each sender is told of its own rows
            return
        answer = Accepted(refused.count, refused.reason)
        marks = [Mark(r.digest, refused.count, refused.reason) for r in group]
        rows = batch.num_rows
        written = self._journal.append(Entry(signal, project, time.time_ns(), batch), marks)
        written.add_done_callback(lambda done: self._acknowledge(done, group, answer, rows))

    def _acknowledge(self, done: Future[None], group: Sequence[_Request], answer: Accepted, rows: int) -> None:
        error = done.exception()
        if error is not None:
            self._fail(group, error)
            return
        signal = group[0].key[0]
        self._metrics.counter("haechi_accepted_rows_total", signal).inc(rows)
        self._metrics.counter("haechi_refused_rows_total", signal).inc(answer.refused)
        for request in group:
            self._recent.settle(request.digest, answer)
            request.answer.set_result(answer)

    def _fail(self, group: Sequence[_Request], error: BaseException) -> None:
        for request in group:
            self._recent.settle(request.digest, None)
            request.answer.set_exception(error)


class _Waiting:
    """Requests that wait for the decoder, bounded by what admission lets in."""

    def __init__(self) -> None:
        self._queues: OrderedDict[_Key, deque[_Request]] = OrderedDict()
        self._changed = threading.Condition()  # guards both; held for a few operations on them
        self._closed = False

    def put(self, request: _Request) -> None:
        with self._changed:
            self._queues.setdefault(request.key, deque()).append(request)
            self._changed.notify()

    def next_group(self) -> list[_Request]:
        """Wait for requests; return some that go together, none when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queues or self._closed)
            if not self._queues:
                return []
            key, queue = self._queues.popitem(last=False)
            group = [queue.popleft()]
            size = len(group[0].body)
            while queue and size + len(queue[0].body) <= GROUP_BYTES_MAX:
                group.append(queue.popleft())
                size += len(group[-1].body)
            if queue:
                self._queues[key] = queue  # behind the others
            return group

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
