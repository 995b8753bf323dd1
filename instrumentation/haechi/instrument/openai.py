"""Observes the OpenAI client, and every provider that it is pointed at.

What is observed: chat completions, responses, completions, embeddings, images, sound, moderations, runs of assistants.
The helpers (``stream``, ``create_and_poll``, runners of tools ...) go through these methods. What is not: realtime and
other sockets, batches, fine-tuning, files.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from haechi import streams
from haechi._endpoints import Kwargs, Patches, around, around_async
from haechi.instrument import _openai_assistants as assistants
from haechi.instrument import _openai_facts as chat
from haechi.instrument import _openai_media as media
from haechi.instrument import _openai_responses as responses
from haechi.instrument import _openai_text as text
from haechi.instrument._openai_background import fetching, fetching_async
from haechi.instrument._openai_methods import Method
from haechi.instrument._openai_streams import ChatReader
from haechi.instrument._openai_usage import forgiving, forgiving_async

CHAT: Final = Method("chat", chat.asked, chat.answered, ChatReader, asks_usage=True)
TEXT: Final = Method("text_completion", text.asked, text.continued, text.TextReader, asks_usage=True)
RESPONSE: Final = Method("chat", responses.asked, responses.told, responses.ResponseReader)
RUN: Final = Method("chat", assistants.asked, assistants.told, assistants.RunReader)
EMBEDDINGS: Final = Method("embeddings", media.embeddings_asked, media.embedded)
MODERATION: Final = Method("moderation", media.moderation_asked, media.moderated)
IMAGE: Final = Method("generate_content", media.image_asked, media.image_made, media.EventReader)
TRANSCRIPT: Final = Method("generate_content", media.sound_asked, media.written_down, media.EventReader)
SPEECH: Final = Method("generate_content", media.speech_asked, media.spoken)

_METHODS: Final[Mapping[str, tuple[str, Mapping[str, Method]]]] = {
    "audio.speech": ("Speech", {"create": SPEECH}),
    "audio.transcriptions": ("Transcriptions", {"create": TRANSCRIPT}),
    "audio.translations": ("Translations", {"create": TRANSCRIPT}),
    "beta.chat.completions": ("Completions", {"parse": CHAT}),  # where `parse` was before 1.92
    "beta.threads.runs.runs": ("Runs", {"create": RUN, "submit_tool_outputs": RUN}),
    "beta.threads.threads": ("Threads", {"create_and_run": RUN}),
    "chat.completions.completions": ("Completions", {"create": CHAT, "parse": CHAT}),
    "completions": ("Completions", {"create": TEXT}),
    "embeddings": ("Embeddings", {"create": EMBEDDINGS}),
    "images": ("Images", {"generate": IMAGE, "edit": IMAGE, "create_variation": IMAGE}),
    "moderations": ("Moderations", {"create": MODERATION}),
    "responses.responses": ("Responses", {"create": RESPONSE, "parse": RESPONSE, "compact": RESPONSE}),
}
"""By module: its class, whose asynchronous twin is named ``Async...``, and the methods that are observed."""

_FETCHED: Final[Mapping[str, Method]] = {"responses.responses": RESPONSE, "beta.threads.runs.runs": RUN}
_HELPERS: Final = {
    "openai.lib.streaming.chat._completions": "ChatCompletionStream",
    "openai.lib.streaming.responses._responses": "ResponseStream",
}
"""Streams that read a stream of ours, and close its connection without closing it."""


def patch(module: ModuleType, patches: Patches) -> None:
    """Observe one of the client's modules."""
    if (helper := _HELPERS.get(module.__name__)) is not None:
        patches.put(getattr(module, helper), "close", _closing)
        patches.put(getattr(module, f"Async{helper}"), "close", _closing_async)
        return
    name = module.__name__.removeprefix("openai.resources.")
    owner, methods = _METHODS[name]
    put(patches, module, owner, methods)
    if (fetched := _FETCHED.get(name)) is not None:
        patches.put(getattr(module, owner), "retrieve", fetching(fetched))
        patches.put(getattr(module, f"Async{owner}"), "retrieve", fetching_async(fetched))


def put(patches: Patches, module: ModuleType, owner: str, methods: Mapping[str, Method]) -> None:
    """Observe methods of a class and of its asynchronous twin, in a client that is made as OpenAI's is."""
    for name, method in methods.items():
        plain, asynchronous = around(method), around_async(method)
        if method.asks_usage:
            plain, asynchronous = forgiving(plain), forgiving_async(asynchronous)
        patches.put(getattr(module, owner), name, plain)
        patches.put(getattr(module, f"Async{owner}"), name, asynchronous)


def _closing(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    try:
        return wrapped(*args, **kwargs)
    finally:
        streams.let_go(instance._raw_stream)  # noqa: SLF001  the helper has no public way to it


async def _closing_async(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: Kwargs) -> Any:
    try:
        return await wrapped(*args, **kwargs)
    finally:
        streams.let_go(instance._raw_stream)  # noqa: SLF001  the helper has no public way to it
