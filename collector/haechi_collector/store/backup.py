"""Copies of the embedded store, made and taken back by ClickHouse itself.

Guarantees: `back_up` copies every table as it is at one moment each, with checksums, while inserts go on; nothing that
was stored before it began is missing. `restore` fills an empty store only, and what it gives answers every query as the
store did that was copied.

Source: ClickHouse's ``BACKUP`` and ``RESTORE`` with ``File``.
"""

from pathlib import Path

from haechi_collector.store.client import StoreClient
from haechi_collector.store.cluster import quoted
from haechi_collector.store.lexer import literal


def back_up(client: StoreClient, directory: Path, base: Path | None = None) -> None:
    """Copy the database into a new directory.

    Args:
        client: of the embedded store, one that waits long enough.
        directory: must not be there.
        base: an earlier copy; only what it lacks is copied, and it is needed to restore this one.

    Raises:
        StoreError, StoreUnavailable: ClickHouse refused, or did not answer.
    """
    on_top = "" if base is None else f" SETTINGS base_backup = {_file(base)}"
    client.command(f"BACKUP DATABASE {quoted(client.dsn.database)} TO {_file(directory)}{on_top}")


def restore(client: StoreClient, directory: Path) -> None:
    """Bring the database back into a store that has none.

    Raises:
        StoreError, StoreUnavailable: ClickHouse refused, or did not answer.
    """
    sql = f"RESTORE DATABASE {quoted(client.dsn.database)} FROM {_file(directory)}"
    client.command(sql, needs_database=False)


def _file(directory: Path) -> str:
    return f"File({literal(str(directory.absolute()))})"
