"""Parts of a message: what OpenAI, Anthropic, Google, Bedrock, Vercel and LangChain write → the convention's parts.

A part is ``{"type": "text", "content": ...}``, ``tool_call``, ``tool_call_response``, ``reasoning``, ``uri``,
``blob``, ``file``, or a free one with its own type.
"""

from collections.abc import Callable
from typing import Any, Final

from haechi_collector import limits
from haechi_collector.stages.messages.values import NOTHING, parse

Part = dict[str, Any]


def text_part(content: str) -> Part:
    """Return a part of plain text."""
    return {"type": "text", "content": content}


def to_parts(content: Any, depth: int = 0) -> list[Part]:
    """Return the parts of a message's content: a text, a part, or a list of both."""
    if content is None or content == "" or depth > limits.CONTENT_DEPTH_MAX:
        return []
    if isinstance(content, str):
        return [text_part(content)]
    if isinstance(content, list):
        return [part for item in content for part in to_parts(item, depth + 1)]
    if isinstance(content, dict):
        inner = content.get("parts")
        return to_parts(inner, depth + 1) if isinstance(inner, list) else [to_part(content)]
    return [{"type": "value", "content": content}]


def to_part(item: dict[str, Any]) -> Part:
    """Return one part; a part of a type that is not known is kept as it is."""
    make = _BY_TYPE.get(item["type"]) if isinstance(item.get("type"), str) else None
    if make is None and "type" not in item:
        make = next((m for key, m in _BY_KEY.items() if key in item), None)
    if make is not None:
        return make(item)
    return item if isinstance(item.get("type"), str) else {**item, "type": "value"}


def is_part(item: Any) -> bool:
    """Say whether an object is a part and nothing else: not a message, not a document."""
    if not isinstance(item, dict) or "role" in item:
        return False
    if "type" in item:
        return isinstance(item["type"], str) and item["type"] in {*_BY_TYPE, "tool_call"}
    return len(item) == 1 and next(iter(item)) in _BY_KEY


def tool_call(item: Any) -> Part:
    """Return a tool call of any provider (``function`` nested or flat) as a part."""
    if not isinstance(item, dict):
        return {"type": "tool_call", "name": "", "arguments": item}
    function = item.get("function")
    flat = {**item, **function} if isinstance(function, dict) else item
    part: Part = {"type": "tool_call", "id": _first(flat, _IDS, None), "name": _first(flat, _NAMES, "")}
    part["arguments"] = parsed(_first(flat, _ARGUMENTS, None))
    used = {"type", "function", "index", *_IDS, *_NAMES, *_ARGUMENTS}
    return part | rest(flat, used)


def parsed(value: Any) -> Any:
    """Return the JSON object or list of a text, anything else unchanged."""
    if isinstance(value, str):
        inner = parse(value)
        return inner if isinstance(inner, dict | list) else value
    return value


def rest(item: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """Return the fields that were not used and say something."""
    return {k: v for k, v in item.items() if k not in used and isinstance(k, str) and not _is_nothing(v)}


def _is_nothing(value: Any) -> bool:
    return value is None or value is NOTHING or (isinstance(value, str | list | dict) and not value)


def _first(item: dict[str, Any], keys: tuple[str, ...], default: Any) -> Any:
    return next((item[k] for k in keys if k in item and item[k] is not None), default)


_IDS: Final = ("call_id", "id", "toolCallId", "toolUseId", "tool_call_id", "tool_use_id")
_NAMES: Final = ("name", "toolName", "tool_name")
_ARGUMENTS: Final = ("arguments", "input", "args", "parameters")
_RESULTS: Final = ("response", "result", "output", "content")


def _text(item: dict[str, Any]) -> Part:
    content = _first(item, ("text", "content", "refusal"), "")
    if isinstance(content, dict):
        content = content.get("value", content)
    return {"type": "text", "content": content} | rest(item, {"type", "text", "content", "refusal"})


def _tool_response(item: dict[str, Any]) -> Part:
    part: Part = {"type": "tool_call_response", "id": _first(item, _IDS, None)}
    response = _first(item, _RESULTS, None)
    if isinstance(response, dict) and set(response) == {"type", "value"}:  # Vercel's typed output
        response = response["value"]
    return part | {"response": _plain(response)} | rest(item, {"type", *_IDS, *_RESULTS})


def _plain(response: Any) -> Any:
    """Return the text of a list that holds one text part, as Anthropic and Bedrock write results."""
    if isinstance(response, list) and len(response) == 1 and isinstance(response[0], dict):
        only = response[0]
        if "text" in only and set(only) <= {"type", "text"}:
            return only["text"]
        if set(only) == {"json"}:
            return only["json"]
    return response


def _reasoning(item: dict[str, Any]) -> Part:
    content = _first(item, ("content", "thinking", "text", "reasoning", "summary", "data"), "")
    used = {"type", "content", "thinking", "text", "reasoning", "summary", "data"}
    return {"type": "reasoning", "content": content} | rest(item, used)


def _image_url(item: dict[str, Any]) -> Part:
    image = item.get("image_url", item.get("image"))
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        return {**item, "type": "image"}
    if url.startswith("data:") and "," in url:
        head, content = url.split(",", 1)
        mime_type = head.removeprefix("data:").removesuffix(";base64")
        return {"type": "blob", "modality": "image", "mime_type": mime_type, "content": content}
    return {"type": "uri", "modality": "image", "uri": url}


def _source(item: dict[str, Any]) -> Part:
    """Read Anthropic's image and document blocks, whose data stand in ``source``."""
    source = item.get("source")
    if not isinstance(source, dict):
        return _image_url(item) if "image" in item and item["type"] == "image" else item
    part: Part = {"type": "blob", "modality": item["type"], "mime_type": source.get("media_type")}
    if "url" in source:
        part = {"type": "uri", "modality": item["type"], "uri": source["url"]}
    elif "file_id" in source:
        part = {"type": "file", "modality": item["type"], "file_id": source["file_id"]}
    else:
        part["content"] = source.get("data", source.get("content"))
    return part | rest(item, {"type", "source"})


def _inline_data(item: dict[str, Any]) -> Part:
    data = _first(item, ("inlineData", "inline_data"), {})
    if not isinstance(data, dict):
        return {**item, "type": "blob"}
    return {"type": "blob", "mime_type": _first(data, ("mimeType", "mime_type"), None), "content": data.get("data")}


def _file_data(item: dict[str, Any]) -> Part:
    data = _first(item, ("fileData", "file_data"), {})
    if not isinstance(data, dict):
        return {**item, "type": "uri"}
    mime_type = _first(data, ("mimeType", "mime_type"), None)
    return {"type": "uri", "mime_type": mime_type, "uri": _first(data, ("fileUri", "file_uri"), "")}


def _nested(make: Callable[[Any], Part], *keys: str) -> Callable[[dict[str, Any]], Part]:
    """Return a reader of parts whose data stand under their only key, as Bedrock and Google write them."""

    def read(item: dict[str, Any]) -> Part:
        inner = _first(item, keys, {})
        return make(inner if isinstance(inner, dict) else {"content": inner})

    return read


def _bedrock_reasoning(item: dict[str, Any]) -> Part:
    inner = item["reasoningContent"]
    text = inner.get("reasoningText") if isinstance(inner, dict) else None
    return _reasoning(text) if isinstance(text, dict) else {"type": "reasoning", "content": text or inner}


_BY_TYPE: Final[dict[str, Callable[[dict[str, Any]], Part]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "summary_text": _text,
    "refusal": _text,
    "tool_use": tool_call,
    "tool-call": tool_call,
    "function_call": tool_call,
    "custom_tool_call": tool_call,
    "tool_result": _tool_response,
    "tool-result": _tool_response,
    "function_call_output": _tool_response,
    "custom_tool_call_output": _tool_response,
    "tool_call_response": _tool_response,
    "thinking": _reasoning,
    "redacted_thinking": _reasoning,
    "reasoning": _reasoning,
    "reasoning_content": _reasoning,
    "image_url": _image_url,
    "input_image": _image_url,
    "image": _source,
    "document": _source,
}
_BY_KEY: Final[dict[str, Callable[[dict[str, Any]], Part]]] = {
    "toolUse": _nested(tool_call, "toolUse"),
    "toolResult": _nested(_tool_response, "toolResult"),
    "functionCall": _nested(tool_call, "functionCall"),
    "function_call": _nested(tool_call, "function_call"),
    "functionResponse": _nested(_tool_response, "functionResponse"),
    "function_response": _nested(_tool_response, "function_response"),
    "inlineData": _inline_data,
    "inline_data": _inline_data,
    "fileData": _file_data,
    "file_data": _file_data,
    "reasoningContent": _bedrock_reasoning,
    "text": _text,
}
