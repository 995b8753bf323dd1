"""What every response of the stand-in says, as facts that a test asserts: `expected("openai.chat")`.

Token counts are in the meaning of the GenAI conventions (input includes cached tokens, output includes reasoning),
and no two counts of one response are equal, so that a mix-up shows. They follow from the vendor's and the
scenario's place in the tables below.
"""

import json
import re
from dataclasses import dataclass

from tests.standin.script import LONG_WORDS, Script, fill
from tests.standin.wire import Json

TEXTS = {
    "chat": "Seoul is the capital of South Korea, and about 9.4 million people live there.",
    "korean": "서울은 대한민국의 수도이며 약 940만 명이 살고 있습니다. 한강이 도시를 가로지릅니다.",
    "long": "",
    "tool": "",
    "tools": "",
    "tool_answer": "It is 21.5 degrees and sunny in Seoul.",
    "structured": "",
    "refusal": "I cannot help with that request.",
    "length": "Seoul is the capital of South",
    "reasoning": "The answer is 42.",
}
REASONING = "The user asks for six times seven. Six times seven is 42."
_SCENARIOS = tuple(TEXTS)

STOP, TOOL, LENGTH, REFUSAL = range(4)
_WHY = {"tool": TOOL, "tools": TOOL, "length": LENGTH, "refusal": REFUSAL}
WEATHER: Json = {"name": "get_weather", "schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@dataclass(frozen=True, slots=True)
class Vendor:
    """What differs between providers in the facts of an answer."""

    model: str  # asked for in the tests of this repository
    finish: tuple[str, str, str, str]  # the provider's words for: stop, tool call, length, refusal
    cache_read: bool = False  # which parts of the usage it reports
    cache_write: bool = False
    reasoning: bool = False


_OPENAI = ("stop", "tool_calls", "length", "stop")
_ANTHROPIC = ("end_turn", "tool_use", "max_tokens", "refusal")
_GOOGLE = ("STOP", "STOP", "MAX_TOKENS", "SAFETY")
VENDORS = {
    "openai": Vendor("gpt-4o-mini", _OPENAI, cache_read=True, reasoning=True),
    "openai_responses": Vendor(
        "gpt-5-mini", ("completed", "completed", "incomplete", "completed"), cache_read=True, reasoning=True
    ),
    "azure": Vendor("my-deployment", _OPENAI, cache_read=True, reasoning=True),
    "anthropic": Vendor("claude-haiku-4-5", _ANTHROPIC, cache_read=True, cache_write=True, reasoning=True),
    "google": Vendor("gemini-2.5-flash", _GOOGLE, cache_read=True, reasoning=True),
    "bedrock": Vendor(
        "anthropic.claude-3-5-sonnet-20240620-v1:0",
        ("end_turn", "tool_use", "max_tokens", "content_filtered"),
        cache_read=True,
        cache_write=True,
    ),
    "mistral": Vendor("mistral-small-latest", _OPENAI),
    "cohere": Vendor("command-r-08-2024", ("COMPLETE", "TOOL_CALL", "MAX_TOKENS", "COMPLETE")),
    "groq": Vendor("llama-3.3-70b-versatile", _OPENAI, cache_read=True, reasoning=True),
    "together": Vendor("meta-llama/Llama-3.3-70B-Instruct-Turbo", _OPENAI),
    "fireworks": Vendor("accounts/fireworks/models/llama-v3p3-70b-instruct", _OPENAI, cache_read=True),
    "vllm": Vendor("Qwen/Qwen3-8B", _OPENAI),
    "deepseek": Vendor("deepseek-chat", _OPENAI, cache_read=True, reasoning=True),
    "openrouter": Vendor("openai/gpt-4o-mini", _OPENAI, cache_read=True, reasoning=True),
    "perplexity": Vendor("sonar", _OPENAI),
    "xai": Vendor("grok-3-mini", _OPENAI, cache_read=True, reasoning=True),
    "ollama": Vendor("llama3.2", ("stop", "stop", "length", "stop")),
    "bedrock_nova": Vendor(
        "amazon.nova-lite-v1:0",
        ("end_turn", "tool_use", "max_tokens", "content_filtered"),
        cache_read=True,
        cache_write=True,
    ),
    "bedrock_titan": Vendor("amazon.titan-text-express-v1", ("FINISH", "FINISH", "LENGTH", "CONTENT_FILTERED")),
    "bedrock_llama": Vendor("meta.llama3-70b-instruct-v1:0", ("stop", "stop", "length", "stop")),
    "bedrock_cohere": Vendor("cohere.command-r-v1:0", ("COMPLETE", "COMPLETE", "MAX_TOKENS", "ERROR_TOXIC")),
    "bedrock_mistral": Vendor("mistral.mistral-large-2402-v1:0", ("stop", "tool_calls", "length", "stop")),
}
# The name that a provider answers with, where it differs from the one asked for.
ANSWERED = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct:20230824-v2",
    "my-deployment": "gpt-4o-mini-2024-07-18",
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
}
_CLAUDE = re.compile(r"^(?:\w+\.)?anthropic\.(?=claude)|(?<=\d)-v\d:\d$")  # what Bedrock adds to Claude's names
CACHE_WRITE_1H_TOKENS = 57  # of the tokens written to Anthropic's cache, those kept for an hour


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model asks to call, with arguments that satisfy the tool's schema."""

    name: str
    arguments: Json

    @property
    def arguments_json(self) -> str:
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What one response says. Token counts are inclusive; a count that the provider does not report is 0."""

    response_model: str
    text: str
    finish_reason: str  # the provider's own word
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""

    @property
    def fragments(self) -> list[str]:
        """The parts in which a stream brings the text: words with their space, none for no text."""
        return [word + " " for word in self.text.split(" ")[:-1]] + [self.text.split(" ")[-1]] if self.text else []

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


def answered(model: str) -> str:
    """The model name in the response to a request for `model`."""
    bare = _CLAUDE.sub("", model.partition("--")[0]).replace("@", "-")
    return ANSWERED.get(bare, bare)


def facts(vendor: str, script: Script, model: str) -> Facts:
    """What the stand-in, playing `vendor`, answers to a request for `model`."""
    kind, place = VENDORS[vendor], _SCENARIOS.index(script.answer)
    seed = list(VENDORS).index(vendor)
    reasoning = (16 + place + seed) if kind.reasoning else 0
    return Facts(
        response_model=answered(model),
        text=_text(script),
        finish_reason=kind.finish[_WHY.get(script.answer, STOP)],
        input_tokens=1500 + 31 * place + 3 * seed,
        output_tokens=140 + 9 * place + 2 * seed,
        cache_read_tokens=(1024 + 5 * place + seed) if kind.cache_read else 0,
        cache_write_tokens=(270 + 4 * place + seed) if kind.cache_write else 0,
        reasoning_tokens=reasoning,
        tool_calls=_tool_calls(script),
        reasoning=REASONING if script.answer == "reasoning" else "",
    )


def expected(name: str, *, model: str = "", tools: tuple[Json, ...] = (), words: int = LONG_WORDS) -> Facts:
    """The facts of `vendor.scenario`, such as `openai.chat`; of the vendor's usual model unless one is named.

    Raises:
        KeyError: There is no such vendor.
        ValueError: There is no such scenario.
    """
    vendor, _, scenario = name.partition(".")
    return facts(vendor, Script(answer=scenario, tools=tools, words=words), model or VENDORS[vendor].model)


def _text(script: Script) -> str:
    if script.answer == "structured":
        return json.dumps(fill(script.schema or {"type": "object", "properties": {"answer": {"type": "string"}}}))
    if script.answer == "long":
        return " ".join(f"word{n}" for n in range(script.words))
    return TEXTS[script.answer]


def _tool_calls(script: Script) -> tuple[ToolCall, ...]:
    if script.answer not in {"tool", "tools"}:
        return ()
    offered = script.tools or (WEATHER,)
    chosen = (offered * 2)[:2] if script.answer == "tools" else offered[:1]
    return tuple(ToolCall(tool["name"], fill(tool["schema"])) for tool in chosen)
