"""Every spelling of every field, dialect by dialect: one attribute in, one column out."""

from typing import Any

import pytest
from tests.stages.payloads import START, event, normalize, span, value

OTEL = "opentelemetry.instrumentation.genai.openai"
OL = "opentelemetry.instrumentation.openai.v1"
OI = "openinference.instrumentation.openai"
LF = "langfuse-sdk"
LS = "langsmith"
ML = "mlflow.tracing.provider"
AI = "ai"
AI7 = "gen_ai"
LG = "logfire.openai"
PA = "pydantic-ai"
OP = "openlit.instrumentation.openai"
LL = "litellm"
ST = "strands.telemetry.tracer"
ADK = "gcp.vertex.agent"
SK = "semantic_kernel.utils.telemetry"
MF = "agent_framework"
AN = "com.anthropic.sdk.python"
AZ = "azure.ai.inference"
BR = "opentelemetry.instrumentation.botocore.bedrock-runtime"
TL = "traceloop.tracer"

DIALECTS = {
    OTEL: "otel-genai",
    OL: "openllmetry",
    OI: "openinference",
    LF: "langfuse",
    LS: "langsmith",
    ML: "mlflow",
    AI: "vercel-ai",
    AI7: "vercel-ai-otel",
    LG: "logfire",
    PA: "pydantic-ai",
    OP: "openlit",
    LL: "litellm",
    ST: "strands",
    ADK: "google-adk",
    SK: "semantic-kernel",
    MF: "agent-framework",
    AN: "anthropic-sdk",
    AZ: "azure-ai",
    BR: "bedrock",
    TL: "traceloop",
}
Case = tuple[str, str, Any, Any]

OPERATION: list[Case] = [
    (OTEL, "gen_ai.operation.name", "chat", "chat"),
    (OTEL, "gen_ai.operation.name", "invoke_workflow", "invoke_workflow"),
    (OTEL, "gen_ai.operation.name", "create_agent", "create_agent"),
    (OTEL, "mcp.method.name", "tools/call", "execute_tool"),
    (OTEL, "mcp.method.name", "tools/list", ""),
    (AI7, "gen_ai.operation.name", "agent_step", "agent_step"),
    (ST, "gen_ai.operation.name", "execute_event_loop_cycle", "execute_event_loop_cycle"),
    (OL, "gen_ai.operation.name", "vector_db_retrieve", "retrieval"),
    (OL, "gen_ai.operation.name", "execute_task", "execute_task"),
    (OL, "llm.request.type", "chat", "chat"),
    (OL, "llm.request.type", "completion", "text_completion"),
    (OL, "llm.request.type", "embedding", "embeddings"),
    (OL, "llm.request.type", "rerank", "rerank"),
    (OL, "traceloop.span.kind", "tool", "execute_tool"),
    (TL, "traceloop.span.kind", "workflow", "invoke_workflow"),
    (TL, "traceloop.span.kind", "task", "execute_task"),
    (TL, "traceloop.span.kind", "agent", "invoke_agent"),
    (LL, "gen_ai.operation.name", "embedding", "embeddings"),
    (LL, "llm.request.type", "completion", "chat"),
    *(
        (OI, "openinference.span.kind", kind, operation)
        for kind, operation in {
            "LLM": "chat",
            "EMBEDDING": "embeddings",
            "RETRIEVER": "retrieval",
            "TOOL": "execute_tool",
            "AGENT": "invoke_agent",
            "CHAIN": "invoke_workflow",
            "RERANKER": "rerank",
            "GUARDRAIL": "guardrail",
            "EVALUATOR": "evaluate",
            "PROMPT": "prompt",
            "DECISION": "decision",
            "UNKNOWN": "",
        }.items()
    ),
    *(
        (AI, "ai.operationId", name, operation)
        for name, operation in {
            "ai.generateText": "invoke_agent",
            "ai.generateText.doGenerate": "chat",
            "ai.streamText": "invoke_agent",
            "ai.streamText.doStream": "chat",
            "ai.generateObject.doGenerate": "chat",
            "ai.streamObject.doStream": "chat",
            "ai.embed.doEmbed": "embeddings",
            "ai.embedMany": "invoke_workflow",
            "ai.embedMany.doEmbed": "embeddings",
            "ai.toolCall": "execute_tool",
            "ai.rerank.doRerank": "rerank",
        }.items()
    ),
    *(
        (LF, "langfuse.observation.type", kind, operation)
        for kind, operation in {
            "span": "",
            "event": "",
            "generation": "chat",
            "embedding": "embeddings",
            "agent": "invoke_agent",
            "tool": "execute_tool",
            "chain": "invoke_workflow",
            "retriever": "retrieval",
            "evaluator": "evaluate",
            "guardrail": "guardrail",
        }.items()
    ),
    *(
        (LS, "langsmith.span.kind", kind, operation)
        for kind, operation in {
            "llm": "chat",
            "chain": "invoke_workflow",
            "tool": "execute_tool",
            "retriever": "retrieval",
            "embedding": "embeddings",
            "prompt": "prompt",
            "parser": "parse",
        }.items()
    ),
    *(
        (ML, "mlflow.spanType", f'"{kind}"', operation)
        for kind, operation in {
            "CHAT_MODEL": "chat",
            "LLM": "chat",
            "RETRIEVER": "retrieval",
            "TOOL": "execute_tool",
            "AGENT": "invoke_agent",
            "CHAIN": "invoke_workflow",
            "EMBEDDING": "embeddings",
            "RERANKER": "rerank",
            "UNKNOWN": "",
        }.items()
    ),
    (ML, "gen_ai.operation.name", "CHAIN", "invoke_workflow"),
    (ML, "gen_ai.operation.name", "RETRIEVER", "retrieval"),
]
PROVIDER: list[Case] = [
    (OTEL, "gen_ai.provider.name", "openai", "openai"),
    (OTEL, "gen_ai.system", "anthropic", "anthropic"),
    (OL, "gen_ai.system", "OpenAI", "openai"),
    (OL, "gen_ai.system", "Anthropic", "anthropic"),
    (OL, "llm.vendor", "OpenAI", "openai"),
    (OL, "gen_ai.provider.name", "langchain", ""),
    (LL, "gen_ai.system", "", ""),
    (LL, "gen_ai.system", "bedrock", "aws.bedrock"),
    (OI, "llm.provider", "openai", "openai"),
    (OI, "llm.system", "vertexai", "gcp.vertex_ai"),
    (AI, "gen_ai.system", "openai.chat", "openai"),
    (AI, "ai.model.provider", "anthropic.messages", "anthropic"),
    (AI, "ai.model.provider", "google.generative-ai", "gcp.gemini"),
    (AI, "ai.model.provider", "google.vertex.chat", "gcp.vertex_ai"),
    (AI, "ai.model.provider", "amazon-bedrock", "aws.bedrock"),
    (AI7, "gen_ai.provider.name", "azure.ai.openai", "azure.ai.openai"),
    (LS, "langsmith.metadata.ls_provider", "openai", "openai"),
    (ML, "mlflow.llm.provider", '"openai"', "openai"),
    (ST, "gen_ai.system", "strands-agents", ""),
    (MF, "gen_ai.provider.name", "microsoft.agent_framework", ""),
    (SK, "gen_ai.system", "openai", "openai"),
    (AZ, "gen_ai.system", "az.ai.inference", "azure.ai.inference"),
    (AZ, "gen_ai.provider.name", "az.ai.openai", "azure.ai.openai"),
    (BR, "gen_ai.system", "aws.bedrock", "aws.bedrock"),
    (PA, "gen_ai.provider.name", "google-gla", "gcp.gemini"),
]
MODELS: list[tuple[str, str, str, Any, str]] = [
    ("request_model", OTEL, "gen_ai.request.model", "gpt-4o", "gpt-4o"),
    ("response_model", OTEL, "gen_ai.response.model", "gpt-4o-1", "gpt-4o-1"),
    ("request_model", OL, "llm.request.model", "gpt-4", "gpt-4"),
    ("response_model", OL, "llm.response.model", "gpt-4-0613", "gpt-4-0613"),
    ("response_model", OI, "llm.model_name", "gpt-4o-1", "gpt-4o-1"),
    ("request_model", OI, "llm.model_name", "gpt-4o-1", "gpt-4o-1"),
    ("request_model", OI, "llm.request.model_name", "gpt-4o", "gpt-4o"),
    ("response_model", OI, "llm.response.model_name", "gpt-4o-1", "gpt-4o-1"),
    ("request_model", OI, "llm.invocation_parameters", '{"model": "gpt-4o"}', "gpt-4o"),
    ("request_model", OI, "embedding.model_name", "te-3", "te-3"),
    ("request_model", OI, "reranker.model_name", "rr-1", "rr-1"),
    ("request_model", AI, "ai.model.id", "gpt-4o", "gpt-4o"),
    ("response_model", AI, "ai.response.model", "gpt-4o-1", "gpt-4o-1"),
    ("response_model", LF, "langfuse.observation.model.name", "gpt-4o-1", "gpt-4o-1"),
    ("request_model", LF, "langfuse.observation.model.name", "gpt-4o", "gpt-4o"),
    ("response_model", ML, "mlflow.llm.model", '"gpt-4o-1"', "gpt-4o-1"),
    ("request_model", ML, "model", '"gpt-4o"', "gpt-4o"),
    ("request_model", ML, "mlflow.spanInputs", '{"model": "gpt-4o"}', "gpt-4o"),
    ("request_model", LL, "litellm.provider.model", "openai/gpt-4o", "openai/gpt-4o"),
    ("request_model", PA, "model_name", "gpt-4o", "gpt-4o"),
    ("request_model", LS, "langsmith.metadata.ls_model_name", "gpt-4o", "gpt-4o"),
    ("response_id", OTEL, "gen_ai.response.id", "chatcmpl-1", "chatcmpl-1"),
    ("response_id", AI, "ai.response.id", "chatcmpl-1", "chatcmpl-1"),
    ("response_id", OL, "llm.openai.id", "chatcmpl-1", "chatcmpl-1"),
    ("response_id", OI, "output.value", '{"id": "msg_1"}', "msg_1"),
    ("response_id", ML, "mlflow.spanOutputs", '{"id": "resp_1"}', "resp_1"),
    ("response_id", LS, "gen_ai.completion", '{"id": "chatcmpl-1"}', "chatcmpl-1"),
]
RAW = (
    '{"prompt_tokens": 20, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 3}, '
    '"completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 2}}'
)
REPR = RAW.replace('"', "'").replace("9", "None")
ANTHROPIC = (
    '{"anthropic": {"usage": {"cache_creation_input_tokens": 7, "cache_creation": {"ephemeral_1h_input_tokens": 5}}}}'
)
TOKENS: list[tuple[str, str, str, Any, int]] = [
    ("input_tokens", OTEL, "gen_ai.usage.input_tokens", 12, 12),
    ("output_tokens", OTEL, "gen_ai.usage.output_tokens", 12, 12),
    ("input_tokens", OTEL, "gen_ai.usage.prompt_tokens", 12, 12),
    ("output_tokens", OTEL, "gen_ai.usage.completion_tokens", 12, 12),
    ("input_tokens", OTEL, "gen_ai.usage.input_tokens", 12.0, 12),
    ("input_tokens", OTEL, "gen_ai.usage.input_tokens", "12", 12),
    ("input_tokens", OTEL, "gen_ai.usage.input_tokens", -3, 0),
    ("input_tokens", OTEL, "gen_ai.usage.input_tokens", float("nan"), 0),
    ("input_tokens", OL, "llm.usage.prompt_tokens", 12, 12),
    ("output_tokens", OL, "llm.usage.completion_tokens", 12, 12),
    ("input_tokens", OI, "llm.token_count.prompt", 12, 12),
    ("output_tokens", OI, "llm.token_count.completion", 12, 12),
    ("input_tokens", AI, "ai.usage.inputTokens", 12, 12),
    ("output_tokens", AI, "ai.usage.outputTokens", 12, 12),
    ("input_tokens", AI, "ai.usage.promptTokens", 12, 12),
    ("output_tokens", AI, "ai.usage.completionTokens", 12, 12),
    ("input_tokens", AI, "ai.usage.tokens", 12, 12),
    ("input_tokens", LF, "langfuse.observation.usage_details", '{"input": 12}', 12),
    ("output_tokens", LF, "langfuse.observation.usage_details", '{"output": 12}', 12),
    ("input_tokens", LF, "langfuse.observation.usage_details", RAW, 20),
    ("input_tokens", LF, "langfuse.observation.usage_details", '{"input_tokens": 12}', 12),
    ("input_tokens", ML, "mlflow.chat.tokenUsage", '{"input_tokens": 12}', 12),
    ("output_tokens", ML, "mlflow.chat.tokenUsage", '{"output_tokens": 12}', 12),
    ("input_tokens", LS, "langsmith.metadata.usage_metadata", '{"input_tokens": 12}', 12),
    ("output_tokens", LS, "langsmith.metadata.usage_metadata", '{"output_tokens": 12}', 12),
    ("input_tokens", PA, "gen_ai.aggregated_usage.input_tokens", 12, 0),
    ("cache_read_tokens", OTEL, "gen_ai.usage.cache_read.input_tokens", 12, 12),
    ("cache_read_tokens", OL, "gen_ai.usage.cache_read_input_tokens", 12, 12),
    ("cache_read_tokens", OI, "llm.token_count.prompt_details.cache_read", 12, 12),
    ("cache_read_tokens", AI, "ai.usage.cachedInputTokens", 12, 12),
    ("cache_read_tokens", AI, "ai.usage.inputTokenDetails.cacheReadTokens", 12, 12),
    ("cache_read_tokens", LF, "langfuse.observation.usage_details", '{"cache_read_input_tokens": 12}', 12),
    ("cache_read_tokens", LF, "langfuse.observation.usage_details", RAW, 8),
    ("cache_read_tokens", ML, "mlflow.chat.tokenUsage", '{"cache_read_input_tokens": 12}', 12),
    ("cache_read_tokens", LS, "gen_ai.usage.input_token_details", "{'audio': 0, 'cache_read': 12}", 12),
    ("cache_read_tokens", LG, "gen_ai.usage.raw", RAW, 8),
    ("cache_read_tokens", LL, "metadata.usage_object", REPR, 8),
    ("cache_write_tokens", OTEL, "gen_ai.usage.cache_creation.input_tokens", 12, 12),
    ("cache_write_tokens", AN, "gen_ai.usage.cache_write.input_tokens", 12, 12),
    ("cache_write_tokens", OL, "gen_ai.usage.cache_creation_input_tokens", 12, 12),
    ("cache_write_tokens", ST, "gen_ai.usage.cache_write_input_tokens", 12, 12),
    ("cache_write_tokens", OI, "llm.token_count.prompt_details.cache_write", 12, 12),
    ("cache_write_tokens", ML, "mlflow.chat.tokenUsage", '{"cache_creation_input_tokens": 12}', 12),
    ("cache_write_tokens", LF, "langfuse.observation.usage_details", '{"cache_creation_input_tokens": 12}', 12),
    ("cache_write_tokens", AI, "ai.response.providerMetadata", ANTHROPIC, 7),
    ("cache_write_1h_tokens", AI, "ai.response.providerMetadata", ANTHROPIC, 5),
    ("reasoning_tokens", OTEL, "gen_ai.usage.reasoning.output_tokens", 12, 12),
    ("reasoning_tokens", OL, "gen_ai.usage.reasoning_tokens", 12, 12),
    ("reasoning_tokens", PA, "gen_ai.usage.details.reasoning_tokens", 12, 12),
    ("reasoning_tokens", OI, "llm.token_count.completion_details.reasoning", 12, 12),
    ("reasoning_tokens", AI, "ai.usage.reasoningTokens", 12, 12),
    ("reasoning_tokens", AI, "ai.usage.outputTokenDetails.reasoningTokens", 12, 12),
    ("reasoning_tokens", LF, "langfuse.observation.usage_details", RAW, 4),
    ("reasoning_tokens", LG, "gen_ai.usage.raw", RAW, 4),
    ("reasoning_tokens", LL, "metadata.usage_object", REPR, 4),
    ("reasoning_tokens", LS, "gen_ai.usage.output_token_details", "{'reasoning': 12}", 12),
    ("audio_input_tokens", OTEL, "gen_ai.usage.audio.input_tokens", 12, 12),
    ("audio_output_tokens", OTEL, "gen_ai.usage.audio.output_tokens", 12, 12),
    ("audio_input_tokens", OI, "llm.token_count.prompt_details.audio", 12, 12),
    ("audio_output_tokens", OI, "llm.token_count.completion_details.audio", 12, 12),
    ("audio_input_tokens", PA, "gen_ai.usage.details.audio_tokens", 12, 12),
    ("audio_input_tokens", LG, "gen_ai.usage.raw", RAW, 3),
    ("audio_output_tokens", LG, "gen_ai.usage.raw", RAW, 2),
]
COST: list[tuple[str, str, Any, float | None]] = [
    (LG, "operation.cost", 0.25, 0.25),
    (PA, "operation.cost", 0.25, 0.25),
    (LL, "gen_ai.cost.total_cost", 0.25, 0.25),
    (LL, "hidden_params", '{"response_cost": 8.25e-06}', 8.25e-06),
    (OP, "gen_ai.usage.cost", 0.25, 0.25),
    (OP, "gen_ai.usage.cost", 0, None),
    (OI, "llm.cost.total", 0.25, 0.25),
    (LF, "langfuse.observation.cost_details", '{"input": 0.125, "output": 0.25}', 0.375),
    (LF, "langfuse.observation.cost_details", '{"input": 0.125, "output": 0.25, "total": 0.375}', 0.375),
    (LF, "langfuse.observation.cost_details", '{"input": 0, "output": 0, "total": 0}', None),
    (ML, "mlflow.llm.cost", '{"total_cost": 0.25}', 0.25),
    (OTEL, "gen_ai.cost.total", 0.25, 0.25),
]
STREAM = {"gen_ai.request.stream": True}
TTFT: list[tuple[str, dict[str, Any], list[Any], int | None]] = [
    (OTEL, {"gen_ai.response.time_to_first_chunk": 0.25}, [], 250_000_000),
    (AN, {"gen_ai.response.time_to_first_chunk": 0.25}, [], 250_000_000),
    (PA, {"gen_ai.client.operation.time_to_first_chunk": 0.25}, [], 250_000_000),
    (AI7, {"gen_ai.client.operation.time_to_first_chunk": 0.25}, [], 250_000_000),
    (OP, {"gen_ai.server.time_to_first_token": 0.25, **STREAM}, [], 250_000_000),
    (OP, {"gen_ai.server.time_to_first_token": 5.0, "gen_ai.request.stream": False}, [], None),
    (OP, {"gen_ai.server.time_to_first_token": 5.0}, [], None),
    (ST, {"gen_ai.server.time_to_first_token": 250}, [], 250_000_000),
    (AI, {"ai.response.msToFirstChunk": 250.5}, [], 250_500_000),
    (AI, {}, [event("ai.stream.firstChunk", {}, 250)], 250),
    (OI, {}, [event("First Token Stream Event", {}, 250), event("First Token Stream Event", {}, 900)], 250),
    (
        OL,
        {},
        [event("gen_ai.content.completion.chunk", {}, 250), event("gen_ai.content.completion.chunk", {}, 300)],
        250,
    ),
    (OL, {}, [event("llm.content.completion.chunk", {}, 250)], 250),
    (LF, {"langfuse.observation.completion_start_time": '"2023-11-14T22:13:20.250000Z"'}, [], 250_000_000),
    (ML, {}, [event("mlflow.chunk.item.0", {}, 250)], 250),
    (OTEL, {"gen_ai.response.time_to_first_chunk": float("inf")}, [], None),
    (OTEL, {"gen_ai.response.time_to_first_chunk": -1.0}, [], None),
    (OL, {}, [event("gen_ai.content.completion.chunk", {}, -250)], None),
    (OTEL, {}, [], None),
]
STREAMING: list[tuple[str, dict[str, Any], bool]] = [
    (OTEL, {"gen_ai.request.stream": True}, True),
    (OP, {"gen_ai.request.stream": False}, False),
    (OL, {"gen_ai.is_streaming": True}, True),
    (OL, {"llm.is_streaming": True}, True),
    (OL, {"llm.is_streaming": False}, False),
    (LL, {"llm.is_streaming": "True"}, True),
    (LL, {"llm.is_streaming": "False"}, False),
    (LS, {"langsmith.request.streaming": True}, True),
    (ML, {"stream": "true"}, True),
    (ML, {"mlflow.spanInputs": '{"stream": true}'}, True),
    (OI, {"llm.invocation_parameters": '{"stream": true}'}, True),
    (OI, {"llm.invocation_parameters": '{"stream": false}'}, False),
    (AI, {"ai.operationId": "ai.streamText.doStream"}, True),
    (AI, {"ai.operationId": "ai.generateText.doGenerate"}, False),
    (LG, {"logfire.msg_template": "streaming response from {request_data[model]!r} took {duration:.2f}s"}, True),
    (ST, {"gen_ai.server.time_to_first_token": 3}, True),
    (AI7, {"gen_ai.client.operation.time_to_first_chunk": 0.1}, True),
    (OTEL, {}, False),
]
FINISH: list[tuple[str, str, Any, list[str]]] = [
    (OTEL, "gen_ai.response.finish_reasons", ["stop"], ["stop"]),
    (OTEL, "gen_ai.response.finish_reasons", ["tool_calls", "length"], ["tool_call", "length"]),
    (LG, "gen_ai.response.finish_reasons", '["stop"]', ["stop"]),
    (LL, "gen_ai.response.finish_reasons", '["tool_calls"]', ["tool_call"]),
    (MF, "gen_ai.response.finish_reasons", '["content_filter"]', ["content_filter"]),
    (OTEL, "gen_ai.response.finish_reasons", "stop", ["stop"]),
    (SK, "gen_ai.response.finish_reason", "FinishReason.STOP", ["stop"]),
    (SK, "gen_ai.response.finish_reason", "FinishReason.TOOL_CALLS", ["tool_call"]),
    (AI, "ai.response.finishReason", "tool-calls", ["tool_call"]),
    (OI, "llm.finish_reason", "tool_use", ["tool_call"]),
    (OL, "gen_ai.completion.0.finish_reason", "tool_calls", ["tool_call"]),
    (OL, "llm.completions.0.finish_reason", "length", ["length"]),
    (AN, "anthropic.message.stop_reason", "end_turn", ["stop"]),
    (AN, "anthropic.message.stop_reason", "max_tokens", ["length"]),
    (LF, "langfuse.observation.metadata.finish_reason", "stop", ["stop"]),
    (LF, "langfuse.observation.metadata.finish_reason", '"content-filter"', ["content_filter"]),
    (ML, "mlflow.spanOutputs", '{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}', ["stop"]),
    (OTEL, "gen_ai.response.finish_reasons", ["MAX_TOKENS"], ["length"]),
    (OTEL, "gen_ai.response.finish_reasons", ["SAFETY"], ["content_filter"]),
    (OTEL, "gen_ai.response.finish_reasons", ["refusal"], ["content_filter"]),
    (OTEL, "gen_ai.response.finish_reasons", ["completed"], ["stop"]),
    (OTEL, "gen_ai.response.finish_reasons", ["pause_turn"], ["pause_turn"]),
    (OTEL, "gen_ai.response.finish_reasons", "[broken", ["[broken"]),
]
IDENTITY: list[tuple[str, str, str, Any, str]] = [
    *(
        ("user_id", scope, key, "u7", "u7")
        for scope, key in [
            (OI, "user.id"),
            (LF, "user.id"),
            (ST, "user.id"),
            ("my.app", "enduser.id"),
            (LF, "langfuse.user.id"),
            (OL, "traceloop.association.properties.user_id"),
            (OL, "gen_ai.user"),
            (OL, "llm.user"),
            (LL, "llm.user"),
            (OP, "gen_ai.request.user"),
            (AI, "ai.telemetry.metadata.userId"),
            (AI, "ai.settings.context.userId"),
            (LS, "langsmith.metadata.user_id"),
            (LL, "metadata.user_api_key_user_id"),
            (LL, "metadata.user_api_key_end_user_id"),
            (OI, "traceloop.association.properties.user_id"),
        ]
    ),
    ("user_id", ML, "mlflow.trace.user", '"u7"', "u7"),
    *(
        ("session_id", scope, key, "s1", "s1")
        for scope, key in [
            (OTEL, "gen_ai.conversation.id"),
            (PA, "gen_ai.conversation.id"),
            (OI, "session.id"),
            (BR, "session.id"),
            (LF, "langfuse.session.id"),
            (OL, "traceloop.association.properties.session_id"),
            (OL, "traceloop.association.properties.thread_id"),
            (LS, "langsmith.metadata.session_id"),
            (LS, "langsmith.metadata.thread_id"),
            (AI, "ai.telemetry.metadata.sessionId"),
            (LG, "group_id"),
            (LL, "metadata.session_id"),
            (AZ, "gen_ai.thread.id"),
        ]
    ),
    ("session_id", LS, "langsmith.trace.session_name", "my-project", ""),
    ("session_id", ML, "mlflow.trace.session", '"s1"', "s1"),
    ("prompt_name", OTEL, "gen_ai.prompt.name", "answer", "answer"),
    ("prompt_version", OTEL, "gen_ai.prompt.version", "3", "3"),
    ("prompt_name", OI, "prompt.id", "answer", "answer"),
    ("prompt_version", OI, "llm.prompt_template.version", "v2", "v2"),
    ("prompt_name", TL, "traceloop.prompt.key", "answer", "answer"),
    ("prompt_version", OL, "traceloop.prompt.version", 3, "3"),
    ("prompt_version", TL, "traceloop.prompt.version_name", "live", "live"),
    ("prompt_name", LF, "langfuse.observation.prompt.name", "answer", "answer"),
    ("prompt_version", LF, "langfuse.observation.prompt.version", 3, "3"),
    ("prompt_name", ML, "mlflow.linkedPrompts", '[{"name": "answer", "version": "3"}]', "answer"),
    ("prompt_version", ML, "mlflow.linkedPrompts", '[{"name": "answer", "version": "3"}]', "3"),
    ("prompt_name", LS, "langsmith.metadata.lc_hub_repo", "answer", "answer"),
    ("prompt_version", LS, "langsmith.metadata.lc_hub_commit_hash", "c0ffee", "c0ffee"),
    ("prompt_name", AI, "ai.telemetry.functionId", "answer", "answer"),
    ("prompt_name", AI7, "gen_ai.agent.name", "answer", "answer"),
    ("prompt_name", PA, "gen_ai.agent.name", "agent", ""),
    ("experiment", OTEL, "haechi.experiment", "ab", "ab"),
    ("variant", OTEL, "haechi.variant", "B", "B"),
    ("experiment", "my.app", "experiment.id", "ab", "ab"),
    ("variant", "my.app", "experiment.variant", "B", "B"),
    ("experiment", LF, "langfuse.experiment.name", "ab", "ab"),
    ("experiment", LF, "langfuse.trace.metadata.experiment", '"ab"', "ab"),
    ("variant", LF, "langfuse.trace.metadata.variant", '"B"', "B"),
    ("variant", ML, "mlflow.traceTag.variant", "B", "B"),
    ("experiment", ML, "mlflow.experimentId", '"12"', "12"),
    ("experiment", OL, "traceloop.association.properties.experiment", "ab", "ab"),
    ("variant", AI, "ai.telemetry.metadata.variant", "B", "B"),
    ("experiment", LS, "langsmith.metadata.experiment", "ab", "ab"),
    ("variant", OI, "metadata", '{"variant": "B"}', "B"),
    ("variant", LL, "metadata.requester_metadata", "{'variant': 'B'}", "B"),
]


@pytest.mark.parametrize(("scope", "key", "raw", "expected"), OPERATION)
def test_operation_is_the_conventions_word(scope: str, key: str, raw: Any, expected: str) -> None:
    """Each dialect's way to say what a span does becomes the convention's word."""
    assert value(normalize(span({key: raw}, scope)), "operation") == expected


@pytest.mark.parametrize(("scope", "key", "raw", "expected"), PROVIDER)
def test_provider_is_the_conventions_word(scope: str, key: str, raw: Any, expected: str) -> None:
    """Providers have one name each; a framework is none."""
    assert value(normalize(span({key: raw}, scope)), "provider") == expected


@pytest.mark.parametrize(("column", "scope", "key", "raw", "expected"), [*MODELS, *IDENTITY])
def test_text_is_read(column: str, scope: str, key: str, raw: Any, expected: str) -> None:
    """Models, response ids, users, sessions, prompts and experiments are read from every spelling."""
    assert value(normalize(span({key: raw}, scope)), column) == expected


@pytest.mark.parametrize(("column", "scope", "key", "raw", "expected"), TOKENS)
def test_tokens_are_read_and_stay_in_the_attributes(column: str, scope: str, key: str, raw: Any, expected: int) -> None:
    """Usage is read from every spelling, and what was sent stays visible."""
    normal = normalize(span({key: raw}, scope))
    assert value(normal, column) == expected
    kept = value(normal, "attributes_string") + value(normal, "attributes_number")
    assert [k for k, _ in kept] == [key]


@pytest.mark.parametrize(("scope", "key", "raw", "expected"), COST)
def test_reported_cost_is_read(scope: str, key: str, raw: Any, expected: float | None) -> None:
    """An emitter's own cost is told apart, as a number and as a decimal; 0 for "not known" is none."""
    normal = normalize(span({key: raw}, scope))
    assert value(normal, "reported_cost") == expected
    told = dict(value(normal, "cost_details"))
    assert ({k: float(v) for k, v in told.items()}) == ({} if expected is None else {"reported": expected})
    assert (value(normal, "cost_usd"), value(normal, "cost_source")) == (None, "unpriced")


@pytest.mark.parametrize(("scope", "attributes", "events", "expected"), TTFT)
def test_time_to_first_token_is_in_nanoseconds(
    scope: str, attributes: dict[str, Any], events: list[Any], expected: int | None
) -> None:
    """Seconds, milliseconds, points in time and events all become nanoseconds since the start."""
    normal = normalize(span(attributes, scope, events))
    assert value(normal, "ttft_ns") == expected
    assert normal.spans.column("start_time")[0].value == START


@pytest.mark.parametrize(("scope", "attributes", "expected"), STREAMING)
def test_streaming_is_a_flag(scope: str, attributes: dict[str, Any], expected: bool) -> None:
    """Flags, texts, parameters, operations and a time to first token tell a stream."""
    assert value(normalize(span(attributes, scope)), "is_streaming") is expected


@pytest.mark.parametrize(("scope", "key", "raw", "expected"), FINISH)
def test_finish_reasons_are_folded(scope: str, key: str, raw: Any, expected: list[str]) -> None:
    """Arrays, JSON text and bare words become a list of the convention's words."""
    assert value(normalize(span({key: raw}, scope)), "finish_reasons") == expected


@pytest.mark.parametrize(("scope", "dialect"), DIALECTS.items())
def test_scope_tells_the_dialect(scope: str, dialect: str) -> None:
    """The scope's name alone is enough."""
    assert value(normalize(span({}, scope)), "dialect") == dialect


@pytest.mark.parametrize(
    ("attributes", "dialect"),
    [
        ({"openinference.span.kind": "LLM"}, "openinference"),
        ({"langfuse.observation.type": "span"}, "langfuse"),
        ({"mlflow.spanType": '"LLM"'}, "mlflow"),
        ({"langsmith.span.kind": "llm"}, "langsmith"),
        ({"ai.operationId": "ai.embed"}, "vercel-ai"),
        ({"gen_ai.operation.name": "agent_step"}, "vercel-ai-otel"),
        ({"litellm.call_id": "1"}, "litellm"),
        ({"telemetry.sdk.name": "openlit"}, "openlit"),
        ({"telemetry.sdk.name": "opentelemetry"}, ""),
        ({"gen_ai.is_streaming": False}, "openllmetry"),
        ({"gen_ai.prompt.0.role": "user"}, "openllmetry"),
        ({"llm.prompts.0.role": "user"}, "openllmetry"),
        ({"llm.vendor": "OpenAI"}, "openllmetry"),
        ({"logfire.msg_template": "x"}, "logfire"),
        ({"pydantic_ai.all_messages": "[]"}, "pydantic-ai"),
        ({"gen_ai.system": "strands-agents"}, "strands"),
        ({"gcp.vertex.agent.session_id": "1"}, "google-adk"),
        ({"sk.available_functions": "f"}, "semantic-kernel"),
        ({"gen_ai.provider.name": "microsoft.agent_framework"}, "agent-framework"),
        ({"anthropic.message.stop_reason": "end_turn"}, "anthropic-sdk"),
        ({"gen_ai.system": "az.ai.inference"}, "azure-ai"),
        ({"aws.bedrock.guardrail.id": "g"}, "bedrock"),
        ({"gen_ai.request.model": "m"}, "otel-genai"),
        ({"http.method": "GET"}, ""),
    ],
)
def test_a_marker_tells_the_dialect_of_an_unknown_scope(attributes: dict[str, Any], dialect: str) -> None:
    """A key that only one dialect has is enough; spans of other kinds have no dialect."""
    assert value(normalize(span(attributes, "my.app")), "dialect") == dialect
