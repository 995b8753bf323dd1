"""One request to the pretend application as a tree of spans, before any SDK is involved.

Guarantee: a plan depends on the seed, the number of the request and its time, on nothing else. Children lie inside
their parent, times are whole nanoseconds, and nothing lasts longer than a minute and a half.

Names and shapes are those of the OpenTelemetry GenAI semantic conventions (`haechi_schemas.attributes`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final

from haechi_collector.demo import corpus, judge, traffic
from haechi_collector.demo.corpus import Topic
from haechi_collector.demo.judge import Verdict
from haechi_collector.demo.traffic import NS_PER_S, Model, Prompt, Release
from haechi_schemas import attributes as names

Value = str | int | float | bool | list[str]

APPLICATION: Final = "support-bot"
SEARCH: Final = "doc-search"
CONTRADICTS: Final = "demo.answer_contradicts_context"
"""Mark of an answer that was made to contradict its documents, so that checks can be measured against the truth."""

_THUMBS_SHARE: Final = 0.2
_GRADED_SHARE: Final = 0.3
_PROMPT_NAME: Final = "support-answer"
_EXPERIMENT: Final = "support-answer-v3"


@dataclass(slots=True)
class SpanPlan:
    """A span to come: times in nanoseconds since the epoch, children in order."""

    service: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Value]
    error: str = ""
    """Description of the error status; '' for none."""
    children: list["SpanPlan"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TracePlan:
    """A request: its release, its root span, and how its answer was judged."""

    release: Release
    root: SpanPlan
    verdicts: tuple[Verdict, ...]


@dataclass(slots=True)
class _Request:
    draw: Random
    seed: int
    model: Model
    prompt: Prompt
    topic: Topic
    shared: Mapping[str, Value]
    contradicts: bool
    now_ns: int

    def spend(self, seconds: float) -> tuple[int, int]:
        """Let time pass; its start and end."""
        start = self.now_ns
        self.now_ns += round(seconds * NS_PER_S)
        return start, self.now_ns


def plan_trace(seed: int, number: int, end_ns: int) -> TracePlan:
    """Plan the request ``number``, answered at ``end_ns``: no span lies in the future of that time."""
    draw = Random(f"{seed}/{number}")  # noqa: S311  sample data, no secret
    user = traffic.pick_user(draw)
    prompt = traffic.pick_prompt(draw, user)
    request = _Request(
        draw=draw,
        seed=seed,
        model=traffic.pick_model(draw),
        prompt=prompt,
        topic=draw.choice(corpus.TOPICS),
        shared=_who(draw, user, prompt, end_ns),
        contradicts=draw.random() < prompt.contradicts,
        now_ns=end_ns + 2_000_000,
    )
    question = draw.choice(request.topic.questions)
    children = [_embed(request, question), _retrieve(request, question), *_answer(request, question)]
    failed = children[-1].error
    root = SpanPlan(
        APPLICATION,
        "invoke_workflow answer_question",
        "server",
        end_ns,
        request.now_ns + 3_000_000,
        {
            names.OPERATION_NAME: "invoke_workflow",
            names.WORKFLOW_NAME: "answer_question",
            "http.route": "/ask",
            "demo.language": request.topic.language,
            **request.shared,
            **({names.ERROR_TYPE: str(children[-1].attributes[names.ERROR_TYPE])} if failed else {}),
        },
        failed,
        children,
    )
    _shift(root, end_ns - root.end_ns)
    verdicts = () if failed else tuple(_judged(request, children[-1]))
    return TracePlan(traffic.pick_release(draw), root, verdicts)


def _judged(request: _Request, answer: SpanPlan) -> Iterator[Verdict]:
    """Yield the thumb of a user in five, the application's own check of every answer, and a judge's grade of some."""
    draw = request.draw
    if draw.random() <= _THUMBS_SHARE:
        yield judge.thumb(up=draw.random() < (0.25 if request.contradicts else 0.88))
    if answer.attributes[names.RESPONSE_FINISH_REASONS] == ["stop"]:
        said = json.loads(str(answer.attributes[names.OUTPUT_MESSAGES]))[0]["parts"][0]["content"]
        documents = [text for _, text in request.topic.documents]
        yield judge.checked(said, documents)
        if draw.random() <= _GRADED_SHARE:
            yield judge.graded(said, documents)


def _shift(span: SpanPlan, nanoseconds: int) -> None:
    span.start_ns += nanoseconds
    span.end_ns += nanoseconds
    for child in span.children:
        _shift(child, nanoseconds)


def _who(draw: Random, user: int, prompt: Prompt, time_ns: int) -> dict[str, Value]:
    half_hour = time_ns // (1800 * NS_PER_S)
    return {
        names.USER_ID: f"user-{user:04d}",
        names.CONVERSATION_ID: f"session-{user:04d}-{half_hour}-{draw.randrange(2)}",
        names.PROMPT_NAME: _PROMPT_NAME,
        names.PROMPT_VERSION: prompt.version,
        names.EXPERIMENT: _EXPERIMENT,
        names.VARIANT: prompt.variant,
    }


def _embed(request: _Request, question: str) -> SpanPlan:
    start, end = request.spend(request.draw.uniform(0.03, 0.12))
    model = "text-embedding-3-small"
    return SpanPlan(
        APPLICATION,
        f"embeddings {model}",
        "client",
        start,
        end,
        {
            names.OPERATION_NAME: "embeddings",
            names.PROVIDER_NAME: "openai",
            names.REQUEST_MODEL: model,
            names.RESPONSE_MODEL: model,
            names.USAGE_INPUT_TOKENS: traffic.count_tokens(question),
            **request.shared,
        },
    )


def _retrieve(request: _Request, question: str) -> SpanPlan:
    start, end = request.spend(request.draw.lognormvariate(-2.6, 0.4))
    documents = [
        {"id": id_, "score": round(0.93 - 0.11 * rank - request.draw.random() / 20, 3), "content": text}
        for rank, (id_, text) in enumerate(request.topic.documents)
    ]
    return SpanPlan(
        SEARCH,
        "retrieval help-articles",
        "client",
        start,
        end,
        {
            names.OPERATION_NAME: "retrieval",
            "gen_ai.data_source.id": "help-articles",
            names.RETRIEVAL_QUERY_TEXT: question,
            names.RETRIEVAL_DOCUMENTS: _json(documents),
            **request.shared,
        },
    )


def _answer(request: _Request, question: str) -> list[SpanPlan]:
    """The model's turns: perhaps a tool call first, perhaps a failure and a second try."""
    messages = [_message("user", question)]
    spans: list[SpanPlan] = []
    fate = request.draw.random()
    if fate < 0.025:
        spans.append(_fail(request, messages, "RateLimitError", "429: rate limit reached for requests per minute", 0.2))
        if fate < 0.01:
            return spans
    elif fate < 0.035:
        return [_fail(request, messages, "APITimeoutError", "the request timed out after 30 s", 30.0)]
    elif fate < 0.045:
        return [_chat(request, messages, "", "content_filter")]
    tool = request.topic.tool
    if tool and request.draw.random() < 0.6:
        _, arguments, result = corpus.TOOLS[tool]
        call_id = f"call_{request.draw.getrandbits(48):012x}"
        call: dict[str, object] = {"type": "tool_call", "id": call_id, "name": tool, "arguments": arguments}
        spans.append(_chat(request, messages, call, "tool_call"))
        spans.append(_run_tool(request, tool, call_id))
        response = {"type": "tool_call_response", "id": call_id, "response": result}
        messages = [*messages, {"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [response]}]
    text = request.topic.wrong_answer if request.contradicts else request.topic.answer
    return [*spans, _chat(request, messages, text, "stop")]


def _chat(request: _Request, messages: list[dict[str, object]], said: str | dict[str, object], finish: str) -> SpanPlan:
    draw, model = request.draw, request.model
    part = {"type": "text", "content": said} if isinstance(said, str) else said
    usage = _usage(request, messages, _json(part))
    slow = request.prompt.slowness * traffic.slowdown(request.now_ns, model.provider, request.seed)
    first = model.first_chunk_s * slow * draw.lognormvariate(0.0, 0.35)
    writing = usage[names.USAGE_OUTPUT_TOKENS] / model.tokens_per_s * slow * draw.lognormvariate(0.0, 0.15)
    start, end = request.spend(first + writing)
    output = {"role": "assistant", "parts": [part], "finish_reason": finish}
    streams = not isinstance(said, dict)
    return SpanPlan(
        APPLICATION,
        f"chat {model.name}",
        "client",
        start,
        end,
        {
            **_asked(request, messages, streams=streams),
            **usage,
            names.RESPONSE_MODEL: model.response_name,
            names.RESPONSE_ID: f"resp_{draw.getrandbits(64):016x}",
            names.RESPONSE_FINISH_REASONS: [finish],
            names.OUTPUT_MESSAGES: _json([output]),
            **({names.RESPONSE_TIME_TO_FIRST_CHUNK: round(first, 6)} if streams else {}),
            **({CONTRADICTS: request.contradicts} if finish == "stop" else {}),
        },
    )


def _fail(request: _Request, messages: list[dict[str, object]], kind: str, text: str, seconds: float) -> SpanPlan:
    start, end = request.spend(seconds * request.draw.uniform(0.9, 1.1))
    attributes = _asked(request, messages, streams=True)
    return SpanPlan(
        APPLICATION,
        f"chat {request.model.name}",
        "client",
        start,
        end,
        {**attributes, names.ERROR_TYPE: kind},
        text,
    )


def _asked(request: _Request, messages: list[dict[str, object]], *, streams: bool) -> dict[str, Value]:
    asked: dict[str, Value] = {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: request.model.provider,
        names.REQUEST_MODEL: request.model.name,
        names.REQUEST_STREAM: streams,
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 1024,
        names.SYSTEM_INSTRUCTIONS: _json([{"type": "text", "content": _system(request.topic)}]),
        names.INPUT_MESSAGES: _json(messages),
        **request.shared,
    }
    if request.topic.tool:
        description = corpus.TOOLS[request.topic.tool][0]
        tool = {"type": "function", "name": request.topic.tool, "description": description}
        asked[names.TOOL_DEFINITIONS] = _json([tool])
    return asked


def _usage(request: _Request, messages: list[dict[str, object]], said: str) -> dict[str, int]:
    """Input includes what was cached, output what was reasoned, as the convention has it."""
    draw, model = request.draw, request.model
    prefix = 1100 + traffic.count_tokens(_system(request.topic))  # instructions and tools, the same in each request
    usage = {
        names.USAGE_INPUT_TOKENS: prefix + traffic.count_tokens(_json(messages)),
        names.USAGE_OUTPUT_TOKENS: traffic.count_tokens(said),
    }
    if model.caches and draw.random() < 0.7:
        usage[names.USAGE_CACHE_READ_TOKENS] = prefix // 128 * 128
    elif model.caches and model.provider == "anthropic":
        usage[names.USAGE_CACHE_WRITE_TOKENS] = prefix
    if model.reasons:
        reasoning = round(draw.lognormvariate(5.2, 0.5))
        usage[names.USAGE_REASONING_TOKENS] = reasoning
        usage[names.USAGE_OUTPUT_TOKENS] += reasoning
    return usage


def _run_tool(request: _Request, tool: str, call_id: str) -> SpanPlan:
    start, end = request.spend(request.draw.lognormvariate(-3.0, 0.5))
    _, arguments, result = corpus.TOOLS[tool]
    return SpanPlan(
        APPLICATION,
        f"execute_tool {tool}",
        "internal",
        start,
        end,
        {
            names.OPERATION_NAME: "execute_tool",
            names.TOOL_NAME: tool,
            names.TOOL_CALL_ID: call_id,
            names.TOOL_CALL_ARGUMENTS: _json(arguments),
            names.TOOL_CALL_RESULT: _json(result),
            **request.shared,
        },
    )


def _system(topic: Topic) -> str:
    return "\n\n".join([corpus.SYSTEM[topic.language], *(text for _, text in topic.documents)])


def _message(role: str, text: str) -> dict[str, object]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
