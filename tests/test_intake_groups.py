"""The way in decodes requests together that can wait for one another, and keeps none waiting for nothing."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from haechi_collector.intake import Intake
from haechi_collector.intake import _Request as Request
from haechi_collector.intake import _Waiting as Waiting
from haechi_collector.journal import Journal
from haechi_collector.limits import GROUP_BYTES_MAX
from haechi_collector.sink import Accepted, Encoding, Sender, Signal
from haechi_collector.telemetry import Metrics
from haechi_collector.turn import _TURN, turn

MIB = 1024 * 1024
KEY = (Signal.TRACES, Encoding.PROTOBUF, "default")


def put(waiting: Waiting, *bodies: bytes) -> None:
    for body in bodies:
        waiting.put(Request(KEY, body, body))


def bodies(group: Sequence[Request]) -> list[bytes]:
    return [r.body for r in group]


def test_what_comes_while_an_entry_is_written_goes_together() -> None:
    """When the entry is on disk the next group holds all that came meanwhile."""
    waiting = Waiting()
    waiting.commit_began()
    put(waiting, b"a", b"b")
    waiting.commit_ended(answered=0)

    assert bodies(waiting.next_group()) == [b"a", b"b"]


def test_a_slow_disk_is_not_waited_for() -> None:
    """An entry that is being written holds the next group up for a moment, not until it is on disk."""
    waiting = Waiting()
    waiting.commit_began()
    put(waiting, b"early")

    assert bodies(waiting.next_group()) == [b"early"]


def test_those_that_were_answered_are_waited_for() -> None:
    """A sender that is back at once finds its place in the group; when all are back nobody waits longer."""
    waiting = Waiting()
    waiting.commit_began()
    put(waiting, b"another")
    waiting.commit_ended(answered=1)
    put(waiting, b"again")

    assert bodies(waiting.next_group()) == [b"another", b"again"]


def test_a_sender_that_does_not_come_back_is_not_waited_for() -> None:
    """After a moment the group goes without it."""
    waiting = Waiting()
    waiting.commit_began()
    waiting.commit_ended(answered=3)
    put(waiting, b"lonely")

    assert bodies(waiting.next_group()) == [b"lonely"]


def test_a_full_group_waits_for_no_disk() -> None:
    """With many clients the next group is decoded while the last one is written."""
    waiting = Waiting()
    waiting.commit_began()
    put(waiting, *(bytes([n]) * MIB for n in range(5)))

    assert sum(map(len, bodies(waiting.next_group()))) == 5 * MIB <= GROUP_BYTES_MAX


def test_what_waits_at_the_end_is_taken() -> None:
    """Closing hands out the rest, an entry under way or not, and then nothing."""
    waiting = Waiting()
    waiting.commit_began()
    put(waiting, b"last")
    waiting.close()

    assert [bodies(waiting.next_group()), bodies(waiting.next_group())] == [[b"last"], []]


def test_every_request_of_many_senders_is_answered(tmp_path: Path) -> None:
    """Senders that wait for their answer before they send again neither stop one another nor lose a request."""
    journal = Journal(tmp_path, 64 * MIB)
    intake = Intake(journal, Metrics())

    def send(sender: int) -> list[Accepted]:
        unknown = (b"\x7d" + (sender * 100 + n).to_bytes(4, "little") for n in range(20))  # a field that nobody knows
        return [
            intake.accept(Signal.TRACES, Encoding.PROTOBUF, body, Sender(f"project-{sender % 2}")).result(30)
            for body in unknown
        ]

    with ThreadPoolExecutor(5) as pool:
        answers = [answer for answers in pool.map(send, range(5)) for answer in answers]
    intake.close()
    kept = sum(1 for _ in journal.remembered())
    journal.close()

    assert (answers, kept) == ([Accepted()] * 100, 100)


def test_a_turn_is_not_waited_for_without_end() -> None:
    """Who finds another at work goes on beside it after a while; the turn is free again afterwards."""
    beside = threading.Event()

    def other() -> None:
        with turn():
            beside.set()

    with turn():
        thread = threading.Thread(target=other)
        thread.start()
        assert beside.wait(10)
        thread.join()
    assert not _TURN.locked()
