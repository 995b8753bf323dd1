"""Canonical attribute names: the OpenTelemetry GenAI semantic conventions first, ``haechi.*`` where none exists.

Guarantee: every name that this project reads as canonical or writes itself is a constant here. The spellings of
other instrumentations live in ``dialects/*.toml``; they are data, not names of ours.

Source: https://github.com/open-telemetry/semantic-conventions-genai (and semantic-conventions 1.26 to 1.42).
"""

from collections.abc import Mapping
from typing import Final

# --- the call ---------------------------------------------------------------------------------------------
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_REASONING_EFFORT: Final = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_STATUS: Final = "gen_ai.response.status"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # seconds
RESPONSE_CHUNK_COUNT: Final = "haechi.response.chunk_count"  # of a stream; no convention exists
STREAM_OUTCOME: Final = "haechi.stream.outcome"  # complete, closed, abandoned or error; no convention exists
ERROR_TYPE: Final = "error.type"
HTTP_STATUS_CODE: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
OLLAMA_LOAD_DURATION: Final = "haechi.ollama.load_duration"  # seconds, as the two below; no convention exists
OLLAMA_PROMPT_DURATION: Final = "haechi.ollama.prompt_duration"
OLLAMA_ANSWER_DURATION: Final = "haechi.ollama.answer_duration"
ANTHROPIC_REQUEST_SERVICE_TIER: Final = "anthropic.request.service_tier"  # these five: the vendor's own names
ANTHROPIC_RESPONSE_SERVICE_TIER: Final = "anthropic.response.service_tier"
ANTHROPIC_THINKING_TYPE: Final = "anthropic.thinking.type"
ANTHROPIC_THINKING_BUDGET_TOKENS: Final = "anthropic.thinking.budget_tokens"
ANTHROPIC_REQUEST_ID: Final = "anthropic.request.id"
AWS_REQUEST_ID: Final = "aws.request_id"
AWS_GUARDRAIL_ID: Final = "aws.bedrock.guardrail.id"
BATCH_REQUESTS: Final = "haechi.batch.requests"  # how many a batch holds, or has answers for; no convention exists
BATCH_SUCCEEDED: Final = "haechi.batch.succeeded"  # of those with an answer; no convention exists
BATCH_INPUT_TOKENS: Final = "haechi.batch.input_tokens"  # not usage: answers may be fetched twice, and cost less
BATCH_OUTPUT_TOKENS: Final = "haechi.batch.output_tokens"  # the same
COUNTED_INPUT_TOKENS: Final = "haechi.counted.input_tokens"  # what a count_tokens call answers; not usage

# --- usage, in tokens: input includes what was cached, output includes reasoning ----------------------------
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_CACHE_WRITE_1H_TOKENS: Final = "haechi.usage.cache_write_1h.input_tokens"  # of those written; no convention
USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
USAGE_AUDIO_INPUT_S: Final = "haechi.usage.audio.input_seconds"  # where sound is billed by time; no convention exists
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  no secret; of the metric gen_ai.client.token.usage: input or output
USAGE_SEARCH_UNITS: Final = "haechi.usage.search_units"  # what a reranking is billed by; no convention exists
COST_USD: Final = "haechi.cost.usd"  # no convention exists

# --- content, JSON in the convention's message shape --------------------------------------------------------
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
PROMPT_VARIABLE_PREFIX: Final = "gen_ai.prompt.variable."
PROMPT_TEMPLATE: Final = "haechi.prompt.template"  # no convention exists

OBSERVED_INPUT: Final = "haechi.input"  # arguments of an observed function; no convention exists
OBSERVED_OUTPUT: Final = "haechi.output"  # its result; no convention exists

# --- tools, agents, workflows -------------------------------------------------------------------------------
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
AGENT_ID: Final = "gen_ai.agent.id"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
HANDOFF_FROM: Final = "haechi.handoff.from"  # the agent that hands over; no convention exists
HANDOFF_TO: Final = "haechi.handoff.to"  # the agent that goes on; no convention exists
GUARDRAIL_NAME: Final = "haechi.guardrail.name"  # no convention exists
GUARDRAIL_TRIGGERED: Final = "haechi.guardrail.triggered"  # whether it stopped the run; no convention exists
GRAPH_NODE: Final = "haechi.graph.node"  # no convention exists
GRAPH_STEP: Final = "haechi.graph.step"  # the round of the graph in which a node runs; no convention exists
GRAPH_INTERRUPTED: Final = "haechi.graph.interrupted"  # it waits for somebody's word; no convention exists

# --- the Model Context Protocol -------------------------------------------------------------------------------
MCP_METHOD_NAME: Final = "mcp.method.name"
MCP_SESSION_ID: Final = "mcp.session.id"
MCP_PROTOCOL_VERSION: Final = "mcp.protocol.version"
MCP_RESOURCE_URI: Final = "mcp.resource.uri"
JSONRPC_REQUEST_ID: Final = "jsonrpc.request.id"
RPC_RESPONSE_STATUS_CODE: Final = "rpc.response.status_code"

# --- retrieval from a store -----------------------------------------------------------------------------------
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"  # the collection, index or table
DB_SYSTEM_NAME: Final = "db.system.name"
DB_NAMESPACE: Final = "db.namespace"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
RETRIEVAL_DOCUMENT_COUNT: Final = "haechi.retrieval.document_count"  # no convention exists

# --- who, in which conversation, with which prompt ------------------------------------------------------------
USER_ID: Final = "user.id"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
EXPERIMENT: Final = "haechi.experiment"  # no convention exists
VARIANT: Final = "haechi.variant"  # no convention exists
TAGS: Final = "haechi.tags"  # a list of text; no convention exists
METADATA_PREFIX: Final = "haechi.metadata."  # whatever else an application says about a call; no convention exists

# --- evaluation (log event) -----------------------------------------------------------------------------------
EVENT_EVALUATION_RESULT: Final = "gen_ai.evaluation.result"
EVENT_OPERATION_DETAILS: Final = "gen_ai.client.inference.operation.details"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"
EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
SCORE_ID: Final = "haechi.score.id"  # chosen by who scores, so that a later score replaces it; no convention exists
SCORE_SOURCE: Final = "haechi.score.source"  # check, judge, human or client; no convention exists
SCORE_EVALUATOR: Final = "haechi.score.evaluator"  # no convention exists
SCORE_EVALUATOR_VERSION: Final = "haechi.score.evaluator_version"  # no convention exists

# --- the resource: who sends ------------------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
DEPLOYMENT_ENVIRONMENT: Final = "deployment.environment.name"
PROCESS_PID: Final = "process.pid"
PROCESS_RUNTIME_NAME: Final = "process.runtime.name"
PROCESS_RUNTIME_VERSION: Final = "process.runtime.version"
HOST_NAME: Final = "host.name"

# --- what OTLP carries beside attributes, kept in attributes_string --------------------------------------------
OTEL_TRACE_STATE: Final = "otel.trace_state"
OTEL_FLAGS: Final = "otel.flags"
OTEL_SCHEMA_URL: Final = "otel.schema_url"
OTEL_SCOPE_PREFIX: Final = "otel.scope."
OTEL_METRIC_PREFIX: Final = "otel.metric."  # metadata of a metric

# --- what the collector says about a row, kept in attributes_string; no convention exists --------------------------
TIME_CORRECTED: Final = "haechi.time_corrected"  # missing, too_old, in_future or scattered
ORIGINAL_TIME: Final = "haechi.original_time"  # the emitter's own, nanoseconds since the epoch
END_BEFORE_START_NS: Final = "haechi.end_before_start_ns"  # a number: how far the end lies before the start
ORIGINAL_PREFIX: Final = "haechi.original."  # a column's own value, where the column says (other) and no name exists

CANONICAL: Final[Mapping[str, str]] = {
    "operation": OPERATION_NAME,
    "provider": PROVIDER_NAME,
    "request_model": REQUEST_MODEL,
    "response_model": RESPONSE_MODEL,
    "response_id": RESPONSE_ID,
    "error_type": ERROR_TYPE,
    "input_tokens": USAGE_INPUT_TOKENS,
    "output_tokens": USAGE_OUTPUT_TOKENS,
    "cache_read_tokens": USAGE_CACHE_READ_TOKENS,
    "cache_write_tokens": USAGE_CACHE_WRITE_TOKENS,
    "reasoning_tokens": USAGE_REASONING_TOKENS,
    "audio_input_tokens": USAGE_AUDIO_INPUT_TOKENS,
    "audio_output_tokens": USAGE_AUDIO_OUTPUT_TOKENS,
    "ttft_ns": RESPONSE_TIME_TO_FIRST_CHUNK,
    "is_streaming": REQUEST_STREAM,
    "finish_reasons": RESPONSE_FINISH_REASONS,
    "user_id": USER_ID,
    "session_id": CONVERSATION_ID,
    "prompt_name": PROMPT_NAME,
    "prompt_version": PROMPT_VERSION,
    "experiment": EXPERIMENT,
    "variant": VARIANT,
    "input_messages": INPUT_MESSAGES,
    "output_messages": OUTPUT_MESSAGES,
    "system_instructions": SYSTEM_INSTRUCTIONS,
    "tool_definitions": TOOL_DEFINITIONS,
    "retrieved_context": RETRIEVAL_DOCUMENTS,
}
"""Column of the spans table → the canonical attribute that it holds."""
