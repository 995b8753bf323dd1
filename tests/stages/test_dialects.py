"""Dialect files are read strictly, and what ships is documented and used."""

import importlib.util
from pathlib import Path

import pytest

from haechi_collector.errors import SettingError
from haechi_collector.stages.dialects import BASE, COLUMNS, SHARED, dialects, load
from haechi_schemas.attributes import CANONICAL

ROOT = Path(__file__).parent.parent.parent
WORDS = "inference = ['chat']\n"
GOOD = "name = 'otel-genai'\ntitle = 't'\norder = 1\nscopes = ['s']\nmarkers = []\n"


def write(folder: Path, text: str, words: str = WORDS) -> Path:
    (folder / "otel-genai.toml").write_text(text, "utf-8")
    (folder / "words.toml").write_text(words, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 1", "otel-genai.toml: is not TOML: Invalid statement (at line 1, column 1)"),
        (GOOD.replace("title = 't'\n", ""), "otel-genai.toml: title is missing"),
        (GOOD.replace("order = 1", "order = '1'"), "otel-genai.toml: order = '1': expected int"),
        (GOOD.replace("order = 1", "order = true"), "otel-genai.toml: order = True: expected int"),
        (GOOD.replace("['s']", "[1]"), "otel-genai.toml: scopes: 1: expected text"),
        (
            GOOD.replace("['s']", "[]"),
            "otel-genai.toml: scopes and markers are both empty; nothing would be recognised",
        ),
        (GOOD + "colour = 1", "otel-genai.toml: unknown key 'colour'; known are name, title, order, scopes,"),
        (GOOD + "[columns]\ncolour = []", "otel-genai.toml: columns: unknown key 'colour'; known are operation,"),
        (GOOD + "[columns]\nprovider = 'x'", "otel-genai.toml: columns: provider = 'x': expected list"),
        (GOOD + "[columns]\nprovider = [1]", "otel-genai.toml: columns.provider[0]: expected a table"),
        (
            GOOD + "[columns]\nttft_ns = ['a', { key = 'k', unti = 's' }]",
            "otel-genai.toml: columns.ttft_ns[1]: unknown key 'unti'; known are key, event,",
        ),
        (
            GOOD + "[columns]\nttft_ns = [{ key = 'k', unit = 'h' }]",
            "otel-genai.toml: columns.ttft_ns[0]: unit = 'h': expected one of ns, us, ms, s, iso",
        ),
        (
            GOOD + "[columns]\nprovider = [{ key = 'k', shape = 'request' }]",
            "otel-genai.toml: columns.provider[0]: shape = 'request': expected one of plain, json, pyrepr",
        ),
        (
            GOOD + "[columns]\nprovider = [{ key = 'k', fold = 'f' }]",
            "otel-genai.toml: columns.provider[0]: fold = 'f': there is no [folds.f]",
        ),
        (
            GOOD + "[columns]\nprovider = [{ since = '1' }]",
            "otel-genai.toml: columns.provider[0]: give either key or event",
        ),
        (GOOD + "[folds.f]\nchat = 'LLM'", "otel-genai.toml: folds: f: chat: expected a list of text"),
        (GOOD + "[folds.f]\na = ['x']\nb = ['x']", "otel-genai.toml: folds: f: 'x' stands under 'a' and 'b'"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """The error names file, column and position."""
    with pytest.raises(SettingError) as raised:
        load(write(tmp_path, text))
    assert str(raised.value).startswith(message)


def test_unknown_words_are_refused(tmp_path: Path) -> None:
    """The shared words are as strict."""
    with pytest.raises(SettingError, match=r"words.toml: unknown key 'colour'"):
        load(write(tmp_path, GOOD, WORDS + "[colour]\nred = []"))


@pytest.mark.parametrize("name", ["words.toml", "otel-genai.toml"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """Without the words or the base dialect nothing is read."""
    (write(tmp_path, GOOD) / name).unlink()
    with pytest.raises(SettingError, match=f"{name}: is missing"):
        load(tmp_path)


def test_own_sources_stand_before_those_of_the_base_and_of_others(tmp_path: Path) -> None:
    """The base stands behind every dialect, other dialects behind it in shared columns, local sources nowhere else."""
    write(tmp_path, GOOD + "[columns]\nuser_id = ['b', 'both']\nprovider = ['p']")
    for name, order in (("x", 2), ("y", 3)):
        text = GOOD.replace("otel-genai", name).replace("order = 1", f"order = {order}")
        text += f"[columns]\nuser_id = ['both', '{name}', {{ key = '{name}l', local = true }}]\nprovider = ['{name}']"
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    x = next(d for d in load(tmp_path).all if d.name == "x")
    assert [s.key for s in x.sources["user_id"]] == ["both", "x", "xl", "b", "y"]
    assert [s.key for s in x.sources["provider"]] == ["x", "p"]


def test_dialects_are_frozen_and_read_once() -> None:
    """All callers share one value that none can change."""
    assert dialects() is dialects()
    with pytest.raises(AttributeError):
        dialects().base.own["provider"][0].key = "x"  # type: ignore[misc]


def test_the_base_applies_to_what_is_not_recognised() -> None:
    """It is one of the dialects, and the last in rank."""
    known = dialects()
    assert known.base is known.all[-1]
    assert known.base.name == BASE


def test_ranks_and_names_are_unique() -> None:
    """The first hit wins: two of one rank would depend on file names."""
    known = dialects().all
    assert len({d.order for d in known}) == len({d.name for d in known}) == len(known)


def test_every_canonical_name_is_read_by_the_base() -> None:
    """What the conventions name is understood from any scope."""
    base = dialects().base.own
    missing = [column for column, key in CANONICAL.items() if key not in {s.key for s in base[column]}]
    assert missing == []
    assert set(CANONICAL) <= set(COLUMNS)
    assert set(SHARED) <= set(CANONICAL)


def test_the_page_is_that_of_the_files() -> None:
    """`python docs/make_dialects.py` was run after the last change of a dialect."""
    spec = importlib.util.spec_from_file_location("make_dialects", ROOT / "docs" / "make_dialects.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "dialects.md").read_text("utf-8") == module.page()
