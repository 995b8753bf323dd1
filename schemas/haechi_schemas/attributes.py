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
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"  # seconds
ERROR_TYPE: Final = "error.type"

# --- usage, in tokens: input includes what was cached, output includes reasoning ----------------------------
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"

# --- content, JSON in the convention's message shape --------------------------------------------------------
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"

# --- tools, agents, workflows -------------------------------------------------------------------------------
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
AGENT_NAME: Final = "gen_ai.agent.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"

# --- who, in which conversation, with which prompt ------------------------------------------------------------
USER_ID: Final = "user.id"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
EXPERIMENT: Final = "haechi.experiment"  # no convention exists
VARIANT: Final = "haechi.variant"  # no convention exists

# --- evaluation (log event) -----------------------------------------------------------------------------------
EVENT_EVALUATION_RESULT: Final = "gen_ai.evaluation.result"
EVENT_OPERATION_DETAILS: Final = "gen_ai.client.inference.operation.details"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"
EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
SCORE_SOURCE: Final = "haechi.score.source"  # check, judge, human or client; no convention exists
SCORE_EVALUATOR: Final = "haechi.score.evaluator"  # no convention exists
SCORE_EVALUATOR_VERSION: Final = "haechi.score.evaluator_version"  # no convention exists

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
