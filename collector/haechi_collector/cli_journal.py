"""``haechi journal``: what is in the journal, and what is stuck.

It reads the data directory itself, so it works whether a collector runs or not; the last error of a block that is
being tried again is asked of the running collector.
"""

import json
import time
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from haechi_collector.config import Config
from haechi_collector.control import ask
from haechi_collector.journal import JournalView, look
from haechi_collector.limits import MIB


def run_journal(config: Config, *, as_json: bool) -> int:
    """Print what is in the journal of the data directory; return the exit status: 1 when a block is stuck.

    Raises:
        SettingError: there is no journal, or it cannot be read.
    """
    view = look(config.data_dir / "journal")
    stuck = _stuck(config) if view.pid else []
    if as_json:
        print(json.dumps({**asdict(view), "stuck": stuck}))
    else:
        _show(view, stuck)
    return int(bool(stuck))


def _stuck(config: Config) -> list[dict[str, Any]]:
    told = ask(config.data_dir, "journal", {})
    if told is None:
        return []
    while True:
        try:
            next(told)
        except StopIteration as end:
            stuck: list[dict[str, Any]] = end.value["stuck"]
            return stuck


def _show(view: JournalView, stuck: list[dict[str, Any]]) -> None:
    holder = f"process {view.pid} has it open" if view.pid else "no collector runs on it"
    print(f"journal {view.collector} in {view.path}, {view.file_bytes / MIB:,.1f} MiB on disk; {holder}")
    print(f"{view.requests_remembered:,} requests are remembered, so that they are stored once\n")
    table = Table(header_style="bold")
    for name in ("signal", "accepted", "stored", "queued", "dead", "entries", "MiB", "oldest", "blocks formed"):
        table.add_column(name, justify="left" if name == "signal" else "right")
    for signal, s in view.signals.items():
        ledger = [f"{n:,}" for n in asdict(s.ledger).values()]
        oldest = f"{s.oldest_s:,.0f} s" if s.entries else ""
        table.add_row(signal, *ledger, f"{s.entries:,}", f"{s.bytes / MIB:,.1f}", oldest, f"{len(s.blocks):,}")
    Console(highlight=False).print(table)
    for block in stuck:
        print(
            f"stuck: {block['rows']:,} {block['signal']} from entry {block['first']}, for "
            f"{time.time() - block['since_s']:,.0f} s, tried {block['attempts']:,} times: {block['error']}"
        )
    if not stuck:
        print("nothing is stuck" if any(s.entries for s in view.signals.values()) else "everything is stored")
