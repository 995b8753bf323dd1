"""The lists of names, held against the engine in use."""

import json
from collections.abc import Callable

import pytest

from haechi_collector.query import sql_names
from haechi_collector.query.sql import LIMITS

Run = Callable[[list[str]], list[str]]


@pytest.fixture(scope="module")
def functions(run: Run) -> dict[str, tuple[bool, bool]]:
    """Name to (is an aggregate, takes functions)."""
    rows = run(["SELECT name, is_aggregate, higher_order FROM system.functions FORMAT JSONCompactColumns"])
    return {name: (bool(a), bool(h)) for name, a, h in zip(*json.loads(rows[0]), strict=True)}


def test_every_function_of_the_engine_is_judged(functions: dict[str, tuple[bool, bool]]) -> None:
    """A new release brings new functions; somebody must read what they do."""
    names = sql_names.names()
    assert len(functions) > 1500
    assert {f for f in functions if f.lower() not in names.functions and f.lower() not in names.refused} == set()


def test_nothing_is_both_allowed_and_refused() -> None:
    """Names are compared in lower case, so case cannot turn a refused function into an allowed one."""
    names = sql_names.names()
    assert names.functions & names.refused.keys() == set()
    assert names.table_functions & names.refused.keys() == set()


def test_the_functions_that_take_functions_are_known(functions: dict[str, tuple[bool, bool]]) -> None:
    """Their first argument is judged as a function."""
    taking = {name.lower() for name, (_, higher) in functions.items() if higher}
    assert taking <= sql_names.names().higher_order


def test_only_aggregates_carry_combinators(functions: dict[str, tuple[bool, bool]]) -> None:
    """``sumIf`` is a function, ``fileIf`` and ``upperIf`` are none."""
    aggregates = {name.lower() for name, (aggregate, _) in functions.items() if aggregate}
    assert sql_names.names().aggregates <= aggregates
    assert sql_names.is_function("quantileTDigestIfState")
    assert sql_names.is_function("sumMapMerge")
    assert not sql_names.is_function("fileIf")
    assert not sql_names.is_function("upperIf")


def test_formats_and_tables_exist_in_the_engine(run: Run) -> None:
    """No list carries names that mean nothing."""
    names = sql_names.names()
    formats, tables = run(
        [
            "SELECT name FROM system.formats WHERE is_output FORMAT TSVRaw",
            "SELECT name FROM system.tables WHERE database = 'system' FORMAT TSVRaw",
        ]
    )
    assert names.formats <= set(formats.split())
    assert names.system_tables <= set(tables.split())


def test_no_setting_that_can_be_chosen_is_a_limit_or_a_path(run: Run) -> None:
    """Settings exist in the engine, and none of them is what the collector itself sets."""
    chosen = sql_names.names().settings
    known = set(run(["SELECT name FROM system.settings FORMAT TSVRaw"])[0].split())
    of_http = {"wait_end_of_query"}
    assert chosen - of_http <= known
    assert chosen & LIMITS.keys() == set()
    assert not any(word in name for name in chosen for word in ("path", "schema", "file", "memory", "readonly"))
