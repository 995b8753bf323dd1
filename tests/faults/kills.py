"""Rounds of ``kill -9`` under load; shared by the test and the long run."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.faults.load import Load
from tests.faults.oracle import Verdict, imbalance, judge_soon, ledger
from tests.faults.processes import Collector, until

TARGETS = ("collector", "store", "both", "collector while it starts")


@dataclass(frozen=True)
class Result:
    """What came of the rounds."""

    rounds: dict[str, int]
    rows: int
    resent: int
    verdict: Verdict
    imbalance: dict[str, int]


def run(directory: Path, rounds: int, seed: int, tell: Callable[[int, str, int], object] = lambda *_: None) -> Result:
    """Kill so many times, start again each time, and judge at the end.

    Args:
        directory: scratch.
        rounds: how often to kill.
        seed: of what is killed and when.
        tell: is called after each round with its number, its target and the rows acknowledged so far.
    """
    chance = random.Random(seed)
    # Each four rounds hold each target once.
    targets = [t for _ in range(0, rounds, len(TARGETS)) for t in chance.sample(TARGETS, len(TARGETS))][:rounds]
    collector = Collector(directory / "data")
    load = Load(collector, seed=seed)
    try:
        collector.start()
        load.start()
        for number, target in enumerate(targets):
            _round(collector, target, chance)
            tell(number + 1, target, load.tally.rows)
        tally = load.stop()
        verdict = judge_soon(collector.reader, tally)
        until(lambda: not any(s["queued"] for s in ledger(collector).values()), "an empty queue")
        result = Result(dict(Counter(targets)), tally.rows, load.refusals, verdict, imbalance(ledger(collector)))
        assert collector.stop() == 0
    finally:
        load.stop(give_up=True)
        collector.clear_away()
    return result


def _round(collector: Collector, target: str, chance: random.Random) -> None:
    time.sleep(chance.uniform(0.1, 1.2))
    store = collector.stores()[0]
    if target == "store":
        store.kill()
        psutil.wait_procs([store], 30)
        until(collector.stores, "the store is started again")
        return
    if target == "both":
        with contextlib.suppress(ProcessLookupError):
            os.kill(store.pid, signal.SIGKILL)
    collector.kill_now()
    collector.launch()
    if target == "collector while it starts":
        time.sleep(chance.uniform(0.3, 3.0))
        collector.kill_now()
        collector.launch()
    collector.wait_ready()
