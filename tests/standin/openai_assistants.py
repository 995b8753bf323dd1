"""OpenAI's Assistants (`/v1/assistants`, `/v1/threads`), which its newest client still ships.

Source: OpenAI's API reference. An API of many objects, played without keeping any: a thread's id carries the scenario
that its first messages asked for (`thread_tool_standin000003`), and a run ends as soon as it has begun.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.standin.facts import Facts, facts
from tests.standin.openai_chat import CREATED
from tests.standin.openai_errors import error_body, refused, request_id
from tests.standin.script import ANSWERS, Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, encode, json_reply

_THREAD = re.compile(r"thread_([a-z_]+)_standin\d+")
_RUN_MODEL = "gpt-4o-mini"


@dataclass(frozen=True, slots=True)
class _Run:
    """One run being played."""

    request: Request
    body: Json
    thread: str
    script: Script
    facts: Facts

    def made(self, kind: str, object_: str) -> Json:
        """The fields that every object of this run begins with."""
        return {"id": self.request.own(f"{kind}_"), "object": object_, "created_at": CREATED, "thread_id": self.thread}


def assistant(request: Request) -> Reply:
    """`POST /v1/assistants`."""
    body = request.json()
    made = {"id": request.own("asst_"), "object": "assistant", "created_at": CREATED, "model": body["model"]}
    told = {key: body.get(key) for key in ("name", "description", "instructions")}
    return json_reply({**made, **told, "tools": body.get("tools") or [], "metadata": body.get("metadata") or {}})


def thread(request: Request) -> Reply:
    """`POST /v1/threads`."""
    return json_reply(_thread(_thread_id(request, request.json())))


def message(request: Request, thread_id: str) -> Reply:
    """`POST /v1/threads/{id}/messages`."""
    said: Json = request.json()
    made: Json = {"id": request.own("msg_"), "object": "thread.message", "created_at": CREATED, "thread_id": thread_id}
    made |= {"status": "completed", "role": said["role"], "content": _content(text_of(said["content"]))}
    return json_reply({**made, "assistant_id": None, "run_id": None, "attachments": [], "metadata": {}})


def messages(_request: Request, thread_id: str) -> Reply:
    """`GET /v1/threads/{id}/messages`: the assistant's answer alone."""
    made = Request(0, "GET", "", "", "", {}, b"", b"")
    script = _script(thread_id, {})
    it = _Run(made, {}, thread_id, script, facts("openai", script, _RUN_MODEL))
    answer = _message(it, it.facts.text)
    return json_reply(
        {"object": "list", "data": [answer], "first_id": answer["id"], "last_id": answer["id"], "has_more": False}
    )


def run(request: Request, thread_id: str) -> Reply:
    """`POST /v1/threads/{id}/runs`, plain or streamed."""
    return _play(request, request.json(), thread_id)


def thread_and_run(request: Request) -> Reply:
    """`POST /v1/threads/runs`."""
    body = request.json()
    return _play(request, body, _thread_id(request, body.get("thread") or {}))


def retrieve(request: Request, thread_id: str) -> Reply:
    """`GET /v1/threads/{id}/runs/{run}`: polled by the client's helpers until it has ended."""
    script = _script(thread_id, {})
    it = _Run(request, {}, thread_id, script, facts("openai", script, _RUN_MODEL))
    return Reply(json_reply(_run(it, "completed")).chunks, headers={"openai-poll-after-ms": "1"})


def submit(request: Request, thread_id: str) -> Reply:
    """`POST /v1/threads/{id}/runs/{run}/submit_tool_outputs`: the closing answer."""
    return _play(
        request, request.json(), thread_id.replace("_tools_", "_tool_answer_").replace("_tool_", "_tool_answer_")
    )


def _play(request: Request, body: Json, thread_id: str) -> Reply:
    script = _script(thread_id, body)
    if error := refused(request, script):
        return error
    it = _Run(request, body, thread_id, script, facts("openai", script, body.get("model") or _RUN_MODEL))
    if not body.get("stream"):
        return script.send(Reply(json_reply(_run(it, _ended(it))).chunks, headers=request_id(request)))
    chunks = [b"event: %b\ndata: %b\n\n" % (name.encode(), encode(value)) for name, value in _events(it)]
    chunks.append(b"event: done\ndata: [DONE]\n\n")
    return script.send(Reply(chunks, content_type=EVENT_STREAM, headers=request_id(request), streamed=True))


def _thread_id(request: Request, body: Json) -> str:
    said = " ".join(text_of(message["content"]) for message in body.get("messages") or ())
    return request.own(f"thread_{read(said).answer}_")


def _thread(thread_id: str) -> Json:
    return {"id": thread_id, "object": "thread", "created_at": CREATED, "metadata": {}, "tool_resources": {}}


def _script(thread_id: str, body: Json) -> Script:
    """The scenario of the run's own words, else the thread's."""
    said = " ".join(text_of(message["content"]) for message in body.get("additional_messages") or ())
    script = read(f"{body.get('instructions') or ''} {said}", body.get("model") or "")
    named = _THREAD.fullmatch(thread_id)
    if script.answer == "chat" and named and named[1] in ANSWERS:
        script = script.with_(answer=named[1])
    return script


def _ended(it: _Run) -> str:
    if it.script.failing:
        return "failed"
    return "requires_action" if it.facts.tool_calls else "completed"


def _run(it: _Run, status: str) -> Json:
    ended = status in {"completed", "failed"}
    usage = {"prompt_tokens": it.facts.input_tokens, "completion_tokens": it.facts.output_tokens}
    value = it.made("run", "thread.run") | {"assistant_id": it.body.get("assistant_id") or "asst_standin"}
    value |= {"status": status, "model": it.body.get("model") or _RUN_MODEL, "instructions": "", "tools": []}
    value |= {"started_at": CREATED, "completed_at": CREATED if ended else None, "parallel_tool_calls": True}
    value |= {"usage": {**usage, "total_tokens": it.facts.total_tokens} if ended else None, "metadata": {}}
    if status == "requires_action":
        value["required_action"] = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": _calls(it)}}
    if status == "failed":
        value["last_error"] = {"code": "server_error", "message": error_body(500)["error"]["message"]}
    return value


def _calls(it: _Run) -> list[Json]:
    calls = enumerate(it.facts.tool_calls)
    functions = [(n, {"name": call.name, "arguments": call.arguments_json}) for n, call in calls]
    return [{"id": f"{it.request.own('call_')}{n}", "type": "function", "function": it_} for n, it_ in functions]


def _content(text: str) -> list[Json]:
    return [{"type": "text", "text": {"value": text, "annotations": []}}]


def _message(it: _Run, text: str | None) -> Json:
    made = it.made("msg", "thread.message") | {"role": "assistant", "assistant_id": "asst_standin"}
    made |= {"run_id": it.request.own("run_"), "attachments": [], "metadata": {}}
    if text is None:
        return {**made, "status": "in_progress", "content": []}
    return {**made, "status": "completed", "content": _content(text), "completed_at": CREATED}


def _events(it: _Run) -> Iterator[tuple[str, Json]]:
    for status in ("created", "queued", "in_progress"):
        yield f"thread.run.{status}", _run(it, "queued" if status == "created" else status)
    if it.facts.text and not it.script.failing:
        yield from _message_events(it)
    status = _ended(it)
    yield f"thread.run.{status}", _run(it, status)


def _message_events(it: _Run) -> Iterator[tuple[str, Json]]:
    yield "thread.message.created", _message(it, None)
    yield "thread.message.in_progress", _message(it, None)
    for fragment in it.facts.fragments:
        part = {"index": 0, "type": "text", "text": {"value": fragment}}
        delta = {"id": it.request.own("msg_"), "object": "thread.message.delta", "delta": {"content": [part]}}
        yield "thread.message.delta", delta
    yield "thread.message.completed", _message(it, it.facts.text)
