"""Words of the latency explorer."""

from typing import Final

from haechi_collector.web.language import Word

QUANTILES: Final = Word("Quantiles", "분위수")
OVER_TIME: Final = Word("Over time", "시간별")
THROUGHPUT: Final = Word("Requests and errors", "요청과 오류")
DISTRIBUTION: Final = Word("Distribution", "분포")
HEATMAP: Final = Word("Distribution over time", "시간별 분포")
GROUPS: Final = Word("By group", "그룹별")
GROUPS_NOTE: Final = Word("{shown} of {count}, the most requests first", "{count}개 중 요청이 많은 {shown}개")
TOP: Final = Word("Single requests", "개별 요청")
SLOWEST: Final = Word("Slowest", "가장 느린")
SLOWEST_TTFT: Final = Word("Slowest first token", "첫 토큰이 가장 느린")
FAILING: Final = Word("Failing", "실패한")
DEAREST: Final = Word("Dearest", "가장 비싼")
MOST_TOKENS: Final = Word("Most tokens", "토큰이 가장 많은")
MEASURED: Final = Word("{count} of {all} requests have it", "요청 {all}건 중 {count}건에 값이 있음")
CELL: Final = Word("{time} · {low} to {high} · {count} requests", "{time} · {low}~{high} · 요청 {count}건")
PROMPT: Final = Word("Asked", "질문")
