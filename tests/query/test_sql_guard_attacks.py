"""Attacks that the guard refuses; what passes of their mutations is harmless to ClickHouse's own parser."""

import itertools
import re
from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from haechi_collector.query.sql_guard import check
from haechi_collector.query.sql_lexer import SqlRefused

ODD: Final[tuple[str, ...]] = (
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT 1 " + "/**/" * 30_000,
    "SELECT \ud800",
)
"""Attacks that stand in no file; the others are in ``tests/data/sql_attacks.jsonl``."""

Engine = Callable[[list[str]], list[str]]

HARMFUL: Final = re.compile(r"(?:Table)?Function (?:file|url|remote)\b|TableIdentifier (?:system\.users|\S*passwd)")
PAYLOADS: Final = (
    "SELECT {a}file{b}({c}'/etc/passwd')",
    "SELECT 1{a},{b}file({c}'/etc/passwd')",
    "SELECT 'a{a}', {b}file('/etc/passwd'), 'b{c}'",
    "SELECT `x{a}`, {b}file('/etc/passwd') AS `y{c}`",
    "SELECT 1 {a} FROM {b} system{c}.users",
    "SELECT 1 WHERE 1 {a} IN {b} system.{c}users",
    "SELECT arrayMap({a}file{b}, ['/etc/passwd']{c})",
    "SELECT * APPLY{a} file {b} FROM (SELECT '/etc/passwd' AS x{c})",
    "SELECT * {a} FROM {b} url('http://127.0.0.1'{c})",
)
PIECES: Final = (
    "", " ", "\n", "/**/", "/* ' */", "/* ` */", "/* /* */", "*/", "-- '\n", "-- \r", "#\n", "# ", "'", "''", "\\",
    "\\'", "`", '"', "$$", "$a$", "(", ")", ";", "\t", "\x00", "{", "}", "{#", "#}", "/*+", "N", "x", "\u2019", "\xa0",
)  # fmt: skip


@pytest.mark.parametrize("sql", ODD)
def test_an_odd_attack_is_refused(sql: str) -> None:
    """With one line for people and an offset inside the text."""
    with pytest.raises(SqlRefused) as refusal:
        check(sql)
    assert str(refusal.value)
    assert 0 <= refusal.value.offset <= len(sql)


def accepted(texts: set[str]) -> list[str]:
    """Those that the guard lets through."""
    passed = []
    for text in sorted(texts):
        try:
            passed.append(check(text).sql)
        except SqlRefused:
            continue
    return passed


def harmful(texts: list[str], engine: Engine, run: Engine) -> list[str]:
    """Those in which ClickHouse's parser finds a harmful name, or that read the file when they run."""
    trees, answers = engine(texts), run(texts)
    told = zip(texts, trees, answers, strict=True)
    return [sql for sql, tree, answer in told if HARMFUL.search(tree) or "root:" in answer]


def test_no_mutation_of_an_attack_does_harm(engine: Engine, run: Engine) -> None:
    """Comments, quotes, spaces and heredocs in every seam of an attack: what passes reads nothing it should not."""
    mutations = {
        payload.format(a=a, b=b, c=c)
        for payload in PAYLOADS
        for a, b, c in itertools.chain(
            ((p, q, "") for p, q in itertools.product(PIECES, PIECES)), (("", p, q) for p in PIECES for q in PIECES)
        )
    }
    assert len(mutations) > 10_000
    assert harmful(accepted(mutations), engine, run) == []


def test_no_soup_of_tokens_does_harm(engine: Engine, run: Engine) -> None:
    """Random sequences of dangerous tokens, mostly nonsense: what passes reads nothing it should not."""
    draw = Random(20)
    words = [*PIECES, "SELECT", "FROM", "file", "('/etc/passwd')", "system.users", "1", ",", "AS", "upper", "[1]", "x"]
    soups = {"SELECT " + "".join(draw.choices([*words, " ", " "], k=draw.randint(3, 14))) for _ in range(20_000)}
    passed = accepted(soups)
    assert len(passed) > 100
    assert harmful(passed, engine, run) == []


def test_the_measure_of_harm_sees_harm(engine: Engine, run: Engine) -> None:
    """Without the guard the same engine does read the file."""
    bare = ["SELECT file('/etc/passwd')", "SELECT * APPLY file FROM (SELECT '/etc/passwd' AS x)", "SELECT 1"]
    assert harmful(bare, engine, run) == bare[:2]


def test_deep_and_long_texts_are_refused_without_a_crash() -> None:
    """Nesting ends as a refusal, not as an exhausted stack."""
    for opening, closing in (("(", ")"), ("[", "]"), ("abs(", ")"), ("(SELECT * FROM ", ")"), ("NOT ", ""), ("- ", "")):
        with pytest.raises(SqlRefused):
            check("SELECT " + opening * 9_000 + "1" + closing * 9_000)


@pytest.mark.parametrize(
    "piece",
    [
        "{a:",
        "{a:x}",
        "arrayMap(",
        "arrayMap((((",
        "quantile(0.5)(x),",
        "* APPLY(",
        "a AND ",
        "a.",
        "1 ? 1 : ",
        "IN ",
        "x -> ",
    ],
)
def test_repetition_to_the_limit_of_length_costs_linear_work(piece: str) -> None:
    """Neither minutes nor a crash, whatever the judgement; quadratic work would run into the timeout of a test."""
    text = "SELECT " + piece * (99_000 // len(piece))
    assert accepted({text}) in ([], [text])
