"""A framework over a client that another instrumentation observes."""

import pytest
from langchain_openai import ChatOpenAI
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from tests.standin import Standin

from haechi.testing import MemoryExporter, capture
from haechi_schemas import attributes as names

# What the other instrumentation's own classes say.
pytestmark = pytest.mark.filterwarnings("ignore:Support for class-based:DeprecationWarning")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_that_others_observe_is_not_told_twice(standin: Standin, *, streamed: bool) -> None:
    """The client's span is theirs and lies in our chain; the framework's word on the same call is not recorded."""
    theirs, provider = MemoryExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    rival = OpenAIInstrumentor()
    with capture(cost=False) as captured, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACELOOP_TRACE_CONTENT", "false")
        rival.instrument(tracer_provider=provider)
        try:
            url = f"{standin.url}/{'openai' if streamed else 'api'}/v1"  # LangChain keeps connections by their address
            model = ChatOpenAI(model="gpt-4o-mini", base_url=url, api_key="k", max_retries=0)  # type: ignore[arg-type]
            chain = model.with_config(run_name="asked") | (lambda said: said)
            _ = list(chain.stream("hi")) if streamed else chain.invoke("hi")
        finally:
            model.root_client.close()
            rival.uninstrument()
            provider.shutdown()
    assert [(span.attributes or {})[names.OPERATION_NAME] for span in captured.spans] == ["invoke_workflow"]
    [span] = theirs.spans
    assert span.parent is not None
    assert span.parent.span_id == captured.spans[0].context.span_id
