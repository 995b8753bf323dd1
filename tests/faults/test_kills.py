"""``kill -9`` of collector, store or both, at random moments under load: what was acknowledged is there, once."""

from pathlib import Path

from tests.faults.kills import run
from tests.faults.oracle import Verdict


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Rounds of `bench/kills.py`, which runs fifty; every request is sent until it is acknowledged."""
    result = run(tmp_path, rounds=6, seed=3)
    assert result.verdict == Verdict()
    assert result.imbalance == {}
    assert result.rows > 1000
