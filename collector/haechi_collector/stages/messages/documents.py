"""Retrieved documents of any store → the text that an answer should be grounded in."""

from typing import Any, Final

from haechi_collector import limits

_TEXT: Final = ("page_content", "content", "text", "document", "snippet", "chunk", "body", "passage")
_LISTS: Final = ("documents", "output", "outputs", "results", "matches", "hits", "ranking", "source_documents", "data")


def document_texts(value: Any, depth: int = 0) -> list[str]:
    """Return the texts of the documents in a value: lists, wrappers of lists, objects with a text, bare texts."""
    if depth > limits.CONTENT_DEPTH_MAX:
        return []
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [text for item in value for text in document_texts(item, depth + 1)]
    if not isinstance(value, dict):
        return []
    own = next((value[k] for k in _TEXT if isinstance(value.get(k), str) and value[k]), None)
    if own is not None:
        return [own]
    inner = next((value[k] for k in (*_TEXT, *_LISTS, "kwargs") if isinstance(value.get(k), list | dict)), None)
    return [] if inner is None else document_texts(inner, depth + 1)


def joined(texts: list[str]) -> str:
    """Return the documents as one text, one per paragraph, repeated ones once, cut at the declared length."""
    text = "\n\n".join(dict.fromkeys(texts))
    return text[: limits.RETRIEVED_CONTEXT_CHARS_MAX]
