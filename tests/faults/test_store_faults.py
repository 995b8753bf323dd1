"""A store that is away, hangs, fails, runs full: acknowledgements go on, and every row is stored once afterwards."""

import signal
from collections.abc import Iterator

import pytest
from tests.faults.load import Load, traces
from tests.faults.processes import until
from tests.faults.site import Site
from tests.faults.store_proxy import Fault

from haechi_collector.store.client import StoreClient


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for the tests of this file; each leaves it working."""
    made = Site(tmp_path_factory.mktemp("site"), "--store-answer-s=3")
    made.collector.start()
    yield made
    made.close()


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.NONE], ids=lambda f: f.name.lower())
def test_inserts_meet(site: Site, fault: Fault) -> None:
    """Load is acknowledged while inserts fail, and every row is there once when they work again."""
    with site.proxy.meeting(fault):
        site.load.send(24)
        until(lambda: site.proxy.met > 1, "inserts meet the fault, and are tried again")
    site.is_right()


def test_too_many_parts(site: Site) -> None:
    """The engine's own refusal (code 252) is waited out."""
    writer = StoreClient.connect(site.store.dsn())
    writer.command("SYSTEM STOP MERGES haechi.spans")
    writer.command("ALTER TABLE spans MODIFY SETTING parts_to_throw_insert = 1")
    retries = site.collector.metric("haechi_insert_retries_total")
    site.load.send(24)
    until(lambda: site.collector.metric("haechi_insert_retries_total") > retries + 1, "inserts are refused")
    writer.command("ALTER TABLE spans RESET SETTING parts_to_throw_insert")
    writer.command("SYSTEM START MERGES haechi.spans")
    writer.close()
    site.is_right()


def test_a_table_that_is_away(site: Site) -> None:
    """Somebody renames a table: its rows wait, they are not set aside."""
    writer = StoreClient.connect(site.store.dsn())
    retries = site.collector.metric("haechi_insert_retries_total")
    writer.command("RENAME TABLE spans TO elsewhere")
    site.load.send(24)
    until(lambda: site.collector.metric("haechi_insert_retries_total") > retries + 1, "inserts are refused")
    writer.command("RENAME TABLE elsewhere TO spans")
    writer.close()
    site.is_right()


def test_a_store_that_stands_still(site: Site) -> None:
    """SIGSTOP for longer than an insert may take, then SIGCONT."""
    retries = site.collector.metric("haechi_insert_retries_total")
    site.store.send(signal.SIGSTOP)
    site.load.send(24)
    until(lambda: site.collector.metric("haechi_insert_retries_total") > retries, "an insert is given up")
    site.store.send(signal.SIGCONT)
    site.is_right()


def test_a_store_that_is_down_for_long(site: Site) -> None:
    """200,000 spans are acknowledged while it is down; then they are stored."""
    site.store.kill()
    load = Load(site.collector, lambda n: traces(n, 2_000), pause_s=0.0, first=1_000_000, tally=site.load.tally)
    load.send(100)
    until(lambda: site.collector.metric("haechi_journal_rows") == 200_000, "all of it waits in the journal")
    site.store.start()
    site.is_right()
