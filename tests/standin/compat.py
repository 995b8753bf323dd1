"""What each OpenAI-compatible provider does differently in Chat Completions.

Sources: the API references of OpenAI, Azure OpenAI, Groq, Mistral, Together, Fireworks, vLLM, DeepSeek, OpenRouter,
Perplexity and xAI. The place of a stream's usage is the peculiarity that matters most:

- `asked`: in a last chunk without choices, if `stream_options.include_usage` is set (OpenAI, Azure, vLLM)
- `last`: always, in the chunk with the finish reason (Mistral, Together, Fireworks, DeepSeek, OpenRouter)
- `every`: in each chunk (Perplexity, xAI)
- `x_groq`: always, in the last chunk's `x_groq` (Groq), and as `asked`
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tests.standin.facts import Facts
from tests.standin.openai_errors import error_body
from tests.standin.wire import Json, Request


def openai_usage(facts: Facts) -> Json:
    """The usage with OpenAI's details of cached and reasoning tokens."""
    return {
        "prompt_tokens": facts.input_tokens,
        "completion_tokens": facts.output_tokens,
        "total_tokens": facts.total_tokens,
        "prompt_tokens_details": {"cached_tokens": facts.cache_read_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": facts.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def plain_usage(facts: Facts) -> Json:
    """The three counts alone."""
    return {
        "prompt_tokens": facts.input_tokens,
        "completion_tokens": facts.output_tokens,
        "total_tokens": facts.total_tokens,
    }


def _groq_usage(facts: Facts) -> Json:
    times = {"queue_time": 0.011, "prompt_time": 0.012, "completion_time": 0.013, "total_time": 0.025}
    details = {"prompt_tokens_details": {"cached_tokens": facts.cache_read_tokens}}
    return plain_usage(facts) | times | details | _reasoning(facts)


def _reasoning(facts: Facts) -> Json:
    return {"completion_tokens_details": {"reasoning_tokens": facts.reasoning_tokens}}


def _deepseek_usage(facts: Facts) -> Json:
    hit = facts.cache_read_tokens
    cache = {"prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": facts.input_tokens - hit}
    return plain_usage(facts) | cache | {"prompt_tokens_details": {"cached_tokens": hit}} | _reasoning(facts)


def _openrouter_usage(facts: Facts) -> Json:
    return openai_usage(facts) | {"cost": 0.00042, "is_byok": False}


def _perplexity_usage(facts: Facts) -> Json:
    return plain_usage(facts) | {"search_context_size": "low"}


def _fireworks_headers(facts: Facts) -> dict[str, str]:
    return {"fireworks-prompt-tokens": str(facts.input_tokens), "fireworks-server-time-to-first-token": "0.012"}


def _mistral_error(status: int) -> Json:
    if status == 401:
        return {"detail": "Unauthorized"}
    told = error_body(status)["error"]
    return {"object": "error", "message": told["message"], "type": told["type"], "param": None, "code": "3051"}


def _no_headers(_facts: Facts) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Peculiarity:
    """How one provider's Chat Completions differ from OpenAI's."""

    name: str  # the vendor in facts.VENDORS
    usage: Callable[[Facts], Json] = plain_usage
    usage_in: str = "last"  # asked, last, every, x_groq
    head: Json = field(default_factory=dict)  # beside id, created and model
    choice: Json = field(default_factory=dict)  # beside index, delta and finish reason
    reasoning_key: str = ""  # of a message, for the model's thinking; "content": as parts of the content
    comments: tuple[bytes, ...] = ()  # before the first event of a stream
    prelude: tuple[Json, ...] = ()  # chunks before the first delta
    headers: Callable[[Facts], dict[str, str]] = _no_headers
    deployment: str = ""  # Azure's stand for the model's name
    last_delta: Json = field(default_factory=dict)  # beside the finish reason
    refusals: bool = False  # a message has OpenAI's `refusal`
    whole_calls: bool = False  # a streamed tool call comes in one chunk
    error: Callable[[int], Json] = error_body

    def tail(self, request: Request) -> Json:
        """Further fields of a whole completion."""
        return {"x_groq": {"id": request.own("req_")}} if self.usage_in == "x_groq" else {}

    def beside(self, usage: Json | None, *, first: bool, last: bool, id_: str) -> Json:
        """Further fields of one chunk, beside its choices."""
        if usage and (self.usage_in == "every" or (self.usage_in == "last" and last)):
            return {"usage": usage}
        if self.usage_in == "x_groq" and (first or last):
            return {"x_groq": {"id": id_, **({"usage": usage} if usage and last else {})}}
        return {}


_FILTERS = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}
_AZURE_PRELUDE: Json = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _FILTERS}],
}
_OPENAI_HEAD: Json = {"service_tier": "default", "system_fingerprint": "fp_standin"}
OPENAI = Peculiarity("openai", openai_usage, "asked", _OPENAI_HEAD, refusals=True)
_AZURE = Peculiarity(
    "azure", openai_usage, "asked", {"system_fingerprint": "fp_standin"}, {"content_filter_results": _FILTERS},
    prelude=(_AZURE_PRELUDE,), refusals=True,
)  # fmt: skip
VENDORS = {
    it.name: it
    for it in (
        OPENAI,
        _AZURE,
        Peculiarity(
            "groq",
            _groq_usage,
            "x_groq",
            {"system_fingerprint": "fp_standin"},
            reasoning_key="reasoning",
            whole_calls=True,
        ),
        Peculiarity(
            "mistral", error=_mistral_error, reasoning_key="content", last_delta={"content": ""}, whole_calls=True
        ),
        Peculiarity("together", choice={"seed": 7}),
        Peculiarity("fireworks", openai_usage, headers=_fireworks_headers, reasoning_key="reasoning_content"),
        Peculiarity("vllm", usage_in="asked", choice={"stop_reason": None}, reasoning_key="reasoning_content"),
        Peculiarity("deepseek", _deepseek_usage, reasoning_key="reasoning_content"),
        Peculiarity(
            "openrouter",
            _openrouter_usage,
            head={"provider": "OpenAI"},
            choice={"native_finish_reason": "stop"},
            reasoning_key="reasoning",
            comments=(b": OPENROUTER PROCESSING\n\n",),
        ),
        Peculiarity("perplexity", _perplexity_usage, "every", {"citations": ["https://example.com/seoul"]}),
        Peculiarity("xai", openai_usage, "every", reasoning_key="reasoning_content"),
        Peculiarity("ollama", usage_in="asked", head={"system_fingerprint": "fp_ollama"}),
    )
}


def azure(deployment: str) -> Peculiarity:
    """Azure OpenAI, which is told the model by the deployment's name in the path."""
    return replace(_AZURE, deployment=deployment)
