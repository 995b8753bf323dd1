"""What a question reads: the rows of its window, and not much more than the row that it wants."""

import re

import pytest

from haechi_collector.store.client import StoreClient

ROWS = 200_000
NOON = "toDateTime64('2026-11-20 12:00:00', 9, 'UTC')"
FILL = f"""INSERT INTO spans (project, trace_id, service_name, start_time, input_messages)
SELECT 'default', toString(number), 'service-' || toString(number % 3),
       toDateTime64('2026-11-20 00:00:00', 9, 'UTC') + toIntervalMillisecond(intDiv(86400000 * number, {ROWS})),
       repeat(hex(cityHash64(number)), 40)
FROM numbers({ROWS})"""


@pytest.fixture
def day(client: StoreClient) -> StoreClient:
    """A day of spans with messages of 640 bytes, in one part."""
    client.command("TRUNCATE TABLE spans")
    client.command(FILL)
    client.command("OPTIMIZE TABLE spans FINAL")
    return client


def granules(client: StoreClient, where: str) -> tuple[int, int]:
    """Return how many granules are read, and how many there are."""
    plan = client.query(f"EXPLAIN indexes = 1 SELECT sum(duration_ns) FROM spans WHERE {where}")["explain"].to_pylist()
    counts = [re.search(r"Granules: (\d+)/(\d+)", line) for line in plan]
    found = [(int(one[1]), int(one[2])) for one in counts if one]
    return found[-1][0], found[0][1]


@pytest.mark.parametrize("project", ["", "project = 'default' AND "])
def test_an_hour_reads_an_hour(day: StoreClient, project: str) -> None:
    """Of a day in one part; also for people who write nothing but the time into their SQL."""
    window = f"start_time >= {NOON} AND start_time < {NOON} + toIntervalHour(1)"
    read, all_of_them = granules(day, project + window)
    assert 1 <= read <= all_of_them / 12


def test_a_granule_is_small(day: StoreClient) -> None:
    """Two megabytes of rows, not eight thousand of them whatever they hold: one trace is not read with the hour."""
    read, all_of_them = granules(day, "trace_id = '123456'")
    assert (read, all_of_them > ROWS / 4_000) == (1, True)
