"""OpenAI's other routes: embeddings, images, audio, moderations, completions, models.

Source: OpenAI's API reference. The numbers in `MEDIA` are what each answer's usage says; they differ from each other
and from those of every chat.
"""

import struct
from collections.abc import Iterator

from tests.standin.facts import Facts, answered, facts
from tests.standin.openai_chat import CREATED
from tests.standin.openai_errors import error_body, refused, request_id
from tests.standin.script import Script, read, text_of
from tests.standin.wire import EVENT_STREAM, Json, Reply, Request, b64, json_reply, named_sse, sse

EMBEDDING_TOKENS = 311
EMBEDDING_DIMENSIONS = 1536
IMAGE_INPUT_TOKENS, IMAGE_OUTPUT_TOKENS = 313, 4160
TRANSCRIPTION_INPUT_TOKENS, TRANSCRIPTION_AUDIO_TOKENS, TRANSCRIPTION_OUTPUT_TOKENS = 317, 301, 37
TRANSCRIPT = "서울의 오늘 날씨는 맑습니다."
TRANSLATION = "The weather in Seoul is clear today."
SPEECH = b"ID3" + bytes(range(256)) * 8
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
MODELS = ("gpt-4o-mini", "gpt-5-mini", "text-embedding-3-small")


def _say(request: Request, script: Script, value: Json) -> Reply:
    return script.send(Reply(json_reply(value).chunks, headers=request_id(request)))


def embeddings(request: Request) -> Reply:
    """One vector for each input: floats, or little-endian float32 in base64."""
    body = request.json()
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    if inputs and isinstance(inputs[0], int):
        inputs = [inputs]
    script = read(" ".join(text for text in inputs if isinstance(text, str)), body["model"])
    if error := refused(request, script):
        return error
    size = body.get("dimensions") or EMBEDDING_DIMENSIONS
    coded = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": n, "embedding": _packed(n, size) if coded else vector(n, size)}
        for n in range(len(inputs))
    ]
    usage = {"prompt_tokens": EMBEDDING_TOKENS, "total_tokens": EMBEDDING_TOKENS}
    value = {"object": "list", "data": data, "model": answered(body["model"]), "usage": usage}
    return _say(request, script, value)


def mistral_embeddings(request: Request) -> Reply:
    """Mistral's embeddings, which have an id."""
    body = request.json()
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    script = read(" ".join(inputs), body["model"])
    size = body.get("output_dimension") or EMBEDDING_DIMENSIONS
    data = [{"object": "embedding", "index": n, "embedding": vector(n, size)} for n in range(len(inputs))]
    usage = {"prompt_tokens": EMBEDDING_TOKENS, "completion_tokens": 0, "total_tokens": EMBEDDING_TOKENS}
    value: Json = {"id": request.own(""), "object": "list", "data": data, "model": body["model"], "usage": usage}
    return refused(request, script) or _say(request, script, value)


def vector(index: int, size: int) -> list[float]:
    """The vector of input `index`: exact in float32, so that both codings agree."""
    return [((index * 7 + place) % 64 - 32) / 64 for place in range(size)]


def _packed(index: int, size: int) -> str:
    return b64(struct.pack(f"<{size}f", *vector(index, size)))


def images(request: Request) -> Reply:
    """`n` images of one pixel, or their stream with one partial image."""
    body = request.json() if request.headers.get("content-type", "").startswith("application/json") else {}
    script = read(body.get("prompt") or request.form("prompt"), body.get("model") or request.form("model"))
    if error := refused(request, script):
        return error
    usage: Json = {
        "input_tokens": IMAGE_INPUT_TOKENS,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": IMAGE_INPUT_TOKENS},
        "output_tokens": IMAGE_OUTPUT_TOKENS,
        "total_tokens": IMAGE_INPUT_TOKENS + IMAGE_OUTPUT_TOKENS,
    }
    look = {"background": "opaque", "output_format": "png", "quality": "low", "size": "1024x1024"}
    if body.get("stream"):
        seen = {"b64_json": b64(PNG), "created_at": CREATED, **look}
        partial = {"type": "image_generation.partial_image", "partial_image_index": 0, **seen}
        done = {"type": "image_generation.completed", "usage": usage, **seen}
        chunks = named_sse([partial, done])
        return script.send(Reply(chunks, content_type=EVENT_STREAM, headers=request_id(request), streamed=True))
    data = [{"b64_json": b64(PNG)} for _ in range(body.get("n") or 1)]
    return _say(request, script, {"created": CREATED, "data": data, "usage": usage, **look})


def transcriptions(request: Request) -> Reply:
    """A transcript as JSON or plain text, or its stream; `prompt` may hold markers."""
    script = read(request.form("prompt"), request.form("model"))
    if error := refused(request, script):
        return error
    usage: Json = {
        "type": "tokens",
        "input_tokens": TRANSCRIPTION_INPUT_TOKENS,
        "input_token_details": {
            "audio_tokens": TRANSCRIPTION_AUDIO_TOKENS,
            "text_tokens": TRANSCRIPTION_INPUT_TOKENS - TRANSCRIPTION_AUDIO_TOKENS,
        },
        "output_tokens": TRANSCRIPTION_OUTPUT_TOKENS,
        "total_tokens": TRANSCRIPTION_INPUT_TOKENS + TRANSCRIPTION_OUTPUT_TOKENS,
    }
    if request.form("stream") == "true":
        deltas = [{"type": "transcript.text.delta", "delta": word + " "} for word in TRANSCRIPT.split()]
        done = {"type": "transcript.text.done", "text": TRANSCRIPT, "usage": usage}
        chunks = sse([*deltas, done])
        return script.send(Reply(chunks, content_type=EVENT_STREAM, headers=request_id(request), streamed=True))
    if request.form("response_format") == "text":
        return Reply([TRANSCRIPT.encode() + b"\n"], content_type="text/plain; charset=utf-8")
    return _say(request, script, {"text": TRANSCRIPT, "usage": usage})


def translations(request: Request) -> Reply:
    """The transcript in English."""
    script = read(request.form("prompt"), request.form("model"))
    return refused(request, script) or _say(request, script, {"text": TRANSLATION})


def speech(request: Request) -> Reply:
    """Bytes that stand for an MP3 file, in several chunks."""
    body = request.json()
    script = read(body["input"], body["model"])
    chunks = [SPEECH[at : at + 512] for at in range(0, len(SPEECH), 512)]
    sound = Reply(chunks, content_type="audio/mpeg", headers=request_id(request), streamed=True)
    return refused(request, script) or script.send(sound)


def moderations(request: Request) -> Reply:
    """One result for each input; nothing is flagged."""
    body = request.json()
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    script = read(text_of(body["input"]), body.get("model") or "")
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0001),
        "category_applied_input_types": {category: ["text"] for category in _CATEGORIES},
    }
    value = {"id": request.own("modr-"), "model": body.get("model"), "results": [result] * len(inputs)}
    return refused(request, script) or _say(request, script, value)


def completions(request: Request) -> Reply:
    """A text completion (the API before chat), plain or streamed."""
    body = request.json()
    prompt = body["prompt"] if isinstance(body["prompt"], str) else " ".join(map(str, body["prompt"]))
    script = read(prompt, body["model"])
    if error := refused(request, script):
        return error
    told = facts("openai", script, body["model"])
    if not body.get("stream"):
        return _say(request, script, _completion(request, told, told.text, told.finish_reason) | _usage(told))
    chunks = sse(_completion_chunks(request, body, script, told), done=not script.failing)
    return script.send(Reply(chunks, content_type=EVENT_STREAM, headers=request_id(request), streamed=True))


def _completion_chunks(request: Request, body: Json, script: Script, told: Facts) -> Iterator[Json]:
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    empty = {"usage": None} if asked else {}
    for place, fragment in enumerate(told.fragments):
        if script.failing and place == len(told.fragments) // 2:
            yield error_body(500)
            return
        yield _completion(request, told, fragment, None) | empty
    yield _completion(request, told, "", told.finish_reason) | empty
    if asked and script.usage:
        yield {**_completion(request, told, "", None), "choices": [], **_usage(told)}


def _usage(told: Facts) -> Json:
    counts = {"prompt_tokens": told.input_tokens, "completion_tokens": told.output_tokens}
    return {"usage": {**counts, "total_tokens": told.total_tokens}}


def _completion(request: Request, told: Facts, text: str, reason: str | None) -> Json:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}
    head: Json = {"id": request.own("cmpl-"), "object": "text_completion", "created": CREATED}
    return {**head, "model": told.response_model, "choices": [choice]}


def models(_request: Request) -> Reply:
    """The list of models."""
    data = [{"id": name, "object": "model", "created": CREATED, "owned_by": "system"} for name in MODELS]
    return json_reply({"object": "list", "data": data})
