"""What observing a framework costs and tells: ours beside the other instrumentations of LangChain and LlamaIndex.

    python -m venv peers
    peers/bin/pip install langchain-openai llama-index-core wrapt genai-prices opentelemetry-sdk \
        openinference-instrumentation-langchain openinference-instrumentation-llama-index \
        opentelemetry-instrumentation-langchain opentelemetry-instrumentation-llamaindex \
        openinference-instrumentation-openai opentelemetry-instrumentation-openai
    python bench/framework_overhead.py --python peers/bin/python [--rounds 7] [--runs 60]

One process per contender and framework, all alive at once and ordered in turn, as in `client_overhead.py`: content on,
OpenTelemetry's SDK with a processor that only counts. A run is a retrieval over a local store, a prompt and one call of
an OpenAI client (each contender observes the client with its own instrumentation), plain or streamed.

Prints one JSON object per contender: added CPU per run and per streamed run (µs), spans and bytes of attributes of one
run, how many times the retrieved text stands in them, whether the client's span lies in the framework's trace when the
answer is streamed, and whether any span has the time to first token.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CONTENDERS = ("bare", "haechi", "openinference", "openllmetry")
FRAMEWORKS = ("langchain", "llama_index")
NOTE = "해치는 시비와 선악을 가리고 불을 막는 전설의 동물이다. " * 20
_TTFT = ("time_to_first", "First Token", "first_token")


# --- one contender -------------------------------------------------------------------------------------------------


class Counting:
    """A span processor that keeps spans only while it is told to."""

    def __init__(self) -> None:
        self.kept: list[Any] | None = None

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Nothing."""

    def _on_ending(self, span: Any) -> None:
        """Nothing."""

    def on_end(self, span: Any) -> None:
        """Keep it, perhaps."""
        if self.kept is not None:
            self.kept.append(span)

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 0) -> bool:
        """Nothing to flush."""
        del timeout_millis
        return True


def turn_on(contender: str, framework: str) -> Counting:
    """Turn one instrumentation on, of the framework and of the client under it."""
    from importlib import import_module

    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    counting, provider = Counting(), TracerProvider()
    provider.add_span_processor(counting)  # type: ignore[arg-type]  # it is one by its methods
    trace.set_tracer_provider(provider)
    if contender == "haechi":
        sys.path[:0] = [str(ROOT / "instrumentation"), str(ROOT / "schemas")]
        import haechi

        haechi.init(content="on")
    elif contender != "bare":
        scheme = {"openinference": "openinference", "openllmetry": "opentelemetry"}[contender]
        word = {"openllmetry": "llamaindex"}.get(contender, "llama_index") if framework == "llama_index" else framework
        name = "LlamaIndexInstrumentor" if framework == "llama_index" else "LangChainInstrumentor"
        module = import_module(f"{scheme}.instrumentation.{word}")
        getattr(module, name, None) or (name := "LangchainInstrumentor")
        getattr(module, name)().instrument()
        import_module(f"{scheme}.instrumentation.openai").OpenAIInstrumentor().instrument()
    return counting


def langchain(url: str) -> Callable[[bool], None]:
    """Return a run of a LangChain RAG chain."""
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnablePassthrough
    from langchain_core.vectorstores import InMemoryVectorStore
    from langchain_openai import ChatOpenAI

    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
    store.add_texts([f"{NOTE}{n}" for n in range(4)])
    prompt = ChatPromptTemplate.from_messages([("system", "Notes: {notes}"), ("user", "{question}")])
    model = ChatOpenAI(model="gpt-4o-mini", base_url=url, api_key="k", max_retries=0, stream_usage=True)  # type: ignore[arg-type]
    chain = {"notes": store.as_retriever(), "question": RunnablePassthrough()} | prompt | model | StrOutputParser()

    def run(streamed: bool) -> None:
        _ = list(chain.stream("누구?")) if streamed else chain.invoke("누구?")

    return run


def llama_index(url: str) -> Callable[[bool], None]:
    """Return a run of a LlamaIndex query engine over a model behind OpenAI's client."""
    from collections.abc import Iterator

    import openai
    from llama_index.core import Document, MockEmbedding, VectorStoreIndex
    from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
    from llama_index.core.llms.callbacks import llm_completion_callback

    client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)

    def ask(prompt: str, **more: Any) -> Any:
        messages: Any = [{"role": "user", "content": prompt}]
        return client.chat.completions.create(model="gpt-4o-mini", messages=messages, **more)

    class Remote(CustomLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name="gpt-4o-mini")

        @llm_completion_callback()
        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            del formatted, kwargs
            return CompletionResponse(text=ask(prompt).choices[0].message.content)

        @llm_completion_callback()
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
            del formatted, kwargs
            text = ""
            for chunk in ask(prompt, stream=True):
                text += (delta := chunk.choices[0].delta.content or "" if chunk.choices else "")
                yield CompletionResponse(text=text, delta=delta)

    documents = [Document(text=f"{NOTE}{n}") for n in range(4)]
    index = VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=8))
    engines = {streamed: index.as_query_engine(llm=Remote(), streaming=streamed) for streamed in (False, True)}

    def run(streamed: bool) -> None:
        response = engines[streamed].query("누구?")
        _ = "".join(response.response_gen) if streamed else str(response)  # type: ignore[union-attr]

    return run


def contend(contender: str, framework: str, url: str) -> None:
    """Answer orders from stdin: how many runs, streamed or not; and at the end what one run tells."""
    counting = turn_on(contender, framework)
    run = {"langchain": langchain, "llama_index": llama_index}[framework](url)
    for order in sys.stdin:
        runs, streamed = json.loads(order)
        begun = time.process_time()
        for _ in range(runs):
            run(streamed)
        answer = {"cpu_us": (time.process_time() - begun) / max(runs, 1) * 1e6}
        if not runs:
            answer = {"plain": told(counting, run, False), "streamed": told(counting, run, True)}
        os.write(1, json.dumps(answer).encode() + b"\n")


def told(counting: Counting, run: Callable[[bool], None], streamed: bool) -> dict[str, Any]:
    """Return what the spans of one run say."""
    counting.kept = spans = []
    run(streamed)
    counting.kept = None
    whole = [json.dumps([span.name, dict(span.attributes or {})], ensure_ascii=False, default=str) for span in spans]
    everything = "".join(whole) + str(
        [(event.name, dict(event.attributes or {})) for span in spans for event in span.events]
    )
    return {
        "spans": len(spans),
        "traces": len({span.context.trace_id for span in spans}),
        "attribute_bytes": sum(len(text.encode()) for text in whole),
        "texts": everything.count("선악을 가리고") / 80,
        "ttft": any(word in everything for word in _TTFT),
        "names": [span.name for span in spans],
    }


# --- all of them -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--python", default=sys.executable)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--runs", type=int, default=60)
    arguments.add_argument("--contender", nargs=3, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.contender:
        contend(*chosen.contender)
        return
    sys.path.insert(0, str(ROOT))
    from tests.standin import Standin

    with Standin() as standin:
        for framework in FRAMEWORKS:
            measure(framework, f"{standin.url}/v1", chosen)


def measure(framework: str, url: str, chosen: argparse.Namespace) -> None:
    """Measure every contender of one framework, in turn; print one object for each."""
    children = {}
    for contender in CONTENDERS:
        command = [chosen.python, __file__, "--contender", contender, framework, url]
        children[contender] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    cpu: dict[tuple[str, bool], list[float]] = {}
    for turn in range(chosen.rounds + 1):
        for streamed in (False, True):
            for contender, child in children.items():
                spent = ask(child, chosen.runs, streamed)["cpu_us"]
                if turn:  # the first round warms up
                    cpu.setdefault((contender, streamed), []).append(spent)
    for contender, child in children.items():
        row = {"framework": framework, "contender": contender}
        for streamed, key in ((False, "run_us"), (True, "streamed_run_us")):
            added = [own - bare for own, bare in zip(cpu[contender, streamed], cpu["bare", streamed], strict=True)]
            row[key] = round(statistics.median(cpu["bare", streamed] if contender == "bare" else added))
        print(json.dumps(row | ask(child, 0, False), ensure_ascii=False), flush=True)
        assert child.stdin
        child.stdin.close()
        child.wait(20)


def ask(child: "subprocess.Popen[str]", runs: int, streamed: bool) -> dict[str, Any]:
    """Order runs of a contender."""
    assert child.stdin
    assert child.stdout
    child.stdin.write(json.dumps([runs, streamed]) + "\n")
    child.stdin.flush()
    answered: dict[str, Any] = json.loads(child.stdout.readline())
    return answered


if __name__ == "__main__":
    main()
