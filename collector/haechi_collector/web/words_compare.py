"""Words of the comparison."""

from collections.abc import Mapping
from typing import Final

from haechi_collector.web.language import Word

BY: Final = Word("Compare", "비교 대상")
WINDOWS: Final = Word("this window with the one before", "이 기간과 바로 앞 기간")
A: Final = Word("A", "A")
B: Final = Word("B", "B")
LEAD: Final = Word(
    "A less B, with intervals of 95%. An interval that does not cross the line is more than chance.",
    "A에서 B를 뺀 값과 95% 구간입니다. 구간이 기준선을 넘지 않으면 우연이 아닙니다.",
)
DIFFERENCE: Final = Word("Difference", "차이")
VERDICT: Final = Word("Verdict", "판정")
INTERVAL: Final = Word("Relative to B", "B 대비")
UNITS: Final = Word("Independent sessions", "독립 세션")
NEED_TWO: Final = Word(
    "Fewer than two values of {by} in this window. Choose a longer window or compare windows.",
    "이 기간에는 {by} 값이 둘 이상 없습니다. 더 긴 기간을 고르거나 기간끼리 비교하세요.",
)
SEE_A: Final = Word("Traces of A", "A의 트레이스")
SEE_B: Final = Word("Traces of B", "B의 트레이스")
SWAP: Final = Word("Swap", "바꾸기")

VERDICTS: Final[Mapping[str, Word]] = {
    "higher": Word("A is higher", "A가 높음"),
    "lower": Word("A is lower", "A가 낮음"),
    "no clear difference": Word("No clear difference", "뚜렷한 차이 없음"),
    "too few": Word("Too few to tell", "판단하기에 부족"),
}
"""Every verdict of ``/api/v1/compare``."""
