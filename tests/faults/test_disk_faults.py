"""A disk that is full, read-only, or cannot sync, under the journal and under the store."""

import signal
import time
from collections.abc import Iterator

import pytest
from tests.faults.disk import State
from tests.faults.load import Load
from tests.faults.processes import until
from tests.faults.site import Site
from tests.faults.store_proxy import Fault

FAILING = [state for state in State if state is not State.WELL]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for the tests of this file; each leaves it working."""
    made = Site(tmp_path_factory.mktemp("disks"))
    made.collector.start()
    yield made
    made.close()


@pytest.mark.parametrize("state", FAILING, ids=lambda s: s.name.lower())
def test_the_journals_disk(site: Site, state: State) -> None:
    """Acknowledgements stop, with answers that ask to come back; when the disk works they go on without a restart."""
    load = Load(site.collector, pause_s=0.0, first=int(state) * 100_000, tally=site.load.tally)
    load.start()
    until(lambda: load.acknowledged > 10, "acknowledgements")
    with site.proxy.meeting(Fault.ERROR_500):  # else what is stored makes room on a full disk
        site.journal_disk.turn(state)
        until(lambda: load.refusals_in_a_row > 8, "refusals")
        stopped_at = load.acknowledged
        until(lambda: load.refusals_in_a_row > 24, "refusals, and nothing else")
        assert load.acknowledged == stopped_at
        site.journal_disk.turn(State.WELL)
        until(lambda: load.acknowledged > stopped_at + 10, "acknowledgements again")
    load.stop()
    site.is_right()


def test_what_was_acknowledged_around_a_failing_disk_survives_kill_9(site: Site) -> None:
    """Nothing was acknowledged that the disk does not hold: the next start finds it."""
    load = Load(site.collector, pause_s=0.0, first=900_000, tally=site.load.tally)
    load.start()
    site.store.send(signal.SIGSTOP)
    for state in FAILING:
        site.journal_disk.turn(state)
        time.sleep(0.2)
        site.journal_disk.turn(State.WELL)
        time.sleep(0.2)
    site.collector.kill()
    site.store.send(signal.SIGCONT)
    site.collector.start()
    load.stop()
    site.is_right()


@pytest.mark.parametrize("state", FAILING, ids=lambda s: s.name.lower())
def test_the_stores_disk(site: Site, state: State) -> None:
    """Acknowledgements go on, rows wait in the journal, and are stored once when the disk works."""
    retries = site.collector.metric("haechi_insert_retries_total")
    site.store_disk.turn(state)
    site.load.send(24)
    until(lambda: site.collector.metric("haechi_insert_retries_total") > retries + 1, "inserts fail")
    site.store_disk.turn(State.WELL)
    site.is_right()
