"""An unchanged LangChain program under `haechi run`: one trace in the collector, with all that is to be known."""

import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Running, wait_until
from tests.instrumentation.programs import HAECHI, Ended, run
from tests.standin import Standin
from tests.standin.facts import expected

SAMPLE = Path(__file__).parents[1] / "data" / "rag_sample.py"
QUESTION = "How is the weather in the capital? [tool]"


@pytest.fixture(scope="module")
def standin() -> Standin:
    with Standin() as standin:
        yield standin


def start(command: list[str], folder: Path, standin: Standin, running: Running | None = None) -> Ended:
    known = {"OPENAI_BASE_URL": f"{standin.url}/v1", "OPENAI_API_KEY": "sk-sample"}
    if running is not None:
        known |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{running.http}", "HAECHI_CONTENT": "on"}
    return run([*command, sys.executable, str(SAMPLE), QUESTION], folder, **known)


@pytest.fixture(scope="module")
def trace(running: Running, standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of the sample's trace, after it ran with us and without us and did the same."""
    folder = tmp_path_factory.mktemp("sample")
    plain = start([], folder, standin)
    sent = [request.body for request in standin.requests]
    standin.reset()
    watched = start([*HAECHI, "--service", "guide", "--"], folder, standin, running)
    assert watched == plain
    assert watched.status == 0, watched.err
    assert watched.out.strip() == expected("openai.tool_answer").text
    assert [request.body for request in standin.requests if b'"stream":true' not in request.body] == [
        body for body in sent if b'"stream":true' not in body
    ]
    wait_until(lambda: running.rows("SELECT 1 FROM spans WHERE operation = 'invoke_workflow'"))
    [row] = running.rows("SELECT trace_id FROM spans WHERE operation = 'invoke_workflow'")
    return str(row["trace_id"])


SHAPE = """
    SELECT s.name AS name, p.name AS parent
    FROM spans AS s LEFT JOIN spans AS p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
    WHERE s.trace_id = '{trace}' ORDER BY s.start_time, s.span_id
"""


def test_the_sample_is_one_trace_with_right_parents(running: Running, trace: str) -> None:
    """Retrieval, prompt, tool and chat lie under the chain, the embedding of the question under the retrieval."""
    rows = running.rows(SHAPE.format(trace=trace))
    assert [(row["name"], row["parent"]) for row in rows] == [
        ("invoke_workflow guide", ""),
        ("retrieval VectorStoreRetriever", "invoke_workflow guide"),
        ("embeddings text-embedding-3-small", "retrieval VectorStoreRetriever"),
        ("prompt ChatPromptTemplate", "invoke_workflow guide"),
        ("chat gpt-4o-mini", "invoke_workflow guide"),
        ("execute_tool weather", "invoke_workflow guide"),
        ("chat gpt-4o-mini", "invoke_workflow guide"),
    ]


def test_the_calls_have_their_tokens_cost_and_time_to_first_token(running: Running, trace: str) -> None:
    """Two calls of the model, the second streamed; each with what the provider reported, and its price."""
    rows = running.rows(
        "SELECT service_name, provider, request_model, response_model, input_tokens, output_tokens, cache_read_tokens,"
        " usage_source, is_streaming, finish_reasons, toFloat64(cost_usd) AS cost, ttft_ns, duration_ns, dialect,"
        f" retrieved_context FROM spans WHERE trace_id = '{trace}' AND operation = 'chat' ORDER BY start_time"
    )
    answers = [(expected("openai.tool"), "tool_call"), (expected("openai.tool_answer"), "stop")]
    for row, (answer, reason), streamed in zip(rows, answers, [False, True], strict=True):
        assert (row["service_name"], row["provider"], row["dialect"]) == ("guide", "openai", "haechi")
        assert (row["request_model"], row["response_model"]) == ("gpt-4o-mini", answer.response_model)
        assert (int(str(row["input_tokens"])), int(str(row["output_tokens"]))) == (
            answer.input_tokens,
            answer.output_tokens,
        )
        assert int(str(row["cache_read_tokens"])) == answer.cache_read_tokens
        assert row["usage_source"] == "reported"
        assert row["finish_reasons"] == [reason]
        assert bool(row["is_streaming"]) == streamed
        assert float(str(row["cost"])) > 0
        assert (row["ttft_ns"] is not None) == streamed
        assert "해치는 시비와 선악을 가리고" in str(row["retrieved_context"])
        assert "Seoul is the capital of South Korea" in str(row["retrieved_context"])
    assert 0 < int(str(rows[1]["ttft_ns"])) <= int(str(rows[1]["duration_ns"]))


def test_the_tool_and_the_retrieval_hold_what_they_did(running: Running, trace: str) -> None:
    """The tool's arguments and result, and the retrieval's question, are there by SQL."""
    [tool] = running.rows(
        "SELECT attributes_string['gen_ai.tool.call.arguments'] AS given, attributes_string['gen_ai.tool.call.result']"
        f" AS result FROM spans WHERE trace_id = '{trace}' AND operation = 'execute_tool'"
    )
    assert tool == {"given": '{"city":"Seoul"}', "result": "Seoul: 21.5 degrees, sunny"}
    [retrieval] = running.rows(
        "SELECT attributes_string['gen_ai.retrieval.query.text'] AS question, retrieved_context"
        f" FROM spans WHERE trace_id = '{trace}' AND operation = 'retrieval'"
    )
    assert retrieval["question"] == QUESTION
    assert "해치는" in str(retrieval["retrieved_context"])


def test_the_money_is_counted_once(running: Running, trace: str) -> None:
    """A plain sum over the trace is what the model calls and the embeddings cost, and nothing is unpriced."""
    [row] = running.rows(
        "SELECT toFloat64(sum(cost_usd)) AS all, countIf(cost_source = 'unpriced') AS unpriced,"
        " toFloat64(sumIf(cost_usd, operation IN ('chat', 'embeddings'))) AS calls"
        f" FROM spans WHERE trace_id = '{trace}'"
    )
    assert row["all"] == row["calls"]
    assert int(str(row["unpriced"])) == 0
