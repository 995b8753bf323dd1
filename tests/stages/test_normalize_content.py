"""Messages in every shape become the convention's; nothing is lost on the way."""

from typing import Any

import pytest
from tests.stages.payloads import compact, event, normalize, span, text_message, value

from haechi_collector import limits

USER = text_message("user", "날씨?")
CALL = {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Seoul"}}
CALLING = {"role": "assistant", "parts": [CALL]}
RESULT = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]}
ANSWER = text_message("assistant", "Sunny.")
STOPPED = {**ANSWER, "finish_reason": "stop"}

OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Seoul"}'}}
OPENAI = [
    {"role": "user", "content": "날씨?"},
    {"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
]
ANTHROPIC = [
    {"role": "user", "content": [{"type": "text", "text": "날씨?"}]},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Seoul"}}],
    },
    {
        "role": "tool",
        "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "sunny"}]}],
    },
]
VERCEL = [
    {"role": "user", "content": [{"type": "text", "text": "날씨?"}]},
    {
        "role": "assistant",
        "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "get_weather", "input": {"city": "Seoul"}}],
    },
    {
        "role": "tool",
        "content": [{"type": "tool-result", "toolCallId": "c1", "output": {"type": "text", "value": "sunny"}}],
    },
]
LANGCHAIN = {
    "messages": [
        [
            {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": "날씨?"}},
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "AIMessage"],
                "kwargs": {
                    "content": "",
                    "tool_calls": [{"id": "c1", "name": "get_weather", "args": {"city": "Seoul"}}],
                },
            },
            {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "ToolMessage"],
                "kwargs": {"content": "sunny", "tool_call_id": "c1"},
            },
        ]
    ]
}
RESPONSES_API = {
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "날씨?"}]},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"city": "Seoul"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ]
}
GOOGLE = {
    "contents": [
        {"role": "user", "parts": [{"text": "날씨?"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "get_weather", "args": {"city": "Seoul"}}}]},
        {"role": "tool", "parts": [{"functionResponse": {"id": "c1", "response": "sunny"}}]},
    ]
}
BEDROCK = [
    {"role": "user", "content": [{"text": "날씨?"}]},
    {
        "role": "assistant",
        "content": [{"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Seoul"}}}],
    },
    {"role": "tool", "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}}]},
]
BODIES = {
    "openai": OPENAI,
    "openai body": {"model": "m", "messages": OPENAI},
    "anthropic": ANTHROPIC,
    "vercel": VERCEL,
    "langchain": LANGCHAIN,
    "responses": RESPONSES_API,
    "google": GOOGLE,
    "bedrock": BEDROCK,
    "convention": [USER, CALLING, RESULT],
}
REQUEST_KEYS = [
    ("langfuse-sdk", "langfuse.observation.input"),
    ("langsmith", "gen_ai.prompt"),
    ("mlflow.tracing", "mlflow.spanInputs"),
    ("openinference.instrumentation.openai", "input.value"),
    ("ai", "ai.prompt.messages"),
    ("gcp.vertex.agent", "gcp.vertex.agent.llm_request"),
    ("opentelemetry.instrumentation.genai.openai", "gen_ai.input.messages"),
]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("scope", "key"), REQUEST_KEYS)
def test_requests_of_every_provider_become_messages(scope: str, key: str, body: Any) -> None:
    """A text, a tool call and its result read the same, whoever's shape they had."""
    assert value(normalize(span({key: compact(body)}, scope)), "input_messages") == [USER, CALLING, RESULT]


RESPONSES = {
    "openai": {
        "id": "1",
        "choices": [{"message": {"role": "assistant", "content": "Sunny."}, "finish_reason": "stop"}],
    },
    "anthropic": {
        "id": "1",
        "role": "assistant",
        "content": [{"type": "text", "text": "Sunny."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1},
    },
    "responses": {
        "id": "1",
        "status": "completed",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sunny."}]}],
    },
    "google": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Sunny."}]}, "finishReason": "STOP"}]},
    "bedrock": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Sunny."}]}},
        "stopReason": "end_turn",
    },
    "langchain": {
        "generations": [
            [
                {
                    "text": "Sunny.",
                    "generation_info": {"finish_reason": "stop"},
                    "message": {
                        "lc": 1,
                        "type": "constructor",
                        "id": ["x", "AIMessage"],
                        "kwargs": {"content": "Sunny."},
                    },
                }
            ]
        ]
    },
}
RESPONSE_KEYS = [
    ("langfuse-sdk", "langfuse.observation.output"),
    ("langsmith", "gen_ai.completion"),
    ("mlflow.tracing", "mlflow.spanOutputs"),
    ("openinference.instrumentation.openai", "output.value"),
    ("opentelemetry.instrumentation.genai.openai", "gen_ai.output.messages"),
]


@pytest.mark.parametrize("body", RESPONSES.values(), ids=RESPONSES)
@pytest.mark.parametrize(("scope", "key"), RESPONSE_KEYS)
def test_responses_of_every_provider_become_messages(scope: str, key: str, body: Any) -> None:
    """The answer's text and its finish reason read the same, whoever's shape they had."""
    normal = normalize(span({key: compact(body)}, scope))
    (message,) = value(normal, "output_messages")
    assert {k: message[k] for k in STOPPED} == STOPPED
    assert value(normal, "finish_reasons") == ["stop"]


INDEXED = {
    "openllmetry": (
        "opentelemetry.instrumentation.openai.v1",
        {
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "날씨?",
            "gen_ai.prompt.1.role": "assistant",
            "gen_ai.prompt.1.tool_calls.0.id": "c1",
            "gen_ai.prompt.1.tool_calls.0.name": "get_weather",
            "gen_ai.prompt.1.tool_calls.0.arguments": '{"city": "Seoul"}',
            "gen_ai.prompt.2.role": "tool",
            "gen_ai.prompt.2.content": "sunny",
            "gen_ai.prompt.2.tool_call_id": "c1",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Sunny.",
        },
    ),
    "openllmetry llm.*": (
        "opentelemetry.instrumentation.anthropic",
        {
            "llm.prompts.0.role": "user",
            "llm.prompts.0.content": "날씨?",
            "llm.prompts.1.role": "assistant",
            "llm.prompts.1.tool_calls.0.id": "c1",
            "llm.prompts.1.tool_calls.0.name": "get_weather",
            "llm.prompts.1.tool_calls.0.arguments": '{"city":"Seoul"}',
            "llm.prompts.2.role": "tool",
            "llm.prompts.2.content": "sunny",
            "llm.prompts.2.tool_call_id": "c1",
            "llm.completions.0.role": "assistant",
            "llm.completions.0.content": "Sunny.",
        },
    ),
    "openinference": (
        "openinference.instrumentation.anthropic",
        {
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.content": "날씨?",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": "날씨?",
            "llm.input_messages.2.message.role": "assistant",
            "llm.input_messages.2.message.tool_calls.0.tool_call.id": "c1",
            "llm.input_messages.2.message.tool_calls.0.tool_call.function.name": "get_weather",
            "llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments": '{"city": "Seoul"}',
            "llm.input_messages.2.message.contents.0.message_content.type": "tool_use",
            "llm.input_messages.2.message.contents.0.tool_call.id": "c1",
            "llm.input_messages.2.message.contents.0.tool_call.function.name": "get_weather",
            "llm.input_messages.2.message.contents.0.tool_call.function.arguments": '{"city": "Seoul"}',
            "llm.input_messages.10.message.role": "tool",
            "llm.input_messages.10.message.tool_call_id": "c1",
            "llm.input_messages.10.message.content": "sunny",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Sunny.",
        },
    ),
}


@pytest.mark.parametrize(("scope", "attributes"), INDEXED.values(), ids=INDEXED)
def test_messages_spread_over_keys_are_put_together(scope: str, attributes: dict[str, Any]) -> None:
    """Indices may start at 1 and have gaps, content and contents may both stand; no key is left behind."""
    normal = normalize(span(attributes, scope))
    assert value(normal, "input_messages") == [USER, CALLING, RESULT]
    assert value(normal, "output_messages") == [ANSWER]
    assert value(normal, "attributes_string") == []


def test_messages_in_the_conventions_shape_pass_unparsed() -> None:
    """The very text is the column, spaces and all, and leaves the attributes."""
    text = '[ {"role": "user", "name": null, "parts": [{"type": "text", "content": "\\uad00\\uce21"}]} ]'
    normal = normalize(span({"gen_ai.input.messages": text, "x": "1"}))
    assert normal.spans.column("input_messages")[0].as_py() == text
    assert value(normal, "attributes_string") == [("x", "1")]


def test_structured_messages_become_json() -> None:
    """An attribute that is a list on the wire reads like its JSON text."""
    assert value(normalize(span({"gen_ai.input.messages": [USER]})), "input_messages") == [USER]


@pytest.mark.parametrize(
    "broken", ['[{"role": "user", "parts": [{"ty', "{", "[[[", "None", "\ud800".encode("utf-8", "replace").decode()]
)
def test_broken_json_stays_readable(broken: str) -> None:
    """JSON that was cut short becomes the text of a message, so that the column is JSON and no word is lost."""
    assert value(normalize(span({"gen_ai.input.messages": broken})), "input_messages") == [text_message("user", broken)]


def test_json_inside_json_is_unwrapped() -> None:
    """MLflow encodes a value that already is JSON once more."""
    normal = normalize(span({"mlflow.spanInputs": compact(compact({"messages": OPENAI}))}, "mlflow"))
    assert value(normal, "input_messages") == [USER, CALLING, RESULT]


def test_python_repr_is_read_by_the_literal_parser() -> None:
    """LiteLLM writes messages as Python repr; code in it is never run."""
    scope, key = "litellm", "llm.openai.messages"
    assert value(normalize(span({key: repr(OPENAI)}, scope)), "input_messages") == [USER, CALLING, RESULT]
    hostile = "__import__('os').system('true')"
    assert value(normalize(span({key: hostile}, scope)), "input_messages") == [text_message("user", hostile)]


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "(" * 100 + ")" * 100, "-" * 100_000, "1+" * 50_000 + "1", "'" + "a" * limits.PYTHON_REPR_CHARS_MAX],
)
def test_hostile_python_repr_is_only_text(text: str) -> None:
    """Nesting, chains and length are bounded; the attribute stays."""
    normal = normalize(span({"metadata.usage_object": text}, "litellm"))
    assert value(normal, "attributes_string") == [("metadata.usage_object", text)]
    assert value(normal, "cache_read_tokens") == 0


def test_text_and_tool_calls_of_an_answer_are_one_message() -> None:
    """Vercel tells them in two attributes."""
    calls = compact([{"toolCallId": "c1", "toolName": "get_weather", "input": '{"city":"Seoul"}'}])
    normal = normalize(span({"ai.response.text": "Sunny.", "ai.response.toolCalls": calls}, "ai"))
    assert value(normal, "output_messages") == [{"role": "assistant", "parts": [*ANSWER["parts"], CALL]}]
    assert value(normal, "attributes_string") == []
    assert value(normal, "finish_reasons") == ["tool_call"]


def test_chunks_of_a_stream_are_one_message() -> None:
    """Google ADK writes one message per chunk, the finish reason on the last."""
    chunks = [{**text_message("model", t), "finish_reason": r} for t, r in (("Sun", ""), ("ny.", "stop"))]
    normal = normalize(span({"gen_ai.output.messages": compact(chunks)}, "gcp.vertex.agent"))
    assert value(normal, "output_messages") == [STOPPED]


def test_system_and_tools_of_a_request_have_their_columns() -> None:
    """An Anthropic body names both beside the messages; when a column says each, the body is not kept twice."""
    tools = [{"name": "get_weather", "input_schema": {"type": "object"}}]
    body = {"system": "Be brief.", "messages": OPENAI[:1], "tools": tools}
    normal = normalize(span({"langfuse.observation.input": compact(body)}, "langfuse-sdk"))
    assert value(normal, "system_instructions") == [{"type": "text", "content": "Be brief."}]
    assert value(normal, "tool_definitions") == tools
    assert value(normal, "input_messages") == [USER]
    assert value(normal, "attributes_string") == []


def test_a_body_with_more_than_content_is_kept() -> None:
    """Parameters that have no column stay in the attributes."""
    body = compact({"messages": OPENAI[:1], "temperature": 0.2})
    normal = normalize(span({"mlflow.spanInputs": body}, "mlflow"))
    assert value(normal, "input_messages") == [USER]
    assert value(normal, "attributes_string") == [("mlflow.spanInputs", body)]


@pytest.mark.parametrize(
    ("scope", "attributes", "expected"),
    [
        ("opentelemetry.instrumentation.genai.openai", {"gen_ai.tool.definitions": '[{"name":"f"}]'}, [{"name": "f"}]),
        ("ai", {"ai.prompt.tools": ['{"name":"f"}']}, [{"name": "f"}]),
        ("openinference.x", {"llm.tools.0.tool.json_schema": '{"name":"f"}'}, [{"name": "f"}]),
        ("openinference.instrumentation.x", {"llm.tools.0.tool.json_schema": '{"name":"f"}'}, [{"name": "f"}]),
        ("mlflow", {"mlflow.chat.tools": '[{"name":"f"}]'}, [{"name": "f"}]),
        (
            "litellm",
            {"llm.request.functions.0.name": "f", "llm.request.functions.0.parameters": '{"type":"object"}'},
            [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        ),
    ],
)
def test_tool_definitions_are_read(scope: str, attributes: dict[str, Any], expected: list[Any]) -> None:
    """A list, a list of texts, keys per tool and keys per field give one list."""
    if scope == "openinference.x":
        attributes = {**attributes, "openinference.span.kind": "LLM"}
    assert value(normalize(span(attributes, scope)), "tool_definitions") == expected


def test_span_events_carry_messages() -> None:
    """Strands writes Bedrock content into events of the conventions' names."""
    events = [
        event("gen_ai.system.message", {"content": compact([{"text": "Be brief."}])}),
        event("gen_ai.user.message", {"content": compact(BEDROCK[0]["content"])}),
        event("gen_ai.assistant.message", {"content": compact(BEDROCK[1]["content"])}),
        event("gen_ai.tool.message", {"content": compact(BEDROCK[2]["content"])}),
        event("gen_ai.choice", {"message": compact([{"text": "Sunny."}]), "finish_reason": "end_turn"}),
    ]
    normal = normalize(span({}, "strands.telemetry.tracer", events))
    assert value(normal, "input_messages") == [text_message("system", "Be brief."), USER, CALLING, RESULT]
    assert value(normal, "output_messages") == [STOPPED]
    assert value(normal, "finish_reasons") == ["stop"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("gen_ai.content.prompt", {"gen_ai.prompt": compact(OPENAI)})], [USER, CALLING, RESULT]),
        ([event("gen_ai.user.message", {"gen_ai.event.content": '{"role":"user","content":"날씨?"}'})], [USER]),
        ([event("gen_ai.client.inference.operation.details", {"gen_ai.input.messages": compact([USER])})], [USER]),
    ],
    ids=["1.26", "azure", "details"],
)
def test_older_and_newer_events_carry_messages(events: list[Any], expected: list[Any]) -> None:
    """The prompt event of 1.26, Azure's one attribute, and the details event as a span event."""
    assert value(normalize(span({"gen_ai.system": "openai"}, "x", events)), "input_messages") == expected


def test_embedding_inputs_are_messages() -> None:
    """Each text of an embedding call is a user message."""
    body = compact({"model": "te-3", "input": ["a", "날씨?"]})
    assert value(normalize(span({"mlflow.spanInputs": body}, "mlflow")), "input_messages") == [
        text_message("user", "a"),
        USER,
    ]


DOCUMENTS = [{"page_content": "Returns: 30 days."}, {"page_content": "Batteries: 12 months."}]
CONTEXT = "Returns: 30 days.\n\nBatteries: 12 months."
RETRIEVALS = {
    "otel": (
        "x",
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.documents": compact([{"content": d["page_content"]} for d in DOCUMENTS]),
        },
    ),
    "openinference": (
        "openinference.instrumentation.langchain",
        {
            "openinference.span.kind": "RETRIEVER",
            "retrieval.documents.0.document.content": "Returns: 30 days.",
            "retrieval.documents.1.document.content": "Batteries: 12 months.",
            "retrieval.documents.1.document.score": 0.5,
        },
    ),
    "langfuse": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "retriever",
            "langfuse.observation.output": compact([{"id": "1", "text": d["page_content"]} for d in DOCUMENTS]),
        },
    ),
    "langsmith": (
        "langsmith",
        {"langsmith.span.kind": "retriever", "gen_ai.completion": compact({"output": DOCUMENTS})},
    ),
    "mlflow": ("mlflow", {"mlflow.spanType": '"RETRIEVER"', "mlflow.spanOutputs": compact(DOCUMENTS)}),
    "openllmetry": (
        "opentelemetry.instrumentation.langchain",
        {"gen_ai.operation.name": "vector_db_retrieve", "traceloop.entity.output": compact({"documents": DOCUMENTS})},
    ),
}


@pytest.mark.parametrize(("scope", "attributes"), RETRIEVALS.values(), ids=RETRIEVALS)
def test_retrieved_documents_are_the_context_of_the_call(scope: str, attributes: dict[str, Any]) -> None:
    """The documents stand on the retrieval and on the model calls of its trace, and on no other trace's."""
    call = {"gen_ai.operation.name": "chat"}
    elsewhere = span(call, trace_id="f" * 32)
    normal = normalize(span(attributes, scope), span(call), elsewhere, span({"gen_ai.operation.name": "invoke_agent"}))
    assert normal.spans.column("retrieved_context").to_pylist() == [CONTEXT, CONTEXT, "", ""]
    assert normal.is_inference.to_pylist() == [False, True, True, False]


def test_query_results_of_a_vector_store_are_context() -> None:
    """Vector store clients write each hit as an event."""
    events = [event("db.query.result", {"db.query.result.document": d["page_content"]}) for d in DOCUMENTS]
    assert value(normalize(span({}, "opentelemetry.instrumentation.chromadb", events)), "retrieved_context") == CONTEXT


def test_context_is_cut_at_the_declared_length() -> None:
    """A retriever that returns a library does not multiply it over every call."""
    output = compact([{"text": "x" * limits.RETRIEVED_CONTEXT_CHARS_MAX}, {"text": "y"}])
    attributes = {"langfuse.observation.type": "retriever", "langfuse.observation.output": output}
    assert (
        len(value(normalize(span(attributes, "langfuse-sdk")), "retrieved_context"))
        == limits.RETRIEVED_CONTEXT_CHARS_MAX
    )
