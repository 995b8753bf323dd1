"""Attacks are refused, and most of them are shown to do harm where nothing refuses them.

``tests/data/sql_attacks.jsonl`` holds one attack a line, with the harm that it does to a throwaway engine (`bare`), or
why none can be shown there. ``@OUT@`` is a directory that could be written, ``@PORT@`` a port that could be called.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sql.bare import Bare
from tests.sql.conftest import Door

from haechi_collector.query.sql_guard import check
from haechi_collector.query.sql_lexer import SqlRefused

DATA = Path(__file__).parents[1] / "data" / "sql_attacks.jsonl"
ATTACKS = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
HARMS = ("reads", "writes", "calls", "changes", "kills", "holds", "sets", "tells")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    """An engine without a guard."""
    with Bare(tmp_path_factory.mktemp("bare")) as running:
        yield running


def test_there_are_many_and_each_is_marked() -> None:
    """With its harm, or with the reason why it cannot be shown here."""
    texts = [attack["sql"] for attack in ATTACKS]
    assert len(texts) == len(set(texts)) > 600
    assert sum("harm" in attack for attack in ATTACKS) > 400
    assert all(attack.get("harm") in HARMS or len(attack["not shown"]) > 20 for attack in ATTACKS)


def test_the_guard_refuses_every_attack() -> None:
    """With one line for people and an offset inside the text."""
    for attack in ATTACKS:
        for confined in (False, True):
            with pytest.raises(SqlRefused) as refusal:
                check(attack["sql"], is_confined=confined)
            assert str(refusal.value)
            assert 0 <= refusal.value.offset <= len(attack["sql"])


def test_the_door_refuses_every_attack(door: Door) -> None:
    """Nothing of them reaches the store."""
    statuses = {attack["sql"]: door.ask(attack["sql"]).status_code for attack in ATTACKS}
    assert {sql: status for sql, status in statuses.items() if status != 403} == {}


@pytest.mark.parametrize("harm", HARMS)
def test_the_harm_is_real(bare: Bare, harm: str) -> None:
    """Each attack that is said to do harm does it to an engine without a guard."""
    attacks = [attack["sql"] for attack in ATTACKS if attack.get("harm") == harm]
    harmless = [sql for sql in attacks if not bare.does(sql, harm)]
    assert (len(attacks) > 0, harmless) == (True, [])
