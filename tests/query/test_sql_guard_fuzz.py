"""What the guard accepts of random texts, ClickHouse's own parser reads as harmless."""

from collections.abc import Callable
from random import Random

import pytest
from tests.query.fuzzing import accepted, forbidden, mutations

Engine = Callable[[list[str]], list[str]]


@pytest.mark.parametrize("seed", [1, 2])
def test_no_accepted_mutation_holds_what_is_forbidden(engine: Engine, seed: int) -> None:
    """5,000 mutations of honest queries and attacks each; ``bench/sql_fuzz.py`` goes on for as long as it is told."""
    passed = accepted(mutations(Random(seed), 5_000))
    assert len(passed) > 250
    found = {sql: bad for sql, tree in zip(passed, engine(passed), strict=True) if (bad := forbidden(tree))}
    assert found == {}


def test_the_measure_sees_what_is_forbidden(engine: Engine) -> None:
    """Without the guard the same measure finds it."""
    bare = ["SELECT file('/etc/passwd')", "SELECT * FROM prod.users", "SELECT 1 IN (SELECT 1 FROM system.users)"]
    assert [forbidden(tree) for tree in engine(bare)] == [["file"], ["prod.users"], ["system.users"]]
    assert forbidden(engine(["SELECT count() FROM spans WHERE 1 IN (1, 2)"])[0]) == []
