"""Ids on the root span alone, as Langfuse, OpenInference and hand-written spans have them: calls below them count."""

from typing import Any

import httpx2
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tests.e2e.conftest import Running, wait_until

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}


def test_a_session_has_the_calls_of_its_traces(running: Running) -> None:
    """The call ends first and is sent in a request of its own; the root with the ids comes later."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"http://{running.http}/v1/traces")))
    tracer = provider.get_tracer("app")
    for _ in range(2):
        ids = {"session.id": "chat-7", "user.id": "철수"}
        with tracer.start_as_current_span("answer", attributes=ids), tracer.start_as_current_span("chat") as call:
            call.set_attributes(CALL)
    wait_until(lambda: running.sql("SELECT count() FROM spans") == "4\n")
    assert running.sql("SELECT countIf(session_id != '' OR user_id != ''), sum(cost_usd) FROM spans") == "2\t0.00042\n"
    for path in ("sessions", "sessions/chat-7", "users", "users/%EC%B2%A0%EC%88%98"):
        answer = httpx2.get(f"http://{running.web}/api/v1/{path}", trust_env=False, timeout=60).json()
        shown = answer[path][0] if path in answer and "/" not in path else answer
        assert [shown[k] for k in ("traces", "requests", "input_tokens", "cost_usd")] == [2, 2, 2000, "0.00042"]
