"""Which provider answers a path.

A provider is told by the first folder of the path (`/together/v1/chat/completions`), by the host of an absolute-form
target (`http://api.together.xyz/v1/chat/completions`), or by the path itself (`/v1/messages`, `/api/chat`).
"""

import functools
import re
from collections.abc import Callable

from tests.standin import (
    anthropic,
    bedrock,
    cohere,
    cohere_v1,
    compat,
    google,
    google_interactions,
    ollama,
    openai_assistants,
    openai_media,
)
from tests.standin.openai_chat import chat
from tests.standin.openai_responses import count_input_tokens, responses, retrieve
from tests.standin.wire import Reply, Request, json_reply

HOSTS = {
    "api.groq.com": "groq",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.deepseek.com": "deepseek",
    "openrouter.ai": "openrouter",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "xai",
    "api.mistral.ai": "mistral",
}
Serve = Callable[..., Reply]
_COMPATIBLE = "|".join(compat.VENDORS)
_V1 = r"(?:/inference|/openai|/api)?/v1"
_AZURE = r"/openai/deployments/([^/]+)"


def _azure(request: Request, deployment: str) -> Reply:
    return chat(request, compat.azure(deployment))


def _vendor(request: Request, vendor: str) -> Reply:
    return chat(request, compat.VENDORS[vendor])


def _groq(request: Request) -> Reply:
    return chat(request, compat.VENDORS["groq"])


def _mistral(request: Request) -> Reply:
    return chat(request, compat.VENDORS["mistral"])


def _media(prefix: str) -> list[tuple[str, Serve]]:
    return [
        (rf"POST {prefix}/embeddings", openai_media.embeddings),
        (rf"POST {prefix}/images/(?:generations|edits|variations)", openai_media.images),
        (rf"POST {prefix}/audio/transcriptions", openai_media.transcriptions),
        (rf"POST {prefix}/audio/translations", openai_media.translations),
        (rf"POST {prefix}/audio/speech", openai_media.speech),
        (rf"POST {prefix}/moderations", openai_media.moderations),
        (rf"POST {prefix}/completions", openai_media.completions),
    ]


_OPENAI: list[tuple[str, Serve]] = [
    (r"POST /openai/v1/chat/completions", _groq),
    (rf"POST /({_COMPATIBLE})(?:{_V1})?/chat/completions", _vendor),
    (rf"POST {_AZURE}/chat/completions", _azure),
    (rf"POST (?:{_V1})?/chat/completions", chat),
    (rf"POST (?:/azure)?{_V1}/responses", responses),
    (r"POST /openai/responses", responses),
    (r"GET /v1/responses/([^/]+)", retrieve),
    (r"POST /v1/responses/input_tokens", count_input_tokens),
    (r"POST /mistral/v1/(?:fim|agents)/completions", _mistral),
    (r"POST /mistral/v1/embeddings", openai_media.mistral_embeddings),
    *_media(rf"(?:/(?:{_COMPATIBLE}))?{_V1}"),
    *((pattern.replace("([^/]+)", "[^/]+"), serve) for pattern, serve in _media(_AZURE)),
    (r"GET /v1/models", openai_media.models),
    (r"POST /v1/assistants", openai_assistants.assistant),
    (r"POST /v1/threads", openai_assistants.thread),
    (r"POST /v1/threads/runs", openai_assistants.thread_and_run),
    (r"POST /v1/threads/([^/]+)/messages", openai_assistants.message),
    (r"GET /v1/threads/([^/]+)/messages", openai_assistants.messages),
    (r"POST /v1/threads/([^/]+)/runs", openai_assistants.run),
    (r"GET /v1/threads/([^/]+)/runs/[^/]+", openai_assistants.retrieve),
    (r"POST /v1/threads/([^/]+)/runs/[^/]+/submit_tool_outputs", openai_assistants.submit),
]
_VERTEX = r"POST /v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers"
_OTHERS: list[tuple[str, Serve]] = [
    (r"POST /v1/messages", anthropic.messages),
    (r"POST /v1/messages/count_tokens", anthropic.count_tokens),
    (r"POST /v1/messages/batches", anthropic.create_batch),
    (r"GET /v1/messages/batches/([^/]+)", anthropic.get_batch),
    (r"GET /v1/messages/batches/([^/]+)/results", anthropic.batch_results),
    (rf"{_VERTEX}/anthropic/models/count-tokens:rawPredict", anthropic.count_tokens),
    (rf"{_VERTEX}/anthropic/models/([^/:]+):(?:rawPredict|streamRawPredict)", anthropic.messages),
    (r"POST /model/(.+)/converse", bedrock.converse),
    (r"POST /model/(.+)/converse-stream", bedrock.converse_stream),
    (r"POST /model/(.+)/invoke(-with-response-stream)?", bedrock.invoke),
]
_GEMINI = r"POST /v1(?:beta|beta1)?(?:/projects/[^/]+/locations/[^/]+)?(?:/publishers/google)?/models/([^/:]+)"
_OTHERS += [
    (rf"{_GEMINI}:(generateContent|streamGenerateContent)", google.generate),
    (rf"{_GEMINI}:(embedContent|batchEmbedContents)", google.embed),
    (rf"{_GEMINI}:countTokens", google.count_tokens),
    (rf"{_GEMINI}:predict", google.predict),
    (r"POST /v1(?:beta|beta1)?/interactions", google_interactions.create),
    (r"POST /v2/chat", cohere.chat),
    (r"POST /v2/embed", cohere.embed),
    (r"POST /v2/rerank", cohere.rerank),
    (r"POST /v1/chat", cohere_v1.chat),
    (r"POST /v1/embed", cohere_v1.embed),
    (r"POST /v1/rerank", cohere_v1.rerank),
    (r"POST /api/chat", ollama.chat),
    (r"POST /api/generate", ollama.generate),
    (r"POST /api/(?:embed|embeddings)", ollama.embed),
    (r"GET /api/tags", ollama.tags),
]
ROUTES = [(re.compile(pattern), serve) for pattern, serve in [*_OPENAI, *_OTHERS]]


def answer(request: Request) -> Reply:
    """The reply to any request: a provider's, or 404 where the stand-in plays nothing."""
    folder = f"/{vendor}" if (vendor := HOSTS.get(request.host)) else ""
    found = _route(f"{request.method} {folder}{request.path}")
    if found is None:
        return json_reply({"error": {"message": f"The stand-in has no {request.method} {request.path}."}}, 404)
    return found[0](request, *(part for part in found[1] if part is not None))


@functools.lru_cache(1024)
def _route(target: str) -> tuple[Serve, tuple[str, ...]] | None:
    matches = ((serve, pattern.fullmatch(target)) for pattern, serve in ROUTES)
    return next(((serve, match.groups()) for serve, match in matches if match), None)
