"""Words of the recommendations: in English those of ``/api/v1/costs/report``, in Korean the same figures."""

from collections.abc import Mapping, Sequence
from typing import Final

from haechi_collector.query.prefixes import CACHE_S, PREFIX_TOKENS_MIN
from haechi_collector.query.report_models import MARGIN
from haechi_collector.web.language import Word

TITLES: Final[Mapping[str, Word]] = {
    "prompt_caching": Word(
        "{who} on {model} begins with the same {tokens} tokens in all {requests} requests",
        "{who}({model}): 요청 {requests}건이 모두 같은 토큰 {tokens}개로 시작합니다",
    ),
    "few_shot": Word(
        "{examples} examples in {who} on {model}: {tokens} tokens of every request",
        "{who}({model}): 예시 {examples}개가 요청마다 토큰 {tokens}개를 차지합니다",
    ),
    "repeated_requests": Word(
        "{repeats} of {requests} {operation} requests ({who}, {model}) were answered identically before",
        "{who}({model}): {operation} 요청 {requests}건 중 {repeats}건은 앞서 똑같이 답한 요청입니다",
    ),
    "cheaper_model": Word(
        "{cheaper} was judged as good as {model} ({who})",
        "{who}: {cheaper}의 품질이 {model}만큼 좋다고 평가되었습니다",
    ),
    "paid_errors": Word(
        "{requests} failed requests ({error}) of {model} were paid for",
        "{model}: 실패한 요청 {requests}건({error})에도 비용이 들었습니다",
    ),
    "unpriced": Word("{requests} requests of {model} have no price", "{model} 요청 {requests}건의 가격을 모릅니다"),
}
"""By kind."""

ONE_EXAMPLE: Final = Word(
    "{examples} example in {who} on {model}: {tokens} tokens of every request",
    "{who}({model}): 예시 {examples}개가 요청마다 토큰 {tokens}개를 차지합니다",
)
OF_SERVICE: Final = Word("requests of {service}", "{service}의 요청")
UNNAMED: Final = Word("requests without a prompt's name", "프롬프트 이름이 없는 요청")
NO_MODEL: Final = Word("no model", "모델 없음")
ERROR: Final = Word("error", "오류")

ASSUMPTIONS: Final[Mapping[str, Sequence[Word]]] = {
    "prompt_caching": (
        Word(
            "Tokens of the prefix are its share of the text of a request.",
            "앞부분의 토큰 수는 요청 텍스트에서 차지하는 비율로 셉니다.",
        ),
        Word(
            f"The provider caches prefixes of {PREFIX_TOKENS_MIN:,} tokens and more for {CACHE_S // 60} minutes.",
            f"제공자는 토큰 {PREFIX_TOKENS_MIN:,}개 이상의 앞부분을 {CACHE_S // 60}분 동안 캐시합니다.",
        ),
    ),
    "few_shot": (
        Word(
            "Tokens of the examples are their share of the text of a request.",
            "예시의 토큰 수는 요청 텍스트에서 차지하는 비율로 셉니다.",
        ),
        Word(
            "The saving is all that they cost; whether answers stay as good without them has to be tried.",
            "절약액은 예시에 든 비용 전부입니다. 예시 없이도 답변이 좋은지는 시험해 보아야 합니다.",
        ),
    ),
    "repeated_requests": (
        Word("An answer may be given again for a day.", "같은 답변을 하루 동안 다시 써도 됩니다."),
        Word(
            "Parameters such as the temperature are taken to be the same, and a fresh answer not to be wanted.",
            "temperature 같은 매개변수는 같고, 새로운 답변은 필요 없다고 봅니다.",
        ),
    ),
    "cheaper_model": (
        Word(
            f"A mean quality lower by up to {MARGIN:.0%} is as good; shown with 95 % confidence.",
            f"평균 품질이 {MARGIN:.0%}까지 낮아도 같다고 봅니다. 신뢰 수준은 95 %입니다.",
        ),
        Word(
            "The cheaper model takes as many tokens, and was given tasks that are as hard.",
            "싼 모델도 토큰을 같은 만큼 쓰고, 맡은 일의 난이도도 같다고 봅니다.",
        ),
    ),
    "paid_errors": (
        Word("Their answers were of no use.", "실패한 요청의 답변은 쓸모가 없었다고 봅니다."),
        Word(
            "Retries are those of the service and model, after any type of error.",
            "재시도는 오류 종류와 관계없이 그 서비스와 모델의 것입니다.",
        ),
    ),
    "unpriced": (
        Word(
            "A price file gives them one, and `haechi reprice` bills what is stored.",
            "가격 파일로 가격을 알려 주면 `haechi reprice`가 저장된 호출의 비용을 다시 계산합니다.",
        ),
    ),
}
"""What each kind rests on, in the order of the API."""

FACTS: Final[Mapping[str, Word]] = {
    "service": Word("service", "서비스"),
    "provider": Word("provider", "제공자"),
    "model": Word("model", "모델"),
    "cheaper_provider": Word("cheaper provider", "더 싼 모델의 제공자"),
    "cheaper_model": Word("cheaper model", "더 싼 모델"),
    "operation": Word("operation", "작업"),
    "prompt": Word("prompt", "프롬프트"),
    "prompt_version": Word("prompt version", "프롬프트 버전"),
    "error_type": Word("error type", "오류 종류"),
    "why": Word("why", "이유"),
    "requests": Word("requests", "요청"),
    "repeats": Word("repeats", "반복"),
    "repeated_share": Word("repeated share", "반복 비율"),
    "distinct_repeated": Word("distinct repeated", "반복된 서로 다른 요청"),
    "horizon_s": Word("horizon, s", "반복으로 보는 기간(초)"),
    "prefix_tokens": Word("prefix tokens", "앞부분 토큰"),
    "prefix_share": Word("prefix share", "앞부분 비율"),
    "cached_share": Word("cached share", "캐시된 비율"),
    "requests_soon_after_another": Word("requests soon after another", "곧이어 온 요청"),
    "tokens_to_cache": Word("tokens to cache", "캐시할 수 있는 토큰"),
    "examples": Word("examples", "예시"),
    "example_tokens": Word("example tokens", "예시 토큰"),
    "example_share": Word("example share", "예시 비율"),
    "quality": Word("quality", "품질"),
    "cheaper_quality": Word("cheaper quality", "더 싼 모델의 품질"),
    "scored": Word("scored", "평가된 트레이스"),
    "cheaper_scored": Word("cheaper scored", "더 싼 모델의 평가된 트레이스"),
    "difference_low": Word("difference, at least", "품질 차이의 하한"),
    "margin": Word("margin", "허용 차이"),
    "input_tokens": Word("input tokens", "입력 토큰"),
    "output_tokens": Word("output tokens", "출력 토큰"),
    "retried_within_a_minute": Word("retried within a minute", "1분 안의 재시도"),
    "retries_cost_usd": Word("retries cost", "재시도 비용"),
}
"""Names of the evidence; lists in it are not shown."""
