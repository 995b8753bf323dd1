"""``haechi dead-letters list|replay|drop``: rows that were set aside.

A collector that runs on the data directory carries it out itself, asked over its own socket: the store and the journal
have one writer. Where none runs, the command opens both.
"""

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from haechi_collector.cli_command import carried_out
from haechi_collector.config import Config
from haechi_collector.errors import SettingError
from haechi_collector.opening import open_dead_letters
from haechi_collector.times import parse_time

_NS = 1_000_000_000


def run_dead_letters(config: Config, options: argparse.Namespace) -> int:
    """Carry out ``options.action``; return the exit status: 1 when rows failed again or the answer was no.

    Raises:
        SettingError: an option is wrong, there is nobody to ask, or the store cannot be had.
        StoreError: ClickHouse refused a statement or is gone; what was told as done is.
    """
    since = parse_time(options.since, datetime.now(UTC), "--since") if options.since else None
    arguments = {
        "signal": options.signal or "",
        "reason": options.reason or "",
        "since_ns": int(since.timestamp()) * _NS if since else 0,
    }
    return {"list": _list, "replay": _replay, "drop": _drop}[options.action](config, arguments, options)


def _list(config: Config, arguments: Mapping[str, Any], _: argparse.Namespace) -> int:
    groups = carried_out(config, "dead-letters list", arguments, open_dead_letters)["groups"]
    if not groups:
        print("no dead letters")
        return 0
    table = Table(header_style="bold")
    for name in ("signal", "code", "one of the reasons", "letters", "rows", "first", "last"):
        table.add_column(name, justify="right" if name in {"letters", "rows"} else "left")
    for g in groups:
        numbers = (f"{g['letters']:,}", f"{g['rows']:,}")
        table.add_row(g["signal"], g["code"], g["why"], *numbers, g["first"][:19], g["last"][:19])
    Console(highlight=False, markup=False).print(table)
    return 0


def _replay(config: Config, arguments: Mapping[str, Any], _: argparse.Namespace) -> int:
    told = carried_out(config, "dead-letters replay", arguments, open_dead_letters)
    print(f"replayed {told['letters']:,} letters, {told['rows']:,} rows")
    if told["failed_again"]:
        print(f"{told['failed_again']:,} rows failed again; they are dead letters with the new reason")
    if told["unreadable"]:
        print(f"{told['unreadable']:,} letters cannot be read and stay")
    if not told["passed"]:
        print("they are in the journal and not stored yet; haechi journal shows what they wait for")
    return int(bool(told["failed_again"] or told["unreadable"]))


def _drop(config: Config, arguments: Mapping[str, Any], options: argparse.Namespace) -> int:
    found = carried_out(config, "dead-letters drop", {**arguments, "dry_run": True}, open_dead_letters)
    print(f"{found['letters']:,} letters, {found['rows']:,} rows")
    if not found["letters"] or options.dry_run:
        return 0
    if not options.yes and not _agreed():
        return 1
    carried_out(config, "dead-letters drop", arguments, open_dead_letters)
    print("dropped")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise SettingError("--yes: is needed where nobody can be asked")
    return input("drop them for good? [y/N] ").strip().lower() in {"y", "yes"}
