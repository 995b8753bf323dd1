"""Who makes room when there are too many connections."""

import random

from haechi_collector.receive.connections import Connections


class Recorded:
    """A connection that only notes that it was closed."""

    def __init__(self) -> None:
        self.closed = False

    def close_now(self) -> None:
        self.closed = True


def open_many(table: Connections, client: str, count: int) -> list[Recorded]:
    opened = [Recorded() for _ in range(count)]
    for connection in opened:
        table.opened(client, connection)
    return opened


def test_with_room_nobody_leaves() -> None:
    """One client may have all places while nobody else wants any."""
    assert not any(c.closed for c in open_many(Connections(10), "a", 10))


def test_one_more_of_the_heaviest_is_the_one_to_go() -> None:
    """A client gains nothing by opening yet another."""
    opened = open_many(Connections(10), "a", 11)
    assert [c.closed for c in opened] == [False] * 10 + [True]


def test_the_heaviest_makes_room_with_its_oldest_idle_one() -> None:
    """Not with one on which a request is under way."""
    table = Connections(10)
    many = open_many(table, "a", 10)
    table.busy("a", many[0])
    (new,) = open_many(table, "b", 1)
    assert not new.closed
    assert [n for n, c in enumerate(many) if c.closed] == [1]


def test_when_all_are_busy_the_newcomer_leaves() -> None:
    """Nothing that is under way is broken off."""
    table = Connections(2)
    many = open_many(table, "a", 2)
    for connection in many:
        table.busy("a", connection)
    (new,) = open_many(table, "b", 1)
    assert new.closed
    assert not any(c.closed for c in many)


def test_places_of_those_that_left_are_free() -> None:
    """However they come and go, the bound holds and the counts are right."""
    rng = random.Random(7)
    table = Connections(20)
    open_: list[tuple[str, Recorded]] = []
    for _ in range(5000):
        if open_ and rng.random() < 0.5:
            client, connection = open_.pop(rng.randrange(len(open_)))
            table.closed(client, connection)
        else:
            client, connection = rng.choice("aaab"), Recorded()
            open_.append((client, connection))
            table.opened(client, connection)
            if rng.random() < 0.3:
                table.busy(client, connection)
        for entry in [entry for entry in open_ if entry[1].closed]:
            open_.remove(entry)
            table.closed(*entry)
        assert len(open_) <= 20
    for entry in open_:
        table.closed(*entry)
    assert table.__dict__ == Connections(20).__dict__
