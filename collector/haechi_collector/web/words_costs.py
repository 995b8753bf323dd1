"""Words of the cost explorer."""

from collections.abc import Mapping
from typing import Final

from haechi_collector.query.forecast import REASONS as REASONS_TOLD
from haechi_collector.query.forecast_model import DAYS_MIN, RHYTHM_DAYS_MIN
from haechi_collector.web.language import Word

TOTAL: Final = Word("Total cost", "총비용")
PER_REQUEST: Final = Word("Per request", "요청당")
PER_USER: Final = Word("Per user", "사용자당")
PER_1000: Final = Word("Per 1,000 tokens", "토큰 1,000개당")
CACHED: Final = Word("Cached input", "캐시된 입력")
SAVED: Final = Word("Saved by caching", "캐시로 절약")
USERS: Final = Word("{count} users", "사용자 {count}명")
OVER_TIME: Final = Word("Cost over time", "시간별 비용")
BREAKDOWN: Final = Word("Breakdown", "내역")
BREAKDOWN_NOTE: Final = Word("{shown} of {count}, the dearest first", "{count}개 중 비용이 큰 {shown}개")
UNPRICED: Final = Word("Models without a price", "가격을 모르는 모델")
ALL_PRICED: Final = Word("Every request has a price.", "모든 요청의 가격을 알고 있습니다.")
PROVIDER: Final = Word("Provider", "제공자")
BUDGET: Final = Word("Monthly budget, US$", "월 예산(US$)")
REACHED: Final = Word("Budget reached on {day}", "{day}에 예산 도달")
REACHED_RANGE: Final = Word("between {first} and {last}", "{first}~{last} 사이")
NOT_REACHED: Final = Word("The budget is not reached this month.", "이번 달에는 예산에 도달하지 않습니다.")
NO_FORECAST: Final = Word("No forecast: {reason}", "예측할 수 없음: {reason}")
SPENT_SO_FAR: Final = Word("{amount} spent", "{amount} 사용")
REASONS: Final[Mapping[str, Word]] = {
    "no_prices": Word(REASONS_TOLD["no_prices"], "지난 기록의 요청 중 가격을 아는 것이 없습니다"),
    "no_history": Word(
        REASONS_TOLD["no_history"], f"온전한 하루의 기록이 {{days}}일뿐입니다. 예측하려면 {DAYS_MIN}일이 필요합니다"
    ),
    "short_history": Word(
        REASONS_TOLD["short_history"],
        f"온전한 하루의 기록이 {{days}}일뿐입니다. 오차를 과거 예측으로 재려면 {RHYTHM_DAYS_MIN}일이 필요합니다",
    ),
    "one_outlier": Word(REASONS_TOLD["one_outlier"], "평소와 크게 다른 하루를 빼고 계산했습니다"),
    "outliers": Word(
        REASONS_TOLD["outliers"], "평소와 크게 다른 날이 {outliers}일 있었고, 앞으로도 그만큼 있다고 봅니다"
    ),
}
"""What is to be minded about a forecast, by its ``reason_code``."""

RECOMMENDATIONS: Final = Word("Ways to spend less", "비용을 줄이는 방법")
RECOMMENDATIONS_NOTE: Final = Word(
    "Computed from these requests; the amounts overlap.", "이 요청들에서 계산했으며, 금액은 서로 겹칩니다."
)
NO_RECOMMENDATIONS: Final = Word("Nothing found in this window.", "이 기간에서는 찾지 못했습니다.")
PER_MONTH: Final = Word("{amount} a month", "월 {amount}")
OF_COST: Final = Word("{share} of the cost", "비용의 {share}")
ASSUMPTIONS: Final = Word("Assumes", "가정")

KINDS: Final[Mapping[str, Word]] = {
    "prompt_caching": Word("Prompt caching", "프롬프트 캐시"),
    "few_shot": Word("Few-shot examples", "퓨샷 예시"),
    "repeated_requests": Word("Repeated requests", "반복 요청"),
    "cheaper_model": Word("Cheaper model", "더 싼 모델"),
    "paid_errors": Word("Paid errors", "비용이 든 오류"),
    "unpriced": Word("Unpriced", "가격 미상"),
}
"""Every kind of recommendation."""
