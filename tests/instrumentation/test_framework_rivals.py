"""A framework over a client that another instrumentation observes."""

import json
from pathlib import Path

import pytest
from tests.instrumentation.programs import python
from tests.standin import Standin

# In a process of its own: the other instrumentation leaves its wrappers in the client.
PROGRAM = """
    import json, sys
    from haechi.testing import MemoryExporter, capture
    from langchain_openai import ChatOpenAI
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    theirs, provider = MemoryExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    with capture(cost=False) as captured:
        OpenAIInstrumentor().instrument(tracer_provider=provider)
        model = ChatOpenAI(model="gpt-4o-mini", base_url=sys.argv[1], api_key="k", max_retries=0)
        chain = model.with_config(run_name="asked") | (lambda said: said)
        _ = list(chain.stream("hi")) if sys.argv[2] == "streamed" else chain.invoke("hi")
    ours = {span.name: span.context.span_id for span in captured.spans}
    print(json.dumps([ours, [span.parent.span_id for span in theirs.spans]]))
"""


@pytest.mark.parametrize("way", ["plain", "streamed"])
def test_a_call_that_others_observe_is_not_told_twice(standin: Standin, tmp_path: Path, way: str) -> None:
    """The client's span is theirs and lies in our chain; the framework's word on the same call is not recorded."""
    ended = python(tmp_path, PROGRAM, f"{standin.url}/v1", way, TRACELOOP_TRACE_CONTENT="false")
    assert ended.status == 0, ended.err
    ours, parents_of_theirs = json.loads(ended.out)
    assert list(ours) == ["invoke_workflow RunnableSequence"]
    assert parents_of_theirs == [ours["invoke_workflow RunnableSequence"]]
