"""Words for errors: of what kind it is, in the reader's language. Its own message stands beside it and names things."""

from typing import Final

from haechi_collector.errors import (
    Forbidden,
    HaechiError,
    OverQuota,
    Rejected,
    StoreUnavailable,
    TooExpensive,
    Unauthenticated,
    WrongParameter,
)
from haechi_collector.web import words
from haechi_collector.web.language import Translator, Word

WRONG: Final = Word("{parameter} is wrong", "{parameter} 값이 올바르지 않습니다")
KINDS: Final[dict[type[HaechiError], Word]] = {
    TooExpensive: Word(
        "This asks for too much: shorten the window or filter more",
        "한 번에 보기에는 너무 많습니다. 기간을 줄이거나 필터를 추가하세요",
    ),
    StoreUnavailable: Word("The store does not answer", "저장소가 응답하지 않습니다"),
    OverQuota: Word("The key's quota is used up for now", "이 키의 사용 한도를 다 썼습니다. 잠시 후 다시 시도하세요"),
    Rejected: Word("Busy at the moment", "지금은 요청이 너무 많습니다. 잠시 후 다시 시도하세요"),
    Unauthenticated: Word("This key does not let you in", "이 API 키로는 들어올 수 없습니다"),
    Forbidden: Word("This key may not do that", "이 API 키에는 권한이 없습니다"),
}
"""By class; the first that an error is one of."""


def told(error: Exception, t: Translator) -> str:
    """Return what kind of error it is."""
    if isinstance(error, WrongParameter):
        return t(WRONG, parameter=error.parameter)
    return t(next((word for kind, word in KINDS.items() if isinstance(error, kind)), words.FAILED))
