"""A collector, a store that runs apart, a proxy between them, disks under both that fail on demand, and load."""

from pathlib import Path

from tests.faults.disk import Disk
from tests.faults.load import Load
from tests.faults.oracle import Verdict, imbalance, judge_soon, ledger
from tests.faults.processes import Collector, Store, until
from tests.faults.store_proxy import StoreProxy


class Site:
    """Everything on one scratch directory; the store runs when it is made, the collector does not.

    Args:
        directory: scratch.
        options: of the collector.
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self.journal_disk = Disk(directory / "data" / "journal", directory)
        self.store_disk = Disk(directory / "store", directory)
        self.store = Store(directory / "store", self.store_disk.environment)
        self.store.start()
        self.proxy = StoreProxy(self.store.port)
        self.collector = Collector(
            directory / "data",
            *options,
            clickhouse=self.store.dsn(self.proxy.port).text,
            environment=self.journal_disk.environment,
        )
        self.load = Load(self.collector, pause_s=0.0)

    def is_right(self) -> None:
        """Assert that everything that was ever acknowledged is stored once, and that the ledger says so."""
        assert judge_soon(self.store.reader, self.load.tally) == Verdict()
        until(lambda: not any(s["queued"] for s in ledger(self.collector).values()), "an empty queue")
        assert imbalance(ledger(self.collector)) == {}
        assert sum(states["dead"] for states in ledger(self.collector).values()) == 0

    def close(self) -> None:
        """End everything."""
        self.collector.clear_away()
        self.proxy.stop()
        self.store.stop()
