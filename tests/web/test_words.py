"""Both languages are complete."""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping

import pytest

from haechi_collector import web
from haechi_collector.web.language import Translator, Word, preferred

HANGUL = re.compile(r"[가-힣]")
SAME = {"SQL", "A", "B", "p50 {value}", "p99 {value}"}
"""Texts that Korean writes the same way."""


def words() -> Iterator[tuple[str, Word]]:
    """Every word of every module ``words*``."""
    for module in pkgutil.iter_modules(web.__path__):
        if module.name.startswith("words"):
            for name, value in vars(importlib.import_module(f"haechi_collector.web.{module.name}")).items():
                for one in value.values() if isinstance(value, Mapping) else [value]:
                    for word in one if isinstance(one, tuple) and not isinstance(one, Word) else [one]:
                        if isinstance(word, Word):
                            yield f"{module.name}.{name}", word


@pytest.mark.parametrize(("name", "word"), [pytest.param(*pair, id=pair[0]) for pair in words()])
def test_a_word_is_there_in_both_languages(name: str, word: Word) -> None:
    """Korean is Korean, and the places are the same."""
    del name
    assert word.en
    assert not HANGUL.search(word.en)
    assert HANGUL.search(word.ko) or word.en in SAME
    places = [sorted(re.findall(r"\{\w*\}", text)) for text in word]
    assert places[0] == places[1]


def test_a_translator_fills_places() -> None:
    """In the reader's language."""
    word = Word("{count} spans", "스팬 {count}개")
    assert [Translator("en")(word, count=5), Translator("ko")(word, count=5)] == ["5 spans", "스팬 5개"]


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        ("", "ko-KR,ko;q=0.9", "ko"),
        ("", "de,ko;q=0.5", "en"),
        ("ko", "en-US", "ko"),
        ("en", "ko-KR", "en"),
        ("<b>", "", "en"),
    ],
)
def test_the_choice_counts_before_the_browser(cookie: str, accept: str, expected: str) -> None:
    """A cookie that is none of ours counts as none."""
    assert preferred(cookie, accept) == expected
