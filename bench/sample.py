"""OTLP trace requests as a busy LLM application sends them, the same for the same seed.

Three shapes of a span: `typical` (21 attributes, about 2.6 KB), `small` (8 attributes, about 400 B) and `large`
(21 attributes with a 40 KB prompt). Text is random English and Korean words, which compress better than real prompts
do: five times or more with gzip, so disk figures lean on the low side.
"""

import random
import time
from dataclasses import dataclass

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SHAPES = {"typical": (1_750, 1_100), "small": (0, 0), "large": (40_000, 20_000)}
"""Bytes of text in the prompt, and in the answer at most."""

MODELS = (
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "gpt-4.1"),
    ("anthropic", "claude-sonnet-4-20250514"),
    ("gcp.gemini", "gemini-2.5-flash"),
)
WORDS = (
    "refund order invoice delivery account policy warranty contract customer question answer document search "
    "index vector cluster latency budget token model prompt version release window region support shipment "
    "환불 주문 배송 결제 계정 정책 보증 계약 고객 질문 답변 문서 검색 색인 지연 예산 모델 버전 지역 지원 확인 부탁 "
    "감사합니다 언제 어디서 어떻게 그리고 하지만 때문에 있습니다 없습니다"
).split()


@dataclass(frozen=True, slots=True)
class Request:
    """One request body and what it holds."""

    body: bytes
    spans: int
    input_tokens: int


def requests(count: int, spans: int, shape: str = "typical", seed: int = 1) -> list[Request]:
    """Return ``count`` requests of ``spans`` spans each, in traces of four, from about now."""
    rng = random.Random(seed)
    return [_request(rng, spans, shape) for _ in range(count)]


def _request(rng: random.Random, spans: int, shape: str) -> Request:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = rng.choice(("support-bot", "doc-search", "code-helper"))
    for key, value in (("service.name", service), ("service.version", "1.4.2"), ("service.instance.id", "pod-7")):
        resource.resource.attributes.append(_text(key, value))
    resource.resource.attributes.append(_text("deployment.environment.name", "production"))
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.genai.openai", "1.3b0"
    tokens = 0
    for n in range(spans):
        if n % 4 == 0:
            trace_id, root_id = rng.randbytes(16), rng.randbytes(8)
        tokens += _chat(rng, scope.spans.add(trace_id=trace_id, parent_span_id=root_id), shape)
    return Request(request.SerializeToString(), spans, tokens)


def _chat(rng: random.Random, span: Span, shape: str) -> int:
    provider, model = rng.choice(MODELS)
    tokens = rng.randint(50, 4_000)
    end = time.time_ns() - rng.randint(0, 60_000_000_000)
    span.span_id, span.name, span.kind = rng.randbytes(8), f"chat {model}", Span.SPAN_KIND_CLIENT
    span.start_time_unix_nano, span.end_time_unix_nano = end - rng.randint(10**8, 6 * 10**9), end
    attributes = [
        _text("gen_ai.operation.name", "chat"),
        _text("gen_ai.provider.name", provider),
        _text("gen_ai.request.model", model),
        _text("gen_ai.response.model", model),
        _text("gen_ai.response.id", f"chatcmpl-{rng.randbytes(12).hex()}"),
        _int("gen_ai.usage.input_tokens", tokens),
        _int("gen_ai.usage.output_tokens", rng.randint(5, 900)),
        _text("user.id", f"user-{rng.randrange(5_000)}"),
    ]
    if shape != "small":
        attributes += _more(rng, tokens, *SHAPES[shape])
    span.attributes.extend(attributes)
    return tokens


def _more(rng: random.Random, tokens: int, prompt_bytes: int, answer_bytes: int) -> list[KeyValue]:
    prompt, answer = _words(rng, prompt_bytes), _words(rng, answer_bytes // rng.choice((4, 8, 16)))
    finish = KeyValue(key="gen_ai.response.finish_reasons")
    finish.value.array_value.CopyFrom(ArrayValue(values=[AnyValue(string_value="stop")]))
    return [
        _double("gen_ai.request.temperature", 0.2),
        _double("gen_ai.request.top_p", 0.95),
        _int("gen_ai.request.max_tokens", 1024),
        _int("gen_ai.usage.cache_read.input_tokens", tokens // 2 if rng.random() < 0.3 else 0),
        _double("gen_ai.response.time_to_first_chunk", rng.random()),
        KeyValue(key="gen_ai.request.stream", value=AnyValue(bool_value=True)),
        finish,
        _text("gen_ai.prompt.name", rng.choice(("answer", "summarize", "translate"))),
        _text("gen_ai.prompt.version", str(rng.randint(1, 6))),
        _text("gen_ai.conversation.id", f"session-{rng.randrange(20_000)}"),
        _text("server.address", "api.openai.example"),
        _text("gen_ai.input.messages", _messages("user", prompt)),
        _text("gen_ai.output.messages", _messages("assistant", answer)),
    ]


def _messages(role: str, text: str) -> str:
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()


def _words(rng: random.Random, size: int) -> str:
    return " ".join(rng.choices(WORDS, k=max(1, size // 9)))


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _int(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))


def _double(key: str, value: float) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(double_value=value))
