"""The way in: decode → set broken rows aside → journal → acknowledge.

Guarantee: the future of `Intake.accept` resolves only after the rows are on disk. `Undecodable` says that the body is
not what it claims to be, `Rejected` that there is no room; then nothing of it was kept.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Final

import pyarrow as pa

from haechi_collector import decode
from haechi_collector.journal import Entry, Journal
from haechi_collector.sink import Accepted, Encoding, Sender, Signal
from haechi_collector.telemetry import Metrics

_DECODERS: Final[Mapping[tuple[Signal, Encoding], Callable[[bytes], pa.RecordBatch]]] = {
    (Signal.TRACES, Encoding.PROTOBUF): decode.decode_traces,
    (Signal.LOGS, Encoding.PROTOBUF): decode.decode_logs,
    (Signal.METRICS, Encoding.PROTOBUF): decode.decode_metrics,
    (Signal.TRACES, Encoding.JSON): decode.decode_traces_json,
    (Signal.LOGS, Encoding.JSON): decode.decode_logs_json,
    (Signal.METRICS, Encoding.JSON): decode.decode_metrics_json,
}


class Intake:
    """The doors' sink: takes request bodies into the journal. Called from several threads at once."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal = journal
        self._metrics = metrics

    def accept(self, signal: Signal, encoding: Encoding, body: bytes, sender: Sender) -> Future[Accepted]:
        """Take one decompressed request body; see the module's guarantee.

        Raises:
            Undecodable: never send it again.
            Rejected: send it again later.
        """
        batch, refused = decode.split_invalid(_DECODERS[signal, encoding](body))
        self._metrics.counter("haechi_refused_rows_total", signal).inc(refused.count)
        answer: Future[Accepted] = Future()
        accepted = Accepted(refused.count, refused.reason)
        if not batch.num_rows:
            answer.set_result(accepted)
            return answer
        written = self._journal.append(Entry(signal, sender.project, time.time_ns(), batch))
        written.add_done_callback(lambda done: self._acknowledge(done, answer, accepted, signal, batch.num_rows))
        return answer

    def _acknowledge(
        self, done: Future[None], answer: Future[Accepted], accepted: Accepted, signal: Signal, rows: int
    ) -> None:
        error = done.exception()
        if error is not None:
            answer.set_exception(error)
            return
        self._metrics.counter("haechi_accepted_rows_total", signal).inc(rows)
        answer.set_result(accepted)
