"""Whatever stands under known keys: the stage never raises, loses no row and no attribute."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.stages.payloads import log, normalize, normalize_records, span, value

from haechi_collector.batch import LOGS, SCORES, SPANS
from haechi_collector.stages.dialects import dialects
from haechi_collector.stages.normalize_logs import CONTENT
from haechi_collector.stages.normalize_spans import Normalized

SOURCES = [s for d in dialects().all for sources in d.own.values() for s in sources]
FAMILIES = {
    "llm.input_messages.0.message.role",
    "llm.input_messages.0.message.content",
    "llm.input_messages.0.message.contents.0.message_content.text",
    "llm.output_messages.1.message.tool_calls.0.tool_call.function.arguments",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.0.tool_calls.0.arguments",
    "gen_ai.prompt.99999999999.role",
    "gen_ai.completion.0.content",
    "gen_ai.completion.x.finish_reason",
    "llm.request.functions.0.parameters",
    "retrieval.documents.0.document.content",
    "llm.tools.0.tool.json_schema",
    "annotations.0.annotation.name",
    "gen_ai.evaluation.name",
    "gen_ai.evaluation.score.value",
    "CHAT_MESSAGE_INDEX",
    "event.name",
    "gen_ai.event.content",
}
KEYS = sorted({s.key.replace("*", "0") for s in SOURCES if s.key} | FAMILIES)
SCOPES = sorted({p.replace("*", "x") for d in dialects().all for p in d.scopes} | {"", "my.app"})
EVENTS = sorted(
    {s.event for s in SOURCES if s.event} | {"gen_ai.choice", "gen_ai.user.message", "gen_ai.content.prompt"}
)
RECORDS = [
    *("gen_ai.choice", "gen_ai.tool.message", "gen_ai.user.message", "gen_ai.evaluation.result"),
    *("gen_ai.client.inference.operation.details", ""),
]
FIELDS = [
    *("role", "content", "parts", "type", "text", "tool_calls", "function", "messages", "choices", "message", "output"),
    *("input", "usage", "id", "name", "arguments", "finish_reason", "generations", "candidates", "kwargs", "toolUse"),
    *("image_url", "source", "data", "prompt", "system", "tools", "documents", "reasoningContent", "delta", "response"),
]
WORDS = [
    "user",
    "assistant",
    "tool",
    "ai",
    "text",
    "tool_use",
    "tool_result",
    "image_url",
    "image",
    "reasoning",
    "stop",
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=15,
)
texts = (
    st.text(max_size=12) | documents.map(json.dumps) | documents.map(json.dumps).map(json.dumps) | documents.map(repr)
)
values = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | texts | st.lists(documents, max_size=3)
)
attributes = st.lists(st.tuples(st.sampled_from(KEYS) | st.text(max_size=5), values), max_size=12)
events = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(EVENTS), "attributes": documents, "time_unix_nano": scalars}),
    max_size=3,
)
spans = st.builds(
    span,
    attributes,
    st.sampled_from(SCOPES),
    events,
    status_code=st.sampled_from(["unset", "error"]),
    status_message=texts,
)
logs = st.builds(log, attributes, st.sampled_from(RECORDS), documents, scope_name=st.sampled_from(SCOPES))


def assert_whole(normal: Normalized, row_count: int) -> None:
    """Assert what the stage promises of any batch."""
    assert normal.spans.schema.equals(SPANS)
    assert normal.spans.num_rows == row_count
    normal.spans.validate(full=True)
    normal.scores.validate(full=True)
    assert normal.scores.schema.equals(SCORES)
    assert [f.name for f in SPANS if not f.nullable and normal.spans.column(f.name).null_count] == []
    for array in (
        normal.response_id,
        normal.is_inference,
        normal.yields,
        normal.is_log_span,
        normal.audio_input_tokens,
    ):
        assert (len(array), array.null_count) == (row_count, 0)


@settings(max_examples=400, deadline=None)
@given(st.lists(spans, max_size=4))
def test_any_attributes_normalise(rows: list[dict[str, Any]]) -> None:
    """Whatever values stand under known keys, the result has the table's schema and every row."""
    assert_whole(normalize(*rows), len(rows))


@settings(max_examples=200, deadline=None)
@given(st.lists(logs, max_size=4))
def test_any_log_records_normalise(rows: list[dict[str, Any]]) -> None:
    """Whatever bodies and attributes come, the tables' schemas hold and all content is JSON."""
    normal = normalize_records(*rows)
    assert normal.logs.num_rows == len(rows)
    for batch, schema in ((normal.logs, LOGS), (normal.content, CONTENT), (normal.scores, SCORES)):
        assert batch.schema.equals(schema)
        batch.validate(full=True)
    contents = [row[c] for row in normal.content.to_pylist() for c in ("input_messages", "output_messages") if row[c]]
    assert all(isinstance(json.loads(content), list) for content in contents)


@settings(max_examples=200, deadline=None)
@given(attributes, st.sampled_from(SCOPES))
def test_no_attribute_is_lost(sent: list[tuple[str, Any]], scope: str) -> None:
    """Every key that was sent stands in a map, or a column took its value; none is made up."""
    normal = normalize(span(sent, scope))
    maps = ("attributes_string", "attributes_number", "attributes_bool")
    kept = [key for column in maps for key, _ in value(normal, column)]
    assert sorted(kept) == sorted(set(kept))
    assert set(kept) <= {key for key, _ in sent}
    assert {key for key, _ in sent} - set(kept) <= set(KEYS)
