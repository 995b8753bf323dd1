"""The page's words in each language.

Guarantee: a `Word` cannot be made without both languages; a misspelt one is an error of the type checker. Words stand
in modules named ``words*``: ``t(words.OVERVIEW)``, and with places ``t(words.SPANS, count=5)``.
"""

from typing import Final, Literal, NamedTuple

Language = Literal["en", "ko"]
LANGUAGES: Final[dict[Language, str]] = {"en": "English", "ko": "한국어"}


class Word(NamedTuple):
    """One text, with the same ``{places}`` in every language."""

    en: str
    ko: str


class Translator:
    """Returns words in one language: ``t(words.COSTS)``."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language

    def __call__(self, word: Word, **places: str | int) -> str:
        """Return the text; ``places`` fill its places."""
        text = word.ko if self.language == "ko" else word.en
        return text.format(**places) if places else text


def preferred(cookie: str, accept_language: str) -> Language:
    """Return what somebody has chosen, else what their browser asks for first."""
    if cookie in ("en", "ko"):
        return "ko" if cookie == "ko" else "en"
    return "ko" if accept_language.strip().lower().startswith("ko") else "en"
