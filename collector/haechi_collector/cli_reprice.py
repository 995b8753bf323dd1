"""``haechi reprice``: prices stored calls again, with a progress bar and an audit row.

The embedded store belongs to one process, so it is re-priced while no collector runs on its directory; a ClickHouse
server at any time.
"""

from contextlib import ExitStack
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from haechi.pricing import PriceBook
from haechi_collector.config import Config
from haechi_collector.errors import SettingError
from haechi_collector.opening import open_store, price_book
from haechi_collector.reprice import Audit, Window, reprice
from haechi_collector.store.tables import Tables
from haechi_collector.times import parse_time


def run_reprice(config: Config, since: str, until: str) -> int:
    """Re-price a window and print what changed; return the exit status, 0.

    Raises:
        SettingError: a time is none, or the store cannot be had.
        StoreError: ClickHouse refused a statement or is gone.
    """
    now = datetime.now(UTC)
    window = Window(parse_time(since, now, "--from"), parse_time(until, now, "--to"))
    if config.cluster is not None:
        raise SettingError("cluster: re-pricing works on one server; run it on a node of each shard")
    book = price_book(config)
    with ExitStack() as undo:
        tables = Tables(open_store(config, undo))
        audit = _with_progress(tables, book, window)
    _told(audit)
    return 0


def _with_progress(tables: Tables, book: PriceBook, window: Window) -> Audit:
    total = tables.query(
        f"SELECT count() AS calls FROM spans WHERE start_time >= {window.start.timestamp()} "  # noqa: S608  numbers
        f"AND start_time < {window.end.timestamp()} AND usage_source IN ('reported', 'counted')"
    )
    columns = (TextColumn("pricing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("pricing", total=total["calls"][0].as_py())
        return reprice(tables, book, window, lambda audit: progress.update(task, completed=audit.rows_read))


def _told(audit: Audit) -> None:
    changed = f"{audit.rows_changed:,} of {audit.rows_read:,} calls changed"
    costs = f"{audit.cost_before} USD before, {audit.cost_after} USD now"
    print(f"{changed}: {costs} (price_audit {audit.id})")
