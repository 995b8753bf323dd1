"""The way in: decode → set broken rows aside → journal → acknowledge.

Guarantee: the future of `Intake.accept` resolves only after the rows are on disk. `Undecodable` says that the body is
not what it claims to be, `Rejected` that there is no room; then nothing of it was kept. A request that is sent again
unchanged is answered as the first time and stored once (`recent_requests`).

One thread decodes: what came while it worked is decoded together and becomes one entry of the journal, because a
request costs a millisecond beside its rows, and threads that decode side by side only wait for one another. Requests
of one signal, encoding and project go together, projects take turns. What breaks a group is then tried one by one.
While an entry is written the next group grows, and after it until those that were answered are back; but nobody waits
longer than `GROUP_WAIT_S` for company.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from haechi_collector import decode
from haechi_collector.errors import HaechiError, Rejected
from haechi_collector.journal import Entry, Journal, Mark
from haechi_collector.limits import GROUP_BYTES_MAX, GROUP_WAIT_S
from haechi_collector.recent_requests import RecentRequests, digest_of
from haechi_collector.sink import Accepted, Encoding, Sender, Signal
from haechi_collector.telemetry import Metrics
from haechi_collector.turn import turn

logger = logging.getLogger(__name__)

_GROUP_FULL_BYTES: Final = GROUP_BYTES_MAX // 2
"""Enough for a group, whatever is being written. More: many clients leave the decoder idle meanwhile."""

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
            del group  # or an idle decoder would keep the last bodies alive

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
        with turn():
            decoded = decode.decode(signal, encoding, [r.body for r in group])
            batch, refused = decode.split_invalid(decoded.batch)
        if refused.count and len(group) > 1:
            self._take_apart(group)  # each sender is told of its own rows
            return
        answer = Accepted(refused.count, refused.reason)
        marks = [Mark(r.digest, refused.count, refused.reason) for r in group]
        rows = batch.num_rows
        written = self._journal.append(Entry(signal, project, time.time_ns(), batch), marks)
        self._waiting.commit_began()
        written.add_done_callback(lambda done: self._acknowledge(done, group, answer, rows))

    def _acknowledge(self, done: Future[None], group: Sequence[_Request], answer: Accepted, rows: int) -> None:
        self._waiting.commit_ended(len(group))
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
        self._changed = threading.Condition()  # guards all; held for a few operations on them
        self._count, self._bytes = 0, 0  # of what waits
        self._came = 0.0  # when the oldest of it did
        self._commits = 0  # under way
        self._expected, self._until = 0, 0.0  # how many are to wait together, and until when they may be expected
        self._closed = False

    def put(self, request: _Request) -> None:
        with self._changed:
            if not self._queues:
                self._came = time.monotonic()
            self._queues.setdefault(request.key, deque()).append(request)
            self._count += 1
            self._bytes += len(request.body)
            self._changed.notify()

    def commit_began(self) -> None:
        with self._changed:
            self._commits += 1

    def commit_ended(self, answered: int) -> None:
        """Expect those back that are answered now."""
        with self._changed:
            self._commits -= 1
            self._expected, self._until = self._count + answered, time.monotonic() + GROUP_WAIT_S
            self._changed.notify()

    def next_group(self) -> list[_Request]:
        """Wait for requests; return some that go together, none when closed and empty."""
        with self._changed:
            while not self._closed and (wait_s := self._wait_s()) != 0:
                self._changed.wait(wait_s)
            if not self._queues:
                return []
            key, queue = self._queues.popitem(last=False)
            group = [queue.popleft()]
            size = len(group[0].body)
            while queue and size + len(queue[0].body) <= GROUP_BYTES_MAX:
                group.append(queue.popleft())
                size += len(group[-1].body)
            self._count -= len(group)
            self._bytes -= size
            if queue:
                self._queues[key] = queue  # behind the others
            return group

    def _wait_s(self) -> float | None:
        """Return how long to wait for more: 0 not at all, None until something changes."""
        if self._bytes >= _GROUP_FULL_BYTES:
            return 0
        if not self._queues:
            return None
        until = self._came + GROUP_WAIT_S
        if not self._commits:
            until = min(until, self._until) if self._count < self._expected else 0.0
        return max(0.0, until - time.monotonic())

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
