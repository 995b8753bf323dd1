"""Words of the overview."""

from typing import Final

from haechi_collector.web.language import Word

TRAFFIC: Final = Word("Requests", "요청")
SUCCEEDED: Final = Word("Succeeded", "성공")
FAILED: Final = Word("Failed", "실패")
COST_OVER_TIME: Final = Word("Cost by model", "모델별 비용")
TOKENS_OVER_TIME: Final = Word("Tokens", "토큰")
TOKENS_UNCACHED: Final = Word("Input", "입력")
TOKENS_CACHED: Final = Word("Cached input", "캐시된 입력")
TOKENS_OUTPUT: Final = Word("Output", "출력")
FORECAST: Final = Word("Cost this month", "이번 달 비용")
FORECAST_NOTE: Final = Word("{amount} expected ({low} to {high})", "예상 {amount} ({low}~{high})")
SPENT: Final = Word("Spent", "사용")
EXPECTED: Final = Word("Expected", "예상")
PER_MINUTE: Final = Word("{count}/min", "분당 {count}")
MEDIAN: Final = Word("median {value}", "중앙값 {value}")
PER_REQUEST: Final = Word("{amount} each", "건당 {amount}")
FAILED_COUNT: Final = Word("{count} failed", "{count}건 실패")
IN_OUT: Final = Word("{input} in · {output} out", "입력 {input} · 출력 {output}")
OF_ONE: Final = Word("of 1", "1점 만점")
OF_FEEDBACK: Final = Word("of feedback", "피드백 중")
OF_CHECKED: Final = Word("of checked answers", "검사한 답변 중")

ATTENTION: Final = Word("Worth attention", "주의할 점")
CALM: Final = Word(
    "Nothing stands out against the window of the same length before.",
    "바로 앞의 같은 길이 기간과 뚜렷한 차이가 없습니다.",
)
UNPRICED: Final = Word(
    "{model} ({provider}) has no price: {count} requests are in no amount here.",
    "{model}({provider})의 가격을 모릅니다. 요청 {count}건이 어떤 금액에도 포함되지 않았습니다.",
)
HIGHER: Final = Word(
    "{metric} is higher: {now}, before {before}.", "{metric}이(가) 높아졌습니다. 현재 {now}, 이전 {before}."
)
LOWER: Final = Word(
    "{metric} is lower: {now}, before {before}.", "{metric}이(가) 낮아졌습니다. 현재 {now}, 이전 {before}."
)
COMPARE: Final = Word("Compare", "비교하기")
DEAD_LETTERS: Final = Word(
    "{count} rows could not be stored and were set aside: haechi dead-letters list",
    "행 {count}개를 저장하지 못해 따로 두었습니다: haechi dead-letters list",
)
SEE_SQL: Final = Word("See in SQL", "SQL로 보기")
