"""Retrievals: what was looked for, and the documents that were found, so that an answer can be held against them.

Guarantee: one retrieval is one span. A store that is asked by a framework's retriever makes no second one; it tells
the retriever's span where it looked, and how near each document was.

Format of the documents: ``[{"id": ..., "content": ..., "score": ...}]``. With content off there are none, only their
number. ``score`` is what the store calls it, a similarity or a distance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.context import Context, create_key, get_current
from opentelemetry.trace import SpanKind

from haechi import _guard, _wrapping
from haechi._content import Content
from haechi.instrument import _steps
from haechi.instrument._steps import Called, Opening, Ordinary
from haechi.spans import Facts
from haechi_schemas import attributes as names

DOCUMENTS_MAX: Final = 200
"""Documents that are recorded of one retrieval. No prompt holds more; a scroll through a store returns thousands."""

_TEXT_KEYS: Final = ("page_content", "document", "text", "content", "chunk", "chunk_text", "body")

_ASKED_BY: Final = create_key("haechi-retriever")


@dataclass(slots=True)
class Document:
    """One document that was found. ``score`` is None where nobody said."""

    id: str | None
    content: str | None
    score: float | None = None

    def told(self) -> dict[str, Any]:
        """Return the document as it is recorded, without what is unknown."""
        known = {"id": self.id, "content": self.content, "score": self.score}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(slots=True)
class Looked:
    """What the stores underneath have told a retriever."""

    facts: Facts = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def asked_by(within: Context | None = None) -> Looked | None:
    """Return where to tell the retriever on whose behalf a store is asked, None where there is none."""
    found = (get_current() if within is None else within).get(_ASKED_BY)
    return found if isinstance(found, Looked) else None


def retriever(name: str, query: object, content: Content, within: Context | None = None) -> Opening | None:
    """Return the retrieval that a framework's retriever begins; None inside of another one.

    Retrievers are built of retrievers (an ensemble, a compressor): the outermost one tells what the application got.
    """
    if asked_by(within) is not None:
        return None
    facts: Facts = {}
    if content.on and isinstance(query, str):
        facts[names.RETRIEVAL_QUERY_TEXT] = content.text(query)
    return Opening("retrieval", name, facts, within, marks=Context({_ASKED_BY: Looked()}))


def looked(opening: Opening) -> Looked:
    """Return what stores tell inside of an opened retrieval."""
    found = opening.marks[_ASKED_BY]
    return found if isinstance(found, Looked) else Looked()


def found_facts(documents: Sequence[Document], content: Content, below: Looked | None = None) -> Facts:
    """Return what is recorded of the documents that a retrieval found."""
    facts: Facts = {**below.facts} if below else {}
    facts[names.RETRIEVAL_DOCUMENT_COUNT] = len(documents)
    if content.on:
        for document in documents if below else ():
            if document.score is None and document.id is not None:
                document.score = below.scores.get(document.id) if below else None
        facts[names.RETRIEVAL_DOCUMENTS] = content.json([found.told() for found in documents[:DOCUMENTS_MAX]])
    return facts


def text_of(record: Mapping[str, Any]) -> str | None:
    """Return the text of a record that may be called anything: by its usual names, else the longest there is."""
    texts = {key: value for key, value in record.items() if isinstance(value, str)}
    named = next((texts[key] for key in _TEXT_KEYS if key in texts), None)
    return named if named is not None else max(texts.values(), key=len, default=None)


class Store(Ordinary):
    """A query of a vector store: what is the same for all stores."""

    system = ""
    """The store's name as in ``db.system.name``."""

    def where(self, called: Called) -> str | None:
        """Return the collection, index or table that is asked."""
        raise NotImplementedError

    def asked(self, called: Called) -> Mapping[str, Any]:
        """Return what else is known of the question; what is None is left out."""
        raise NotImplementedError

    def question(self, called: Called) -> object:
        """Return the question in words, None where only its vector is known."""
        del called
        return None

    def found(self, called: Called, result: Any) -> list[Document]:
        """Return the documents that the answer holds."""
        raise NotImplementedError

    def facts(self, called: Called) -> Facts:
        """Return where it looks and for what."""
        where = self.where(called)
        known = {names.DB_SYSTEM_NAME: self.system, names.DATA_SOURCE_ID: where, **self.asked(called)}
        return {name: value for name, value in known.items() if value is not None}

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the retrieval that begins. What it asks of the store further is part of it."""
        facts = self.facts(called)
        question = self.question(called) if content.on else None
        if isinstance(question, str):
            facts[names.RETRIEVAL_QUERY_TEXT] = content.text(question)
        marks = Context({_ASKED_BY: Looked()})
        return Opening("retrieval", self.where(called) or "", facts, kind=SpanKind.CLIENT, marks=marks)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return the documents."""
        return found_facts(self.found(called, result), content, looked(opening))


class _Telling:
    """The run of a query that a retriever's retrieval makes: it only tells what it knows."""

    __slots__ = ("_called", "_looked", "_store")

    def __init__(self, store: Store, called: Called, told: Looked) -> None:
        self._store = store
        self._called = called
        self._looked = told

    def item(self, item: object) -> None:
        """A query is no generator."""

    def stop(self, result: object) -> None:
        """Tell the retriever."""
        with _KEPT:
            self._looked.facts |= self._store.facts(self._called)
            found = self._store.found(self._called, result)
            self._looked.scores |= {d.id: d.score for d in found if d.id is not None and d.score is not None}

    def fail(self, error: BaseException) -> None:
        """The retriever fails with it, or not."""


def begin(store: Store) -> _wrapping.Begin:
    """Return what makes the run of each query of a store."""
    begin_step = _steps.begin(store)

    def begin_query(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _wrapping.Run:
        told = asked_by()
        return begin_step(args, kwargs) if told is None else _Telling(store, Called(args, kwargs), told)

    return begin_query


_KEPT: Final = _guard.Kept("observing a vector store")
