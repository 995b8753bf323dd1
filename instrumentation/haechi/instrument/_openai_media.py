"""What OpenAI's protocol says of embeddings, images, sound and moderation."""

from collections.abc import Iterable
from typing import Any

from haechi._content import Content, Part, blob_part, field, message, text_part, uri_part
from haechi._endpoints import Kwargs
from haechi.instrument._openai_facts import parameters, response_facts
from haechi.instrument._openai_responses import usage_facts
from haechi.spans import Facts
from haechi_schemas import attributes as names


def embeddings_asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return what is to be embedded, and how."""
    facts: Facts = {}
    if isinstance(form := kwargs.get("encoding_format"), str):
        facts[names.REQUEST_ENCODING_FORMATS] = [form]
    if isinstance(size := kwargs.get("dimensions"), int):
        facts[names.EMBEDDINGS_DIMENSION_COUNT] = size
    return facts | input_facts(kwargs.get("input"), content)


def embedded(response: Any, content: Content) -> Facts:
    """Return what an answer with embeddings says; of the vectors, how long they are."""
    del content
    facts = response_facts(response)
    data = field(response, "data")
    vector = field(data[0], "embedding") if data else None
    if isinstance(vector, list):
        facts[names.EMBEDDINGS_DIMENSION_COUNT] = len(vector)
    return facts


def moderation_asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return what is to be judged."""
    return input_facts(kwargs.get("input"), content)


def moderated(response: Any, content: Content) -> Facts:
    """Return which model judged."""
    del content
    return response_facts(response)


def image_asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return which images are asked for."""
    return {**parameters(kwargs), names.OUTPUT_TYPE: "image", **input_facts(kwargs.get("prompt"), content)}


def image_made(response: Any, content: Content) -> Facts:
    """Return what an answer with images says; of each image, its address or its size."""
    facts = _usage(response)
    data = field(response, "data") or ()
    if content.on and data:
        facts[names.OUTPUT_MESSAGES] = content.json([message("assistant", [_image(image) for image in data], "stop")])
    return facts


def _image(image: Any) -> Part:
    url = field(image, "url")
    return uri_part("image", url) if url else blob_part("image", None, field(image, "b64_json"))


def sound_asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return what is to be written down."""
    return {**parameters(kwargs), names.OUTPUT_TYPE: "text", **input_facts(kwargs.get("prompt"), content)}


def written_down(response: Any, content: Content) -> Facts:
    """Return what a transcript says. Servers answer with an object, or with the text alone."""
    facts = _usage(response)
    text = response if isinstance(response, str) else field(response, "text")
    if content.on and isinstance(text, str):
        facts[names.OUTPUT_MESSAGES] = content.json([message("assistant", [text_part(text)], "stop")])
    return facts


def speech_asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return what is to be spoken."""
    return {names.OUTPUT_TYPE: "speech", **input_facts(kwargs.get("input"), content)}


def spoken(response: Any, content: Content) -> Facts:
    """Return nothing: sound comes without usage."""
    del response, content
    return {}


class EventReader:
    """Reads a stream of which the last event alone says something: images, transcripts."""

    __slots__ = ("_content", "_text", "_usage")

    def __init__(self, content: Content, _hide_usage: bool) -> None:
        self._content = content
        self._text: str | None = None
        self._usage: Any = None

    def read(self, event: Any) -> bool:
        """Take an event in."""
        if (usage := getattr(event, "usage", None)) is not None:
            self._usage = usage
        if event.type == "transcript.text.done":
            self._text = event.text
        return True

    def facts(self) -> Facts:
        """Return what the last event said."""
        facts = _counts(self._usage)
        if self._content.on and self._text is not None:
            answer = message("assistant", [text_part(self._text)], "stop")
            facts[names.OUTPUT_MESSAGES] = self._content.json([answer])
        return facts


def _usage(response: Any) -> Facts:
    return _counts(field(response, "usage"))


def _counts(usage: Any) -> Facts:
    """Return token counts, or seconds where sound is billed by time."""
    if usage is None:
        return {}
    seconds = field(usage, "seconds")
    return {names.USAGE_AUDIO_INPUT_S: float(seconds)} if isinstance(seconds, int | float) else usage_facts(usage)


def input_facts(value: Any, content: Content) -> Facts:
    """Return texts as one message each, tokens and images as their number, where content is wanted."""
    if not content.on or not (value := _texts(value)):
        return {}
    return {names.INPUT_MESSAGES: content.json([message("user", [part]) for part in value])}


def _texts(value: Any) -> list[Part]:
    if isinstance(value, str):
        return [text_part(value)]
    if not isinstance(value, list | tuple):
        return []
    if value and all(isinstance(item, int) for item in value):
        return [{"type": "tokens", "size": len(value)}]
    return [part for item in value for part in (_texts(item) or _other(item))]


def _other(item: Any) -> Iterable[Part]:
    match field(item, "type"):
        case "text":
            yield text_part(field(item, "text") or "")
        case "image_url":
            yield uri_part("image", str(field(field(item, "image_url"), "url") or ""))
