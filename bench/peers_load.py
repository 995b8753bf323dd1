"""OTLP requests of a retrieval application, for servers that are measured side by side.

A trace is four spans, as a batch processor exports them: retrieval (13 attributes), two chats (22, with some 2,000
bytes of messages) and the workflow above them (12); about 1.7 KB a span. The same for the same seed.
"""

import random
import time
from collections.abc import Iterator

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sample import MODELS, WORDS, Request

_SERVICES = ("support-bot", "doc-search", "code-helper", "sales-agent", "batch-eval")
_WORD_BYTES = 9
_Value = str | int | float | list[str]


def requests(spans_total: int, spans: int = 512, seed: int = 1) -> list[Request]:
    """Return requests of ``spans`` spans each, the last one of what is left."""
    rng = random.Random(seed)
    every = (span for _ in range(-(-spans_total // 4)) for span in _trace(rng))
    load, left = [], spans_total
    while left:
        here = min(spans, left)
        load.append(_request(rng, every, here))
        left -= here
    return load


def _request(rng: random.Random, every: Iterator[Span], spans: int) -> Request:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    of_resource: dict[str, _Value] = {
        "service.name": rng.choice(_SERVICES),
        "service.version": "1.4.2",
        "service.instance.id": f"pod-{rng.randrange(16)}",
        "deployment.environment.name": "production",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.39.0",
    }
    resource.resource.attributes.extend(_attributes(of_resource))
    scope = resource.scope_spans.add()
    scope.scope.name, scope.scope.version = "peers_load", "1"
    scope.spans.extend(next(every) for _ in range(spans))
    return Request(request.SerializeToString(), spans, 0)


def _trace(rng: random.Random) -> list[Span]:
    root_id = rng.randbytes(8)
    user = f"user-{rng.randrange(1_000):04}"
    who: dict[str, _Value] = {"user.id": user, "session.id": f"sess-{user[5:]}-{rng.randrange(50)}"}
    question = _text(rng, 100)
    spans = [
        _span(rng, "retrieval handbook", _retrieval(rng, question) | who),
        *(
            _span(rng, f"chat {model}", _chat(rng, provider, model, who))
            for provider, model in rng.choices(MODELS, k=2)
        ),
        _span(rng, "invoke_workflow answer_question", _workflow(rng, question) | who),
    ]
    trace_id = rng.randbytes(16)
    for span in spans:
        span.trace_id, span.parent_span_id = trace_id, root_id
    spans[-1].span_id, spans[-1].parent_span_id, spans[-1].kind = root_id, b"", Span.SPAN_KIND_INTERNAL
    return spans


def _span(rng: random.Random, name: str, attributes: dict[str, _Value]) -> Span:
    start = time.time_ns() - rng.randint(60, 3_600) * 10**9
    span = Span(span_id=rng.randbytes(8), name=name, kind=Span.SPAN_KIND_CLIENT)
    span.start_time_unix_nano, span.end_time_unix_nano = start, start + rng.randint(10**8, 3 * 10**9)
    span.attributes.extend(_attributes(attributes))
    return span


def _chat(rng: random.Random, provider: str, model: str, who: dict[str, _Value]) -> dict[str, _Value]:
    tokens = rng.randint(50, 4_000)
    asked = [_message("system", _text(rng, 450)), _message("user", _text(rng, 800))]
    attributes: dict[str, _Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        "gen_ai.request.temperature": rng.choice((0.0, 0.2, 0.7, 1.0)),
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.max_tokens": rng.choice((512, 1024, 4096)),
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": rng.randint(5, 900),
        "gen_ai.usage.cache_read.input_tokens": tokens // 2 if rng.random() < 0.3 else 0,
        "gen_ai.conversation.id": who["session.id"],
        "gen_ai.output.type": "text",
        "gen_ai.prompt.name": rng.choice(("answer", "summarize", "translate", "classify")),
        "gen_ai.prompt.version": str(rng.randint(1, 6)),
        "server.address": f"api.{provider}.example",
        "server.port": 443,
        "gen_ai.input.messages": orjson.dumps(asked).decode(),
        "gen_ai.response.id": f"chatcmpl-{rng.randbytes(12).hex()}",
        "gen_ai.response.model": model,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.output.messages": orjson.dumps([_message("assistant", _text(rng, 500))]).decode(),
    }
    return attributes | who


def _retrieval(rng: random.Random, question: str) -> dict[str, _Value]:
    documents = [{"id": f"doc-{rng.randrange(20_000):05}", "score": round(rng.random(), 4)} for _ in range(5)]
    return {
        "gen_ai.operation.name": "retrieval",
        "gen_ai.provider.name": "pgvector",
        "gen_ai.data_source.id": f"handbook-{rng.randrange(12)}",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.request.top_k": 5,
        "gen_ai.retrieval.query.text": question,
        "gen_ai.retrieval.documents": orjson.dumps(documents).decode(),
        "db.system.name": "postgresql",
        "db.namespace": "kb",
        "server.address": "kb.internal.example",
        "server.port": 5432,
    }


def _workflow(rng: random.Random, question: str) -> dict[str, _Value]:
    return {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "answer_question",
        "enduser.plan": rng.choice(("free", "pro", "team")),
        "app.release": f"2026.{rng.randint(1, 11)}.{rng.randint(0, 9)}",
        "http.route": "/v1/answer",
        "app.feature": rng.choice(("chat", "search", "email", "report")),
        "input.value": question,
        "cloud.region": rng.choice(("ap-northeast-2", "us-east-1", "eu-west-1")),
        "app.steps": 3,
        "app.cached": 0,
    }


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _text(rng: random.Random, size: int) -> str:
    return " ".join(rng.choices(WORDS, k=size // _WORD_BYTES))


def _attributes(values: dict[str, _Value]) -> Iterator[KeyValue]:
    for key, value in values.items():
        match value:
            case str():
                yield KeyValue(key=key, value=AnyValue(string_value=value))
            case int():
                yield KeyValue(key=key, value=AnyValue(int_value=value))
            case float():
                yield KeyValue(key=key, value=AnyValue(double_value=value))
            case list():
                values_ = [AnyValue(string_value=word) for word in value]
                yield KeyValue(key=key, value=AnyValue(array_value=ArrayValue(values=values_)))
