"""``haechi retention``, ``delete``, ``backup`` and ``restore``.

A collector that runs on the data directory carries them out itself, asked over its own socket; otherwise the command
opens the store, after it has handed on what the journal still held. The exit status is 0 when it is done.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from haechi_collector import keeping
from haechi_collector.cli_command import carried_out
from haechi_collector.config import Config
from haechi_collector.doctor_keeping import bytes_a_day, in_force
from haechi_collector.errors import SettingError
from haechi_collector.limits import MIB
from haechi_collector.opening import open_keeper


def run_retention(config: Config, *, apply: bool, as_json: bool) -> int:
    """Print what is kept; return the exit status, 0.

    Raises:
        SettingError: the store cannot be had.
        StoreError: ClickHouse refused a statement or is gone.
    """
    told = carried_out(config, "retention", {"apply": apply}, open_keeper)
    if as_json:
        print(json.dumps(told))
        return 0
    table = Table(header_style="bold")
    for name in ("table", "first day", "days", "rows", "MiB on disk"):
        table.add_column(name, justify="left" if name in {"table", "first day"} else "right")
    for name, kept in told["tables"].items():
        size = f"{kept['bytes'] / MIB:,.1f}"
        table.add_row(name, kept["first_day"], str(kept["days"]), f"{kept['rows']:,}", size)
    Console(highlight=False).print(table)
    rate = bytes_a_day(told, datetime.now(UTC).date()) / MIB
    print(f"{in_force(told)}; they grow by {rate:,.1f} MiB a day")
    return 0


def run_delete(config: Config, options: argparse.Namespace) -> int:
    """Delete what the options name, after a question; return 0, or 1 when the answer was no.

    Raises:
        SettingError: the id is empty, there is nobody to ask, or the store cannot be had.
        StoreError: ClickHouse refused a statement or is gone; what was told as deleted is.
    """
    kind = next(kind for kind in ("trace", "user", "session") if getattr(options, kind) is not None)
    name = getattr(options, kind).strip().lower() if kind == "trace" else getattr(options, kind)
    if not name:
        raise SettingError(f"--{kind}: expected an id, not nothing")
    arguments = {"kind": kind, "id": name, "project": options.project}
    found = carried_out(config, "delete", {**arguments, "dry_run": True}, open_keeper)["rows"]
    print(f"{_rows(found)} of the {kind} {name}")
    if options.dry_run or not found:
        return 0
    if not options.yes and not _agreed():
        return 1
    done = carried_out(config, "delete", {**arguments, "dry_run": False}, open_keeper)
    freed = (
        "" if done["frees_at_once"] else "; the server removes the old files within its old_parts_lifetime (8 minutes)"
    )
    print(f"deleted {_rows(done['rows'])}{freed}")
    return 0


def _rows(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} of {table}" for table, count in counts.items()) or "nothing"


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise SettingError("--yes: is needed where nobody can be asked")
    return input("delete them for good? [y/N] ").strip().lower() in {"y", "yes"}


def run_backup(config: Config, directory: Path, base: Path | None) -> int:
    """Make a backup; return the exit status, 0.

    Raises:
        SettingError: the directory is not empty, the base is no backup, or the store cannot be had.
        StoreError: ClickHouse refused or is gone; what was copied until then is not a backup.
    """
    arguments = {"directory": str(directory.absolute()), "base": str(base.absolute()) if base else ""}
    told = carried_out(config, "backup", arguments, open_keeper)
    print(f"backed up to {told['directory']}: {told['bytes'] / MIB:,.1f} MiB")
    return 0


def run_restore(config: Config, directory: Path) -> int:
    """Fill the data directory; return the exit status, 0.

    Raises:
        SettingError: there is no whole backup, or the data directory is not empty.
        StoreError: ClickHouse refuses the backup.
    """
    keeping.restore(directory, config.data_dir)
    print(f"restored {directory} into {config.data_dir}; start it: haechi serve --data-dir {config.data_dir}")
    return 0
