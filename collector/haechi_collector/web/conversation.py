"""What was said, as markup: messages as a conversation, a span's own input and output, documents.

Guarantee: every text that an emitter sent is escaped (`html`), and nothing of it is read as markup. A text longer than
`FOLD_CHARS` is folded, so that a page of a hundred long prompts stays a page.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from haechi_collector.web import words_traces as words
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator, Word

FOLD_CHARS: Final = 900
"""Characters of a text that are shown before it is folded. Higher: one prompt fills the screen."""

_ROLES: Final[Mapping[str, tuple[str, Word]]] = {
    "system": ("system", words.SYSTEM),
    "developer": ("system", words.SYSTEM),
    "user": ("user", words.USER),
    "assistant": ("assistant", words.ASSISTANT),
    "tool": ("tool", words.TOOL),
}


def conversation(messages: Sequence[Mapping[str, Any]], t: Translator) -> Html:
    """Return messages in order: with ``role`` and ``parts``, perhaps ``span_id`` and ``finish_reason``."""
    return tag("div", [_message(message, t) for message in messages], class_="c-list")


def _message(message: Mapping[str, Any], t: Translator) -> Html:
    role = str(message.get("role", ""))
    kind, word = _ROLES.get(role, ("other", Word(role, role)))
    finish, span_id = message.get("finish_reason"), message.get("span_id")
    head = tag(
        "header",
        tag("span", t(word), class_="c-role"),
        tag("span", str(finish), class_="c-finish") if finish else None,
    )
    parts = [_part(part, t) for part in message.get("parts", [])]
    return tag("article", head, parts, class_=f"c-message is-{kind}", data_span=str(span_id) if span_id else None)


def _part(part: Any, t: Translator) -> Html:
    match part:
        case {"type": "text", "content": str(text)}:
            return text_of(text, t)
        case {"type": "reasoning", "content": str(text)}:
            return _titled(t(words.REASONING), "", text_of(text, t), "is-reasoning")
        case {"type": "tool_call", "name": name, **rest}:
            return _titled(t(words.TOOL_CALL), str(name), json_of(rest.get("arguments"), t), "is-call")
        case {"type": "tool_call_response", **rest}:
            given = rest.get("response", rest.get("result"))
            return _titled(t(words.TOOL_RESULT), str(rest.get("id") or ""), json_of(given, t), "is-result")
        case str(text):
            return text_of(text, t)
        case _:
            return json_of(part, t)


def _titled(title: str, name: str, body: Html, kind: str) -> Html:
    lead = tag("div", title, " ", tag("code", name) if name else None, class_="c-title")
    return tag("section", lead, body, class_=f"c-part {kind}")


def text_of(text: str, t: Translator) -> Html:
    """Return a text as it stands, folded when it is long."""
    return _folded(text, "c-text", t)


def json_of(value: Any, t: Translator) -> Html:
    """Return a value as indented JSON; a text that holds JSON is shown as what it holds."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return text_of(value, t)
        if isinstance(value, str):
            return text_of(value, t)
    return _folded(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode(), "c-json", t)


def _folded(text: str, kind: str, t: Translator) -> Html:
    body = tag("div", text, class_=kind)
    if len(text) <= FOLD_CHARS:
        return body
    return tag("details", tag("summary", body, tag("span", t(words.MORE), class_="c-more")), class_="c-fold")


def documents(found: Sequence[Mapping[str, str]], t: Translator) -> Html:
    """Return retrieved documents: ``text`` is a JSON list of them, or plain text."""
    shown = [_document(document, t) for one in found for document in _read_documents(one["text"])]
    return tag("ol", [tag("li", one) for one in shown], class_="c-documents")


def _read_documents(text: str) -> list[Any]:
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    return read if isinstance(read, list) else [read]


def _document(document: Any, t: Translator) -> Html:
    if not isinstance(document, dict):
        return json_of(document, t)
    text = next(
        (document[name] for name in ("content", "text", "page_content") if isinstance(document.get(name), str)), None
    )
    if text is None:
        return json_of(document, t)
    facts = [
        f"{name} {document[name]}" for name in ("id", "score", "title", "source") if document.get(name) is not None
    ]
    return Html(tag("div", " · ".join(facts), class_="c-source") + text_of(text, t))
