"""Opening what the configuration names, for every command that needs it alone."""

from contextlib import ExitStack

from haechi.pricing import PriceBook, PriceFileError
from haechi_collector.config import Config
from haechi_collector.errors import SettingError
from haechi_collector.store.client import Dsn, StoreClient
from haechi_collector.store.supervisor import EmbeddedStore


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
