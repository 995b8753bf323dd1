"""Messages, answers and tools of OpenAI's chat protocol in the convention's message shape. Used where content is on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from haechi._content import (
    Content,
    Message,
    Part,
    blob_part,
    field,
    message,
    own_fields,
    reasoning_part,
    text_message,
    text_part,
    tool_call_part,
    tool_response_part,
    uri_part,
)

_ORDINARY: Final = frozenset({"role", "content"})
"""All that most messages say; asked first, because each further question costs as much as this one."""
_ANSWERING: Final = frozenset({"tool", "function"})


def said(source: Any) -> Message:
    """Return a message of the conversation."""
    role = str(field(source, "role") or "user")
    if role in _ANSWERING:
        return message(role, [tool_response_part(field(source, "tool_call_id"), field(source, "content"))])
    return message(role, parts(source))


def choice(source: Any) -> Message:
    """Return one choice of an answer."""
    answer = field(source, "message")
    role = str(field(answer, "role") or "assistant")
    return message(role, parts(answer), str(field(source, "finish_reason") or ""))


def conversation(given: Sequence[Any], content: Content) -> str:
    """Return messages of the conversation as they are recorded."""
    texts = []
    for source in given:
        if type(source) is not dict or len(source) != 2:
            break
        role = source.get("role")
        if role in _ANSWERING or (text := text_message(role, source.get("content"))) is None:
            break
        texts.append(text)
    else:
        if (told := content.listed(texts)) is not None:
            return told
    return content.json([said(source) for source in given])


def answers(choices: Sequence[Any], content: Content) -> str:
    """Return the choices of an answer as they are recorded."""
    texts = []
    for source in choices:
        own = own_fields(source)
        answer = own.get("message")
        held = own_fields(answer)
        if not _is_text_alone(answer, held):
            break
        text = text_message(held.get("role"), held.get("content"), own.get("finish_reason") or "")
        if text is None:
            break
        texts.append(text)
    else:
        if (told := content.listed(texts)) is not None:
            return told
    return content.json([choice(source) for source in choices])


def _is_text_alone(source: Any, own: Mapping[str, Any]) -> bool:
    """Tell whether all that an object of a client says is a role and a content."""
    if getattr(source, "__pydantic_extra__", None):
        return False
    for name, value in own.items():
        if value and name not in _ORDINARY:
            return False
    return bool(own)


def parts(source: Any) -> list[Part]:
    """Return what a message holds: thoughts, text, sound, calls of tools."""
    own = source if isinstance(source, dict) else own_fields(source)
    if _is_text_alone(source, own):
        return body(own.get("content"))
    thought = field(source, "reasoning_content") or field(source, "reasoning")
    return [
        *([reasoning_part(thought)] if isinstance(thought, str) and thought else []),
        *body(field(source, "content") or field(source, "refusal")),
        *_sound(field(source, "audio")),
        *_calls(source),
    ]


def body(source: Any) -> list[Part]:
    """Return the content of a message, of the chat protocol or of the responses protocol: a text, or parts."""
    if isinstance(source, str):
        return [text_part(source)] if source else []
    return [_part(part) for part in source] if isinstance(source, Iterable) else []


def _part(part: Any) -> Part:
    kind = str(field(part, "type"))
    read = _PARTS.get(kind)
    return read(part) if read is not None else {"type": kind}


def _text(part: Any) -> Part:
    return text_part(field(part, "text") or field(part, "refusal") or "")


def _thinking(part: Any) -> Part:
    """Return a thought as Mistral's client has it, a list of texts."""
    return reasoning_part("".join(field(each, "text") or "" for each in field(part, "thinking") or ()))


def _image(part: Any) -> Part:
    image = field(part, "image_url")
    url = image if isinstance(image, str) else field(image, "url")
    return uri_part("image", url) if url else _file_part(part)


def _audio(part: Any) -> Part:
    sound = field(part, "input_audio")
    return blob_part("audio", field(sound, "format"), field(sound, "data"))


def _file(part: Any) -> Part:
    file = field(part, "file") or part
    if data := field(file, "file_data"):
        return blob_part("file", None, data)
    url = field(file, "file_url")
    return uri_part("file", url) if url else _file_part(file)


def _file_part(source: Any) -> Part:
    return {"type": "file", "file_id": field(source, "file_id")}


_PARTS: Final[Mapping[str, Callable[[Any], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "refusal": _text,
    "image_url": _image,
    "thinking": _thinking,
    "input_image": _image,
    "input_audio": _audio,
    "file": _file,
    "input_file": _file,
}


def _sound(sound: Any) -> list[Part]:
    if sound is None:
        return []
    transcript = field(sound, "transcript")
    spoken = [text_part(transcript)] if transcript else []
    return [*spoken, blob_part("audio", None, field(sound, "data"))]


def _calls(source: Any) -> list[Part]:
    calls = field(source, "tool_calls")
    if isinstance(calls, Iterable):
        return [_call(call) for call in calls]
    function = field(source, "function_call")  # what there was before tools; some servers still speak it
    return [tool_call_part(None, field(function, "name"), field(function, "arguments"))] if function else []


def _call(call: Any) -> Part:
    function = field(call, "function") or field(call, "custom")
    arguments = field(function, "arguments")
    given = field(function, "input") if arguments is None else arguments
    return tool_call_part(field(call, "id"), field(function, "name"), given)


def tool(source: Any) -> dict[str, Any]:
    """Return the definition of a tool, of the chat protocol or of the responses protocol."""
    function = field(source, "function") or source
    made = {"type": field(source, "type") or "function", "name": field(function, "name")}
    for name in ("description", "parameters"):
        if (value := field(function, name)) is not None:
            made[name] = value
    return made
