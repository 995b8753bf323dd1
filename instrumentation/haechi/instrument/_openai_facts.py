"""What OpenAI's chat protocol says: shared by every client that speaks it (OpenAI, Azure, Groq, Together, LiteLLM ...).

Token rule: cached and audio tokens are part of the prompt's, reasoning tokens of the completion's, in OpenAI's counts
as in the convention's. Servers that report usage elsewhere or under other names are read too: Groq's ``x_groq``,
DeepSeek's ``prompt_cache_hit_tokens``, and the cost that OpenRouter, Perplexity and xAI report.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from haechi._content import Content, field, own_fields
from haechi.instrument import _openai_messages as messages
from haechi.spans import Facts
from haechi_schemas import attributes as names

_PARAMETERS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "max_completion_tokens": names.REQUEST_MAX_TOKENS,
    "max_output_tokens": names.REQUEST_MAX_TOKENS,
    "seed": names.REQUEST_SEED,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
    "reasoning_effort": names.REQUEST_REASONING_EFFORT,
    "service_tier": names.OPENAI_REQUEST_SERVICE_TIER,
}
_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}


def parameters(kwargs: Mapping[str, Any]) -> Facts:
    """Return the parameters of a request. Values of other types (a client's NOT_GIVEN) are left out."""
    facts: Facts = {}
    for name, value in kwargs.items():
        known = _PARAMETERS.get(name)
        if known is not None and isinstance(value, (int, float, str)):
            facts[known] = value
    stop = kwargs.get("stop")
    if isinstance(stop, str | list | tuple):
        facts[names.REQUEST_STOP_SEQUENCES] = [stop] if isinstance(stop, str) else [str(word) for word in stop]
    choices = kwargs.get("n")
    if isinstance(choices, int) and choices != 1:
        facts[names.REQUEST_CHOICE_COUNT] = choices
    form = kwargs.get("response_format")
    if form is not None and (kind := output_type(form)) is not None:
        facts[names.OUTPUT_TYPE] = kind
    if kwargs.get("stream") is True:
        facts[names.REQUEST_STREAM] = True
    return facts


def output_type(form: Any) -> str | None:
    """Return the kind of output that a format asks for; a class is a schema."""
    if isinstance(form, str):
        return None
    kind = "json_schema" if isinstance(form, type) else field(form, "type")
    return _OUTPUT_TYPES.get(kind) if isinstance(kind, str) else None


def model_of(kwargs: Mapping[str, Any]) -> str:
    """Return the model that is asked for, '' where the call names none."""
    model = kwargs.get("model")
    return model if isinstance(model, str) else ""


def asked(kwargs: dict[str, Any], content: Content) -> Facts:
    """Return the parameters of a chat request, and its messages and tools where content is wanted."""
    facts = parameters(kwargs)
    if not content.on:
        return facts
    facts[names.INPUT_MESSAGES] = messages.conversation(listed(kwargs, "messages"), content)
    if "tools" in kwargs and (tools := listed(kwargs, "tools")):
        facts[names.TOOL_DEFINITIONS] = content.json([messages.tool(tool) for tool in tools])
    return facts


def listed(kwargs: dict[str, Any], name: str) -> list[Any] | tuple[Any, ...]:
    """Return an argument's items. One that can be read once only is replaced by a list: the client reads it too."""
    value = kwargs.get(name)
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, Iterator):
        value = kwargs[name] = list(value)
        return value
    return ()


def answered(response: Any, content: Content) -> Facts:
    """Return what a whole chat answer says."""
    facts = response_facts(response)
    own = own_fields(response)
    choices = (own["choices"] if "choices" in own else field(response, "choices")) or ()
    reasons = [reason for choice in choices if isinstance(reason := field(choice, "finish_reason"), str)]
    if reasons:
        facts[names.RESPONSE_FINISH_REASONS] = tuple(reasons)
    if content.on and choices:
        facts[names.OUTPUT_MESSAGES] = messages.answers(choices, content)
    return facts


def response_facts(response: Any) -> Facts:
    """Return id, model, tier and usage, of an answer or of one chunk of it."""
    facts: Facts = {}
    own = own_fields(response)
    for name, source in _RESPONSE:
        value = own[source] if source in own else field(response, source)
        if isinstance(value, str) and value:
            facts[name] = value
    usage = own["usage"] if "usage" in own else field(response, "usage")
    if usage is not None:
        facts |= usage_facts(usage)
    return facts


_RESPONSE: Final = (
    (names.RESPONSE_ID, "id"),
    (names.RESPONSE_MODEL, "model"),
    (names.OPENAI_RESPONSE_SERVICE_TIER, "service_tier"),
    (names.OPENAI_SYSTEM_FINGERPRINT, "system_fingerprint"),
)


def usage_facts(usage: Any) -> Facts:
    """Return token counts, and the cost where the server reports it."""
    facts: Facts = {}
    own = own_fields(usage)
    for name, source in _USAGE:
        value = own[source] if source in own else field(usage, source)
        if isinstance(value, int):
            facts[name] = value
    details = own[_OF_ASKED] if _OF_ASKED in own else field(usage, _OF_ASKED)
    if details is not None:
        count(facts, names.USAGE_CACHE_READ_TOKENS, details, "cached_tokens")
        count_some(facts, names.USAGE_CACHE_WRITE_TOKENS, details, "cache_write_tokens")
        count_some(facts, names.USAGE_AUDIO_INPUT_TOKENS, details, "audio_tokens")
    details = own[_OF_ANSWERED] if _OF_ANSWERED in own else field(usage, _OF_ANSWERED)
    if details is not None:
        count(facts, names.USAGE_REASONING_TOKENS, details, "reasoning_tokens")
        count_some(facts, names.USAGE_AUDIO_OUTPUT_TOKENS, details, "audio_tokens")
    if beyond := _beyond(usage, own):
        if names.USAGE_CACHE_READ_TOKENS not in facts:
            count(facts, names.USAGE_CACHE_READ_TOKENS, beyond, "prompt_cache_hit_tokens")
        if (cost := _reported_cost(beyond)) is not None:
            facts[names.COST_USD] = cost
    return facts


_USAGE: Final = (
    (names.USAGE_INPUT_TOKENS, "prompt_tokens"),
    (names.USAGE_OUTPUT_TOKENS, "completion_tokens"),
)
_OF_ASKED: Final = "prompt_tokens_details"
_OF_ANSWERED: Final = "completion_tokens_details"


def _beyond(usage: Any, own: Mapping[str, Any]) -> Any:
    """Return where a usage keeps what is not OpenAI's: a client's object keeps it apart, unless it has names for it.

    To ask the object itself costs a microsecond for each name that it does not have.
    """
    extra = getattr(usage, "__pydantic_extra__", None)
    return usage if extra is None or "cost" in own else extra


def count(facts: Facts, name: str, source: Any, key: str) -> None:
    """Add a count under a name, if the source has one."""
    value = field(source, key)
    if isinstance(value, int):
        facts[name] = value


def count_some(facts: Facts, name: str, source: Any, key: str) -> None:
    """Add a count under a name, if the source has one and it is not 0: of what most calls have nothing."""
    value = field(source, key)
    if isinstance(value, int) and value:
        facts[name] = value


_USD_PER_TICK: Final = 1e-10


def _reported_cost(usage: Any) -> float | None:
    """Return what the server says the call cost, in US dollars.

    OpenRouter: ``cost`` is in dollars; with a key of the user's own it is the fee alone, and the provider's part stands
    in ``cost_details``. Perplexity: ``cost.total_cost``. xAI: ``cost_in_usd_ticks``.
    """
    cost = field(usage, "cost")
    if cost is not None and not isinstance(cost, int | float):
        cost = field(cost, "total_cost")
    elif cost is not None and field(usage, "is_byok"):
        upstream = field(field(usage, "cost_details"), "upstream_inference_cost")
        return cost + upstream if isinstance(upstream, int | float) else None
    elif cost is None and isinstance(ticks := field(usage, "cost_in_usd_ticks"), int):
        cost = ticks * _USD_PER_TICK
    return float(cost) if isinstance(cost, int | float) else None
