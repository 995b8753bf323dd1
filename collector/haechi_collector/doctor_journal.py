"""What ``haechi doctor`` says of the journal: whether it can be read, how much waits, whether the ledger balances."""

from collections.abc import Iterator
from typing import Final

from haechi_collector.config import Config
from haechi_collector.doctor_check import Check
from haechi_collector.errors import SettingError
from haechi_collector.journal import JournalView, look

_OLD_S: Final = 60.0


def journal_checks(config: Config) -> Iterator[Check]:
    """Look into the journal of the data directory, whether a collector has it open or not."""
    path = config.data_dir / "journal"
    if not path.exists():
        yield Check("ok", "journal", f"none yet in {config.data_dir}")
        return
    try:
        view = look(path)
    except SettingError as error:
        yield Check("fail", "journal", str(error), "see docs/delivery.md")
        return
    yield _backlog(view)
    yield _ledger(view)


def _backlog(view: JournalView) -> Check:
    rows = sum(s.rows for s in view.signals.values())
    oldest_s = max(s.oldest_s for s in view.signals.values())
    finding = f"{rows:,} rows wait, the oldest for {oldest_s:,.0f} s" if rows else "nothing waits"
    if rows and not view.pid:
        return Check("warn", "journal", finding, "they are stored when the collector runs: haechi serve")
    if oldest_s > _OLD_S:
        return Check("warn", "journal", finding, "see what they wait for: haechi journal")
    return Check("ok", "journal", finding)


def _ledger(view: JournalView) -> Check:
    wrong = [name for name, s in view.signals.items() if not s.balances]
    told = [
        f"{name} {s.ledger.accepted:,} = {s.ledger.stored:,} stored + {s.rows:,} queued + {s.ledger.dead:,} dead"
        for name, s in view.signals.items()
        if s.ledger.accepted or name in wrong
    ]
    finding = ", ".join(told) or "nothing was accepted yet"
    if wrong:
        remedy = "rows are unaccounted for; keep the data directory and report it"
        return Check("fail", "ledger", f"{finding}; {', '.join(wrong)} does not balance", remedy)
    return Check("ok", "ledger", finding)
