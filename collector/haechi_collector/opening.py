"""Opening what the configuration names, for every command that needs it alone."""

from contextlib import ExitStack
from pathlib import Path

from haechi.pricing import PriceBook, PriceFileError
from haechi_collector.config import Config
from haechi_collector.dead_letters import DeadLetters
from haechi_collector.errors import SettingError
from haechi_collector.journal import Journal
from haechi_collector.keeping import Keeper
from haechi_collector.pipeline import Pipeline
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.days import Days
from haechi_collector.store.migrate import migrate
from haechi_collector.store.retention import Retention
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.store.tables import Tables
from haechi_collector.telemetry import Metrics
from haechi_collector.writer import Writer


def price_book(config: Config) -> PriceBook:
    """Load the price book with the user's overrides.

    Raises:
        SettingError: the file of the setting ``prices`` is wrong.
    """
    try:
        return PriceBook.load(config.prices)
    except PriceFileError as error:
        raise SettingError(f"prices: {error}") from error


def make_data_dir(config: Config) -> None:
    """Make the data directory.

    Raises:
        SettingError: it cannot be made.
    """
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"data_dir = {str(config.data_dir)!r}: {error.strerror}") from error


def retention_of(config: Config, client: StoreClient, metrics: Metrics) -> Retention:
    """Return what the configuration says is kept; by default the embedded store is bounded by its disk."""
    bytes_max: int | Path | None = config.retention_bytes_max
    if bytes_max is None:
        bytes_max = 0 if config.clickhouse is not None else config.data_dir
    return Retention(Days(client, config.cluster), config.retention_days, bytes_max, config.content_days, metrics)


def open_keeper(config: Config, undo: ExitStack) -> Keeper:
    """Open the store and hand on what a stopped collector left in its journal, for one command.

    Raises:
        SettingError: the store or the journal is in use, or cannot be opened.
        StoreError, StoreUnavailable: the server refuses, or does not answer.
    """
    client, metrics = open_store(config, undo), Metrics()
    migrate(client, config.cluster)
    retention = retention_of(config, client, metrics)
    if not (config.data_dir / "journal").exists():
        return Keeper(config, client, retention)
    journal, pipeline = _open_way_on(config, client, metrics, undo)
    return Keeper(config, client, retention, journal, pipeline)


def open_dead_letters(config: Config, undo: ExitStack) -> DeadLetters:
    """Open the store and a stopped collector's journal, for one command.

    Raises:
        SettingError: the store or the journal is in use, or cannot be opened.
        StoreError, StoreUnavailable: the server refuses, or does not answer.
    """
    client = open_store(config, undo)
    migrate(client, config.cluster)
    journal, _ = _open_way_on(config, client, Metrics(), undo)
    return DeadLetters(journal, Tables(client, config.cluster))


def _open_way_on(config: Config, client: StoreClient, metrics: Metrics, undo: ExitStack) -> tuple[Journal, Pipeline]:
    """Hand on what the journal holds, until the command ends."""
    pipeline = Pipeline(price_book(config), metrics, token_counting=config.token_counting)
    journal = Journal(config.data_dir / "journal", config.journal_bytes_max)
    undo.callback(journal.close)
    writer = Writer(journal, pipeline, Tables(client, config.cluster), config, metrics)
    undo.callback(writer.stop, 0.0)
    undo.callback(journal.stop_accepting)
    writer.start()
    return journal, pipeline


def open_store(config: Config, undo: ExitStack) -> StoreClient:
    """Connect to the named server, or start the embedded store, which no other process may hold then.

    Raises:
        SettingError: the embedded store is in use or cannot be started.
        StoreError, StoreUnavailable: the server refuses, or does not answer.
    """
    if config.clickhouse is not None:
        dsn = Dsn.parse(config.clickhouse)
    else:
        make_data_dir(config)
        store = EmbeddedStore(config.data_dir / "store", 0)
        undo.callback(store.stop)
        store.start()
        dsn = store.dsn
    client = StoreClient.connect(dsn)
    undo.callback(client.close)
    return client
