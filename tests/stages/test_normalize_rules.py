"""The rules of normalising that are no spelling: cached tokens, errors, attributes, order, arbitrary input."""

from typing import Any

import pyarrow as pa
import pytest
from tests.stages.payloads import event, log, normalize, normalize_records, point, span, value

from haechi_collector.batch import DECODED_METRIC_POINTS, DECODED_SPANS, METRIC_POINTS
from haechi_collector.stages.normalize import normalize_metric_points, normalize_spans

OPENLIT = "openlit.instrumentation.anthropic"
OTEL = "opentelemetry.instrumentation.genai.anthropic"


def usage(read: int, write: int, given: int, provider: str = "anthropic") -> dict[str, Any]:
    return {
        "gen_ai.provider.name": provider,
        "gen_ai.usage.input_tokens": given,
        "gen_ai.usage.cache_read.input_tokens": read,
        "gen_ai.usage.cache_creation.input_tokens": write,
    }


@pytest.mark.parametrize(
    ("scope", "attributes", "input_tokens"),
    [
        (OTEL, usage(1024, 0, 1189), 1189),  # inside, as the convention says
        (OPENLIT, usage(1024, 0, 165), 1189),  # outside
        (OPENLIT, usage(10, 5, 165), 180),  # outside, though it could be inside
        (OPENLIT, usage(10, 0, 165, "openai"), 165),  # inside for others
        (OTEL, usage(1024, 0, 165), 1189),  # cannot be inside
        (OTEL, usage(100, 65, 165), 165),  # all of it was cached
        (
            "ai",
            {"gen_ai.system": "anthropic.messages", "gen_ai.usage.input_tokens": 165, "ai.usage.cachedInputTokens": 10},
            175,
        ),
        (
            "ai",
            {
                "gen_ai.system": "anthropic.messages",
                "ai.usage.inputTokens": 165,
                "ai.usage.inputTokenDetails.cacheReadTokens": 10,
            },
            165,
        ),
        (
            "ai",
            {"gen_ai.system": "openai.chat", "gen_ai.usage.input_tokens": 165, "ai.usage.cachedInputTokens": 10},
            165,
        ),
        ("langfuse-sdk", {"langfuse.observation.usage_details": '{"input": 10, "cache_read_input_tokens": 4}'}, 14),
        (
            "langfuse-sdk",
            {"langfuse.observation.usage_details": '{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":4}}'},
            10,
        ),
        (OTEL, {"gen_ai.usage.cache_read.input_tokens": 12}, 0),  # no input told: none made up
    ],
)
def test_cached_tokens_are_inside_of_the_input(scope: str, attributes: dict[str, Any], input_tokens: int) -> None:
    """Whatever an instrumentation's habit, input_tokens is the whole prompt."""
    assert value(normalize(span(attributes, scope)), "input_tokens") == input_tokens


@pytest.mark.parametrize(
    ("attributes", "source"),
    [({"gen_ai.usage.input_tokens": 3}, "reported"), ({"gen_ai.usage.output_tokens": 0}, "none"), ({}, "none")],
)
def test_usage_source_says_whether_usage_was_told(attributes: dict[str, Any], source: str) -> None:
    """Zero tokens in and out are no usage."""
    assert value(normalize(span(attributes, OTEL)), "usage_source") == source


@pytest.mark.parametrize(
    ("scope", "attributes", "message", "expected"),
    [
        (OTEL, {"error.type": "openai.RateLimitError"}, "", "rate_limit"),
        (OTEL, {"error.type": "RateLimitError"}, "", "rate_limit"),
        (OTEL, {"error.type": "429"}, "", "rate_limit"),
        ("com.anthropic.sdk.python", {"error.type": "rate_limit_error"}, "", "rate_limit"),
        ("gcp.vertex.agent", {"error.type": "google.genai.errors._ResourceExhaustedError"}, "", "rate_limit"),
        (OTEL, {"error.type": "RESOURCE_EXHAUSTED"}, "", "rate_limit"),
        (
            "semantic_kernel.x",
            {"error.type": "<class 'semantic_kernel.exceptions.ServiceResponseException'>"},
            "",
            "ServiceResponseException",
        ),
        (
            "semantic_kernel.x",
            {"error.type": "<class 'semantic_kernel.exceptions.ServiceResponseException'>"},
            "RateLimitError('429')",
            "rate_limit",
        ),
        (OTEL, {"error.type": "asyncio.TimeoutError"}, "", "timeout"),
        (OTEL, {"error.type": "my.Own"}, "timeout is fine", "Own"),
        ("langfuse-sdk", {}, "Error code: 500 - The server had an error", "server_error"),
        ("litellm", {"error.code": "429"}, "", "rate_limit"),
        ("ai", {}, "Rate limit reached for requests", "rate_limit"),
        ("ai", {}, "the model is unhappy", ""),
        ("my.web.server", {"error.type": "500"}, "", "500"),
    ],
)
def test_error_types_are_few_words(scope: str, attributes: dict[str, Any], message: str, expected: str) -> None:
    """Classes, codes and messages of one failure have one word; spans of other kinds keep theirs."""
    row = span(attributes, scope, status_code="error", status_message=message)
    assert value(normalize(row), "error_type") == expected


def test_exception_events_name_the_error_of_failed_spans_only() -> None:
    """An exception that was caught on the way is no failure."""
    events = [event("exception", {"exception.type": "openai.RateLimitError"})]
    failed = span({}, OTEL, events, status_code="error")
    assert normalize(failed, span({}, OTEL, events)).spans.column("error_type").to_pylist() == ["rate_limit", ""]


def test_langfuse_level_is_the_status() -> None:
    """Langfuse says ERROR in an attribute, and may leave the span's status unset."""
    assert value(normalize(span({"langfuse.observation.level": "ERROR"}, "langfuse-sdk")), "status_code") == "error"
    assert value(normalize(span({"langfuse.observation.level": "WARNING"}, "langfuse-sdk")), "status_code") == "unset"


def test_what_a_column_says_leaves_the_attributes_and_all_else_stays() -> None:
    """Verbatim values are not stored twice; folded, counted and unknown ones stay, each in the map of its kind."""
    sent = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.system": "OpenAI",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.request.stream": True,
        "gen_ai.is_streaming": False,
        "gen_ai.request.temperature": 0.5,
        "seed": 2**53 + 1,
        "least": -(2**63),
        "list": ["a", 1],
        "nothing": None,
    }
    normal = normalize(span(sent, "opentelemetry.instrumentation.openai.v1"))
    assert dict(value(normal, "attributes_string")) == {
        "gen_ai.system": "OpenAI",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": '["tool_calls"]',
        "seed": "9007199254740993",
        "least": "-9223372036854775808",
        "list": '["a",1]',
        "nothing": "",
    }
    assert dict(value(normal, "attributes_number")) == {
        "gen_ai.usage.input_tokens": 3.0,
        "gen_ai.request.temperature": 0.5,
    }
    assert dict(value(normal, "attributes_bool")) == {"gen_ai.is_streaming": False}


def test_the_last_of_equal_keys_wins() -> None:
    """A key that stands twice in a span has its last value, in columns and in maps."""
    normal = normalize(
        span([("gen_ai.request.model", "a"), ("x", "1"), ("gen_ai.request.model", "b"), ("x", 2)]), span({"x": "3"})
    )
    assert value(normal, "request_model") == "b"
    assert normal.spans.column("attributes_string").to_pylist() == [[], [("x", "3")]]
    assert normal.spans.column("attributes_number").to_pylist() == [[("x", 2.0)], []]


def test_what_otlp_carries_beside_attributes_is_kept() -> None:
    """Trace state, flags, schema and the scope's attributes stand under otel.*."""
    rows = [
        span({"a": "1"}, trace_state="k=v", flags=257, schema_url="https://s", scope_attributes=[("public_key", "pk")]),
        span({"b": "2"}),
    ]
    assert normalize(*rows).spans.column("attributes_string").to_pylist() == [
        [
            ("a", "1"),
            ("otel.trace_state", "k=v"),
            ("otel.flags", "257"),
            ("otel.schema_url", "https://s"),
            ("otel.scope.public_key", "pk"),
        ],
        [("b", "2")],
    ]


def test_spans_of_other_kinds_pass() -> None:
    """An HTTP server's span has no dialect and no operation; who it was for is read all the same."""
    sent = {"http.method": "GET", "user.id": "u7", "traceloop.association.properties.session_id": "s1"}
    normal = normalize(span(sent, "opentelemetry.instrumentation.fastapi", name="GET /"))
    columns = ("dialect", "operation", "usage_source", "user_id", "session_id", "name", "project")
    assert [value(normal, c) for c in columns] == ["", "", "none", "u7", "s1", "GET /", "shop"]
    assert value(normal, "attributes_string") == [("http.method", "GET")]


def test_one_batch_may_hold_many_dialects() -> None:
    """Each row is read by the map of its own dialect: one key, two units."""
    attributes = {"gen_ai.server.time_to_first_token": 2, "gen_ai.request.stream": True}
    rows = [span(attributes, scope) for scope in ("strands.telemetry.tracer", "openlit.instrumentation.openai", "x")]
    assert normalize(*rows).spans.column("ttft_ns").to_pylist() == [2_000_000, 2_000_000_000, None]


def test_a_slice_of_a_batch_is_normalised_like_the_batch() -> None:
    """Offsets into shared buffers are minded."""
    rows = [
        span({"gen_ai.request.model": f"m{i}", "k": i}, OTEL, span_id=f"{i:016x}", scope_attributes=[("s", str(i))])
        for i in range(6)
    ]
    batch = pa.RecordBatch.from_pylist(rows, DECODED_SPANS)
    whole = normalize_spans(batch, project="p", ingested_at_ns=1)
    part = normalize_spans(batch.slice(2, 3), project="p", ingested_at_ns=1)
    assert part.spans.to_pylist() == whole.spans.slice(2, 3).to_pylist()


def test_client_libraries_yield_and_log_spans_are_told_apart() -> None:
    """Anthropic's own span yields; Logfire's span of no length is marked."""
    normal = normalize(
        span({}, "com.anthropic.sdk.python"), span({"logfire.span_type": "log"}, "logfire.openai"), span({}, OTEL)
    )
    assert normal.yields.to_pylist() == [True, False, False]
    assert normal.is_log_span.to_pylist() == [False, True, False]


# --- log records ----------------------------------------------------------------------------------------------


def test_messages_of_log_records_are_put_together_per_span() -> None:
    """Old conventions: one record per message; the order is that of arrival, or what the record says."""
    normal = normalize_records(
        log(
            {},
            "gen_ai.choice",
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}],
                },
            },
        ),
        log({"CHAT_MESSAGE_INDEX": 1}, "gen_ai.user.message", {"content": "second"}),
        log(
            {"CHAT_MESSAGE_INDEX": 0, "event.name": "gen_ai.system.message"},
            "",
            '{"role": "system", "content": "first"}',
        ),
        log({}, "gen_ai.user.message", {"content": {"role": "user", "parts": [{"text": "other"}]}}, span_id="1" * 16),
        log({}, "", "an ordinary line"),
    )
    assert normal.content.num_rows == 2
    rows = {r["span_id"]: r for r in normal.content.to_pylist()}
    first = rows["b7ad6b7169203331"]
    assert first["input_messages"] == (
        '[{"role":"system","parts":[{"type":"text","content":"first"}]},{"role":"user","parts":[{"type":"text","content":"second"}]}]'
    )
    assert first["output_messages"] == (
        '[{"role":"assistant","parts":[{"type":"tool_call","id":"c","name":"f","arguments":{}}],"finish_reason":"tool_call"}]'
    )
    assert first["finish_reasons"] == ["tool_call"]
    assert rows["1" * 16]["input_messages"] == '[{"role":"user","parts":[{"type":"text","content":"other"}]}]'
    assert normal.logs.column("event_name").to_pylist()[2] == "gen_ai.system.message"
    assert normal.logs.num_rows == 5


def test_operation_details_are_read_like_a_span() -> None:
    """The record of a whole call is content of its span; its JSON is checked."""
    sent = {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"yo"',
        "gen_ai.response.model": "gpt-4o-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 3,
        "user.id": "u7",
    }
    (row,) = normalize_records(log(sent, "gen_ai.client.inference.operation.details")).content.to_pylist()
    assert row["input_messages"] == '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'
    assert row["output_messages"].startswith('[{"role":"assistant","parts":[{"type":"text","content":"[{')
    assert (row["response_model"], row["finish_reasons"], row["user_id"]) == ("gpt-4o-1", ["stop"], "u7")


def test_semantic_kernels_usage_line_is_read() -> None:
    """Cached and reasoning tokens stand in a line of text only."""
    line = "OpenAI usage: CompletionUsage(completion_tokens=1, x=D(reasoning_tokens=128), y=P(cached_tokens=1280))"
    normal = normalize_records(log({}, "", line, scope_name="semantic_kernel.connectors"), log({}, "", line))
    (row,) = normal.content.to_pylist()
    assert (row["cache_read_tokens"], row["reasoning_tokens"]) == (1280, 128)


def test_evaluation_results_are_scores() -> None:
    """The event of 1.38 becomes a score whose id is the same when it comes again."""
    sent = {
        "gen_ai.evaluation.name": "Relevance",
        "gen_ai.evaluation.score.value": 0.75,
        "gen_ai.evaluation.score.label": "pass",
        "gen_ai.evaluation.explanation": "fits",
        "gen_ai.response.id": "chatcmpl-1",
        "haechi.score.source": "judge",
    }
    record = log(sent, "gen_ai.evaluation.result", scope_name="evals", scope_version="2")
    normal, again = normalize_records(record), normalize_records(record)
    (row,) = normal.scores.to_pylist()
    expected = {
        "name": "Relevance",
        "value": 0.75,
        "label": "pass",
        "explanation": "fits",
        "source": "judge",
        "evaluator": "evals",
        "evaluator_version": "2",
        "project": "shop",
        "span_id": "b7ad6b7169203331",
    }
    assert {k: row[k] for k in expected} == expected
    assert normal.scores.equals(again.scores)
    assert row["is_replaceable"] is False
    assert normal.score_response_id.to_pylist() == ["chatcmpl-1"]


def test_a_score_has_the_id_that_its_sender_chose() -> None:
    """So that a later word on the same thing replaces it, whatever it says."""
    said = [
        {"gen_ai.evaluation.name": "up", "gen_ai.evaluation.score.value": n, "haechi.score.id": "click"} for n in (0, 1)
    ]
    normal = normalize_records(*(log(sent, "gen_ai.evaluation.result") for sent in said))
    rows = normal.scores.to_pylist()
    assert [(r["id"], r["value"], r["is_replaceable"]) for r in rows] == [("click", 0.0, True), ("click", 1.0, True)]


def test_judgements_on_spans_are_scores() -> None:
    """OpenInference's annotations, OpenLIT's attributes and the event on a span."""
    annotations = {
        "annotations.0.annotation.name": "helpful",
        "annotations.0.annotation.score": 1,
        "annotations.0.annotation.annotator_kind": "HUMAN",
        "trace.evaluations.1.evaluation.name": "faithful",
        "trace.evaluations.1.evaluation.label": "no",
        "trace.evaluations.1.evaluation.annotator_kind": "LLM",
    }
    normal = normalize(
        span(annotations, "openinference.instrumentation"),
        span({"gen_ai.evaluation.name": "toxicity", "gen_ai.evaluation.score.value": 0.5}, "openlit.evals"),
        span({}, OTEL, [event("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "fluent"})]),
    )
    columns = ("name", "value", "label", "source")
    found = sorted((tuple(r[c] for c in columns) for r in normal.scores.to_pylist()), key=str)
    assert found == [
        ("faithful", None, "no", "judge"),
        ("fluent", None, "", "client"),
        ("helpful", 1.0, "", "human"),
        ("toxicity", 0.5, "", "client"),
    ]


def test_metric_points_keep_everything() -> None:
    """A point's attributes are maps, its metric's metadata among them."""
    row = point(
        {"gen_ai.token.type": "input", "n": 2}, metric_name="m", value=1.5, metric_metadata=[("k", "v")], schema_url="s"
    )
    batch = pa.RecordBatch.from_pylist([row, point({})], DECODED_METRIC_POINTS)
    points = normalize_metric_points(batch, project="shop", ingested_at_ns=7)
    points.validate(full=True)
    assert points.schema.equals(METRIC_POINTS)
    first = points.to_pylist()[0]
    assert first["attributes_string"] == [
        ("gen_ai.token.type", "input"),
        ("otel.schema_url", "s"),
        ("otel.metric.k", "v"),
    ]
    assert (first["attributes_number"], first["value"], first["project"]) == ([("n", 2.0)], 1.5, "shop")
