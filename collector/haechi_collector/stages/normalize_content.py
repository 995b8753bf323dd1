"""Content columns: messages, system instructions and tool definitions in the convention's shape, retrieved documents.

Guarantee: what already has the shape passes untouched and unparsed; everything else is converted span by span. A
column is '' or JSON (a list), unless an emitter cut its own JSON short in a way that still ends as a list. The
original leaves the attributes only if the column says all of it. What cannot be read stays there as it came.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import Kind
from haechi_collector.stages.columns import Filling, Mask
from haechi_collector.stages.dialects import Source
from haechi_collector.stages.messages.bodies import Request, Response, to_request, to_response
from haechi_collector.stages.messages.documents import document_texts, joined
from haechi_collector.stages.messages.events import MESSAGE_EVENTS, Conversation, add_event
from haechi_collector.stages.messages.indexed import LAYOUTS, assemble, understands
from haechi_collector.stages.messages.message import Message
from haechi_collector.stages.messages.parts import parsed, to_parts, tool_call
from haechi_collector.stages.messages.values import NOTHING, dump
from haechi_collector.stages.normalize_events import attribute
from haechi_collector.stages.normalize_reader import Reader

_SIGN: Final = {"input_messages": '"parts"', "output_messages": '"parts"', "system_instructions": '"type"'}
"""What stands in a text that already has the column's shape."""

_LIST_OF_OBJECTS: Final = r"^\[\s*\{"
"""The same as a pattern, for the other column."""


@dataclass(slots=True)
class _Converted:
    """What was converted for one column: per row a list, and the entries that it says all of."""

    lists: dict[int, list[Any]] = field(default_factory=dict)
    entries: dict[int, list[int]] = field(default_factory=dict)

    def put(self, row: int, items: list[Any], entries: list[int]) -> None:
        self.lists[row] = items
        self.entries[row] = entries


class ContentReader:
    """Reads the content columns of one batch.

    Args:
        reader: of the same batch.
        finish_reason: folds a provider's finish reason.
        trusting: whether a text that looks right passes unparsed.
    """

    def __init__(self, reader: Reader, finish_reason: Callable[[str], str], trusting: bool = True) -> None:
        self._reader, self._attributes = reader, reader.attributes
        self._finish_reason, self._trusting = finish_reason, trusting
        self._requests: dict[tuple[str, int], Request | None] = {}
        self._used: dict[int, set[str]] = {}
        self._conversations: dict[int, Conversation] = {}
        self.finish_reasons: dict[int, list[str]] = {}
        """Finish reasons that stood only in the answer, by row."""

    def column(self, column: str) -> pa.StringArray:
        """Return a content column but ``retrieved_context``."""
        filling = Filling(len(self._reader.codes), pa.array([""]))
        converted = _Converted()
        for source, rows in self._reader.sources(column):
            if source.shape == "tool_calls":
                self._tool_calls(source, filling.open & rows, converted)
            elif source.shape in LAYOUTS:
                self._family(source, _without(filling.open & rows, converted), converted)
            elif source.shape == "events":
                self._events(column, _without(filling.open & rows, converted), converted)
            else:
                self._entries(column, source, _without(filling.open & rows, converted), filling, converted)
        self._dump(column, converted, filling)
        return filling.column()

    def _entries(self, column: str, source: Source, wanted: Mask, filling: Filling, converted: _Converted) -> None:
        entries = self._reader.entries(source.key, wanted)
        entries = entries[self._attributes.has_document[entries]]
        if source.shape == "parts" and self._trusting:
            texts = self._attributes.long_texts(entries)
            right = _has_shape(column, texts)
            fitting = texts if right.all() else texts.filter(pa.array(right))
            filling.put(self._attributes.row_of[entries[right]], fitting)
            self._attributes.take_away(entries[right])
            entries = entries[~right]
        # One by one: only what has another shape comes here.
        for entry, text in zip(entries.tolist(), self._attributes.texts(entries), strict=True):
            items, whole = self._converted(column, source, entry, text)
            if items:
                converted.put(int(self._attributes.row_of[entry]), items, [entry] if whole else [])

    def _converted(self, column: str, source: Source, entry: int, text: str) -> tuple[list[Any], bool]:
        value = self._reader.value(source, entry, text)
        if value is NOTHING:
            if source.path:
                return [], False
            value = text
        if column == "output_messages":
            response = to_response(value)
            if response is not None and source.shape == "chunks":
                response = Response(_one_message(response.messages), response.whole)
            return ([], False) if response is None else (response.messages, response.whole)
        return self._of_request(column, source, entry, value)

    def _of_request(self, column: str, source: Source, entry: int, value: Any) -> tuple[list[Any], bool]:
        if column == "system_instructions" and source.shape == "parts":
            return to_parts(value), True
        if column == "tool_definitions" and source.shape == "parts":
            return [parsed(v) for v in value] if isinstance(value, list) else [], True
        key = (source.shape, entry)
        if key not in self._requests:
            self._requests[key] = to_request(value)
        request = self._requests[key]
        if request is None:
            return [], False
        self._used.setdefault(entry, set()).add(column)
        items = {"input_messages": request.messages, "system_instructions": request.system}.get(column, request.tools)
        return items, False

    def take_away_requests(self) -> None:
        """Take those request bodies out of the attributes of which every bit stands in a column."""
        for (_, entry), request in self._requests.items():
            if request is not None and request.whole:
                needed = {"input_messages"} if request.messages else set()
                needed |= {"system_instructions"} if request.system else set()
                needed |= {"tool_definitions"} if request.tools else set()
                if needed <= self._used.get(entry, set()):
                    self._attributes.take_away([entry])

    def _tool_calls(self, source: Source, wanted: Mask, converted: _Converted) -> None:
        """Add the calls of an answer to its text, which another attribute holds."""
        entries = self._reader.entries(source.key, wanted)
        for entry, text in zip(entries.tolist(), self._attributes.texts(entries), strict=True):
            value = self._reader.value(source, entry, text)
            row = int(self._attributes.row_of[entry])
            if isinstance(value, list) and value:
                parts = [tool_call(item) for item in value]
                before = converted.lists.get(row)
                if before:
                    before[-1]["parts"] += parts
                    converted.entries[row].append(entry)
                else:
                    converted.put(row, [{"role": "assistant", "parts": parts}], [entry])

    def _family(self, source: Source, wanted: Mask, converted: _Converted) -> None:
        """Assemble what is spread over a family of keys."""
        layout, prefix = LAYOUTS[source.shape], source.key.removesuffix("*")
        keys = [k for k in self._attributes.keys if k.startswith(prefix) and understands(layout, k[len(prefix) :])]
        fields: dict[int, list[tuple[str, Any]]] = {}
        entries_of: dict[int, list[int]] = {}
        entries, places = self._attributes.entries_of(keys)
        here = wanted[self._attributes.row_of[entries]] & self._attributes.has_document[entries]
        entries, rests = entries[here], [keys[place][len(prefix) :] for place in places[here].tolist()]
        rows = self._attributes.row_of[entries].tolist()
        is_json = (self._attributes.kind[entries] == Kind.JSON).tolist()
        texts = [parsed(t) if j else t for t, j in zip(self._attributes.texts(entries), is_json, strict=True)]
        for entry, row, rest, value in zip(entries.tolist(), rows, rests, texts, strict=True):
            fields.setdefault(row, []).append((rest, value))
            entries_of.setdefault(row, []).append(entry)
        for row, values in fields.items():
            items = assemble(layout, values)
            if items:
                converted.put(row, items, entries_of[row])

    def _events(self, column: str, wanted: Mask, converted: _Converted) -> None:
        for row in self._reader.events.by_row:
            if wanted[row]:
                conversation = self._conversation(row)
                items: list[Any] = {
                    "input_messages": conversation.input,
                    "output_messages": conversation.output,
                    "system_instructions": conversation.system,
                    "tool_definitions": conversation.tools,
                }[column]
                if items:
                    converted.put(row, items, [])

    def _conversation(self, row: int) -> Conversation:
        if row not in self._conversations:
            conversation = self._conversations[row] = Conversation()
            for event in self._reader.events.by_row[row]:
                if event.get("name") in MESSAGE_EVENTS:
                    add_event(conversation, event["name"], event.get("attributes"))
        return self._conversations[row]

    def _dump(self, column: str, converted: _Converted, filling: Filling) -> None:
        rows, texts = [], []
        for row, items in converted.lists.items():
            kept = self._finish(row, items) if column == "output_messages" else False
            text = dump(items)
            if text is not None:
                rows.append(row)
                texts.append(text)
                if not kept:
                    self._attributes.take_away(converted.entries[row])
        filling.put(np.array(rows, np.int64), pa.array(texts, pa.string()))

    def _finish(self, row: int, messages: list[Message]) -> bool:
        """Fold the finish reasons of messages; say whether a provider's own word is lost in them."""
        lost = False
        for message in messages:
            reason = message.get("finish_reason")
            if isinstance(reason, str) and reason:
                message["finish_reason"] = self._finish_reason(reason)
                lost |= message["finish_reason"] != reason
                self.finish_reasons.setdefault(row, []).append(message["finish_reason"])
            elif any(part.get("type") == "tool_call" for part in message["parts"]):
                self.finish_reasons.setdefault(row, []).append("tool_call")
        return lost

    # --- retrieved documents --------------------------------------------------------------------------------

    def documents(self, retrieval: Mask) -> dict[int, str]:
        """Return the text of the retrieved documents, by row.

        Args:
            retrieval: rows that are retrievals; outputs of other rows are no documents.
        """
        found: dict[int, list[str]] = {}
        for source, rows in self._reader.sources("retrieved_context"):
            for row, texts in self._documents(source, rows & retrieval, rows):
                if texts:
                    found.setdefault(row, texts)
        return {row: joined(texts) for row, texts in found.items()}

    def _documents(self, source: Source, retrieval: Mask, rows: Mask) -> Iterator[tuple[int, list[str]]]:
        if source.event:
            for row, events in self._reader.events.by_row.items():
                if rows[row]:
                    yield (
                        row,
                        [
                            t
                            for e in events
                            if e.get("name") == source.event
                            for t in _event_document(e, source.attribute)
                        ],
                    )
        elif source.shape in LAYOUTS:
            converted = _Converted()
            self._family(source, rows, converted)
            yield from ((row, document_texts(items)) for row, items in converted.lists.items())
        else:
            entries = self._reader.entries(source.key, retrieval)
            for entry, text in zip(entries.tolist(), self._attributes.texts(entries), strict=True):
                value = self._reader.value(source, entry, text)
                yield int(self._attributes.row_of[entry]), [] if value is NOTHING else document_texts(value)


def _event_document(event: dict[str, Any], key: str) -> list[str]:
    value = attribute(event, key)
    return document_texts(value) if value is not NOTHING else []


def _one_message(messages: list[Message]) -> list[Message]:
    """Join the chunks of a streamed answer: texts that follow each other become one part."""
    parts: list[dict[str, Any]] = []
    for part in (p for m in messages for p in m["parts"]):
        last = parts[-1] if parts else {}
        is_text = part.get("type") == "text" and isinstance(part.get("content"), str)
        if is_text and last.get("type") == "text" and isinstance(last.get("content"), str):
            last["content"] += part["content"]
        else:
            parts.append(dict(part))
    reasons = [m["finish_reason"] for m in messages if m.get("finish_reason")]
    return [{**messages[-1], "parts": parts, **({"finish_reason": reasons[-1]} if reasons else {})}]


def _has_shape(column: str, texts: pa.StringArray) -> Mask:
    right = pc.and_(pc.starts_with(texts, "["), pc.ends_with(texts, "]"))
    sign = _SIGN.get(column)  # a search for plain text is several times as fast as one for a pattern
    shown = pc.match_substring(texts, sign) if sign else pc.match_substring_regex(texts, _LIST_OF_OBJECTS)
    right = pc.and_(right, shown)
    mask: Mask = np.asarray(right.to_numpy(zero_copy_only=False), np.bool_)
    return mask


def _without(wanted: Mask, converted: _Converted) -> Mask:
    """Take the rows that were converted out of a mask."""
    if converted.lists:
        wanted[np.fromiter(converted.lists, np.int64, len(converted.lists))] = False
    return wanted
