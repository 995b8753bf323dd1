"""The dialects of LLM instrumentations, read once from ``haechi_schemas/dialects/*.toml`` into frozen values.

Guarantee: what is loaded is well formed. An unknown key, a wrong type, an unknown column, shape, unit or fold is
a `SettingError` that names file, column and position.

One file is one dialect; ``words.toml`` holds what all share: the canonical words of operations, providers, finish
reasons and error types. A file says how its dialect is recognised, and per column an ordered list of sources, each
an attribute (``key``) or a span event (``event``). The first source with a value wins. Behind a dialect's own
sources stand those of the base dialect (``otel-genai``), and in the columns that one library stamps onto the spans
of others (`SHARED`) those of every dialect.

Format of a source: a plain text is ``{ key = text }``; see `Source` for all keys.
"""

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, TypeVar

from haechi_collector.errors import SettingError

_T = TypeVar("_T")

BASE: Final = "otel-genai"
WORDS_FILE: Final = "words.toml"

TEXT_COLUMNS: Final = (
    "operation",
    "provider",
    "request_model",
    "response_model",
    "response_id",
    "error_type",
    "user_id",
    "session_id",
    "prompt_name",
    "prompt_version",
    "experiment",
    "variant",
)
NUMBER_COLUMNS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "reported_cost",
)
FLAG_COLUMNS: Final = ("is_streaming", "is_error", "is_log_span")
CONTENT_COLUMNS: Final = (
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
    "retrieved_context",
)
COLUMNS: Final = (*TEXT_COLUMNS, *NUMBER_COLUMNS, "ttft_ns", *FLAG_COLUMNS, "finish_reasons", *CONTENT_COLUMNS)
SHARED: Final = ("user_id", "session_id", "prompt_name", "prompt_version", "experiment", "variant")
"""Columns whose attributes a library's span processor stamps onto every span, whoever made it."""

SHAPES: Final = ("plain", "json", "pyrepr")
CONTENT_SHAPES: Final = (
    "parts",  # the convention's messages, or a list of parts
    "chunks",  # the same, one message per streamed chunk: joined
    "request",  # a request body or a list of messages of any provider
    "response",  # a response body or a message of any provider
    "request_pyrepr",  # the two as Python repr
    "response_pyrepr",
    "tool_calls",  # a list of tool calls of the answer
    "documents",  # retrieved documents
    "events",  # message events of a span
    "message_keys",  # gen_ai.prompt.N.role and the like, one attribute per field
    "openinference_keys",  # llm.input_messages.N.message.role and the like
    "function_keys",  # llm.request.functions.N.name and the like
    "schema_keys",  # llm.tools.N.tool.json_schema
    "document_keys",  # retrieval.documents.N.document.content and the like
)
UNITS: Final[Mapping[str, float]] = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "iso": 0.0}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column's value may stand.

    Attributes:
        key: attribute key; ``*`` stands for an index, a final ``.*`` for a family of keys.
        event: name of a span event instead of a key. Without ``attribute`` its time since the span's start counts.
        attribute: attribute of that event.
        shape: how the value is written; `SHAPES`, for content columns `CONTENT_SHAPES`.
        path: dotted path inside a JSON or Python value; ``*`` alone adds up all numbers but ``total``.
        unit: ns, us, ms, s, or iso for a point in time (less the span's start).
        fold: the dialect's own words → canonical words; '' says "no value".
        cut: keep what stands before the first dot, if the whole is not a known word.
        matches: glob; the flag is set where the text matches.
        cached: whether this count of input tokens has cached tokens inside or outside; '' as the dialect says.
        streaming_only: the value means something only where the span says that it streams.
        nonzero: 0 stands for "not known".
        local: counts on this dialect's own spans only, though the column is one of `SHARED`.
        since: first version of the library, or convention, that writes it.
    """

    key: str = ""
    event: str = ""
    attribute: str = ""
    shape: str = "plain"
    path: tuple[str | int, ...] = ()
    unit: str = "ns"
    fold: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    matches: str = ""
    cached: str = ""
    streaming_only: bool = False
    nonzero: bool = False
    local: bool = False
    since: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One instrumentation's way to write an LLM span.

    Attributes:
        name: what stands in the column ``dialect``.
        title: for people.
        order: rank in recognition; the smallest wins.
        scopes: scope names, a trailing ``*`` for any rest.
        markers: keys that only this dialect has; ``key=value`` and a trailing ``*`` are allowed.
        cached_outside: providers whose input tokens this dialect reports without the cached ones.
        yields: the span is a client library's own and yields to an instrumentation's span of the same call.
        own: this dialect's sources per column, as in its file.
        sources: the same with what stands behind them.
        notes: for the documentation.
    """

    name: str
    title: str
    order: int
    scopes: tuple[str, ...]
    markers: tuple[str, ...]
    cached_outside: frozenset[str]
    yields: bool
    own: Mapping[str, tuple[Source, ...]]
    sources: Mapping[str, tuple[Source, ...]]
    notes: str


@dataclass(frozen=True, slots=True)
class Words:
    """Canonical words by what emitters write, in lower case, per column; and which operations call a model."""

    operation: Mapping[str, str]
    provider: Mapping[str, str]
    finish_reason: Mapping[str, str]
    error_type: Mapping[str, str]
    inference: frozenset[str]


@dataclass(frozen=True, slots=True)
class Dialects:
    """All dialects by rank, and the shared words. ``base`` applies where none is recognised."""

    all: tuple[Dialect, ...]
    words: Words
    base: Dialect


@functools.cache
def dialects() -> Dialects:
    """Return the dialects that ship with the project; read once.

    Raises:
        SettingError: a file is malformed.
    """
    return load(files("haechi_schemas") / "dialects")


def load(directory: Traversable) -> Dialects:
    """Read every dialect of a directory.

    Raises:
        SettingError: a file is malformed, or ``words.toml`` or the base dialect is missing.
    """
    paths = {p.name: p for p in directory.iterdir() if p.name.endswith(".toml")}
    for name in (WORDS_FILE, f"{BASE}.toml"):
        if name not in paths:
            raise SettingError(f"{name}: is missing")
    words = _words(_Table(WORDS_FILE, _read(paths.pop(WORDS_FILE))))
    found = [_dialect(_Table(name, _read(path))) for name, path in sorted(paths.items())]
    found.sort(key=lambda d: d.order)
    base = next(d for d in found if d.name == BASE)
    merged = tuple(_behind(d, base, found) for d in found)
    return Dialects(merged, words, next(d for d in merged if d.name == BASE))


def _behind(dialect: Dialect, base: Dialect, found: list[Dialect]) -> Dialect:
    """Put the base dialect's sources behind a dialect's own, and in shared columns those of all others."""
    sources: dict[str, tuple[Source, ...]] = {}
    for column in COLUMNS:
        chain = [*dialect.own.get(column, ()), *base.own.get(column, ())]
        if column in SHARED:
            chain += [s for d in found for s in d.own.get(column, ()) if not s.local]
        first = {(s.key, s.event, s.attribute, s.path): s for s in reversed(chain)}
        sources[column] = tuple(s for s in chain if first.pop((s.key, s.event, s.attribute, s.path), None) is s)
    return replace(dialect, sources=sources)


# --- reading one file, strictly -----------------------------------------------------------------------------


def _read(path: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path.name}: is not TOML: {error}") from error


class _Table:
    """A TOML table whose every key must be asked for. ``place`` is how an error names it."""

    def __init__(self, place: str, values: object) -> None:
        if not isinstance(values, dict):
            raise SettingError(f"{place}: expected a table")
        self.place, self._values = place, dict(values)

    def take(self, key: str, kind: type[_T], default: _T | None = None) -> _T:
        value = self._values.pop(key, default)
        if value is None:
            raise SettingError(f"{self.place}: {key} is missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise SettingError(f"{self.place}: {key} = {value!r}: expected {kind.__name__}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, [])
        for value in values:
            if not isinstance(value, str):
                raise SettingError(f"{self.place}: {key}: {value!r}: expected text")
        return tuple(values)

    def table(self, key: str) -> "_Table":
        return _Table(f"{self.place}: {key}", self._values.pop(key, {}))

    def rest(self) -> Iterator[tuple[str, Any]]:
        yield from self._values.items()

    def close(self, known: str) -> None:
        for key in self._values:
            raise SettingError(f"{self.place}: unknown key {key!r}; known are {known}")


def _words(table: _Table) -> Words:
    folds = {name: _fold(table.table(name)) for name in ("operation", "provider", "finish_reason", "error_type")}
    inference = frozenset(table.texts("inference"))
    table.close("inference, operation, provider, finish_reason, error_type")
    known = {name: {c: c for c in fold.values()} | fold for name, fold in folds.items()}
    return Words(**{name: {k.lower(): v for k, v in fold.items()} for name, fold in known.items()}, inference=inference)


def _fold(table: _Table) -> dict[str, str]:
    """Read ``canonical = ["word", ...]`` as word → canonical."""
    fold: dict[str, str] = {}
    for canonical, words in table.rest():
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise SettingError(f"{table.place}: {canonical}: expected a list of text")
        for word in words:
            if word in fold:
                raise SettingError(f"{table.place}: {word!r} stands under {fold[word]!r} and {canonical!r}")
            fold[word] = canonical
    return fold


def _dialect(table: _Table) -> Dialect:
    folds_table = table.table("folds")
    folds = {name: _fold(folds_table.table(name)) for name in [k for k, _ in folds_table.rest()]}
    columns_table = table.table("columns")
    own = {column: _sources(columns_table, column, folds) for column in COLUMNS}
    columns_table.close(", ".join(COLUMNS))
    dialect = Dialect(
        name=table.take("name", str),
        title=table.take("title", str),
        order=table.take("order", int),
        scopes=table.texts("scopes"),
        markers=table.texts("markers"),
        cached_outside=frozenset(table.texts("cached_tokens_outside_for")),
        yields=table.take("yields", bool, default=False),
        own={column: sources for column, sources in own.items() if sources},
        sources={},
        notes=table.take("notes", str, ""),
    )
    table.close("name, title, order, scopes, markers, cached_tokens_outside_for, yields, notes, columns, folds")
    if not dialect.scopes and not dialect.markers:
        raise SettingError(f"{table.place}: scopes and markers are both empty; nothing would be recognised")
    return dialect


def _sources(table: _Table, column: str, folds: Mapping[str, Mapping[str, str]]) -> tuple[Source, ...]:
    entries = table.take(column, list, [])
    return tuple(_source(f"{table.place}.{column}[{i}]", column, e, folds) for i, e in enumerate(entries))


def _source(place: str, column: str, entry: object, folds: Mapping[str, Mapping[str, str]]) -> Source:
    table = _Table(place, {"key": entry} if isinstance(entry, str) else entry)
    fold = table.take("fold", str, "")
    if fold and fold not in folds:
        raise SettingError(f"{place}: fold = {fold!r}: there is no [folds.{fold}]")
    shapes = CONTENT_SHAPES if column in CONTENT_COLUMNS else SHAPES
    path = table.take("path", str, "")
    source = Source(
        key=table.take("key", str, ""),
        event=table.take("event", str, ""),
        attribute=table.take("attribute", str, ""),
        shape=_one_of(table, "shape", shapes),
        path=tuple(int(p) if p.isdigit() else p for p in path.split(".") if p),
        unit=_one_of(table, "unit", tuple(UNITS)),
        fold=folds.get(fold, {}),
        cut=table.take("cut", bool, default=False),
        matches=table.take("matches", str, ""),
        cached=_one_of(table, "cached", ("", "inside", "outside")),
        streaming_only=table.take("streaming_only", bool, default=False),
        nonzero=table.take("nonzero", bool, default=False),
        local=table.take("local", bool, default=False),
        since=table.take("since", str, ""),
    )
    table.close(", ".join(f.name for f in fields(Source)))
    if bool(source.key) == bool(source.event):
        raise SettingError(f"{place}: give either key or event")
    return source


def _one_of(table: _Table, key: str, known: tuple[str, ...]) -> str:
    value = table.take(key, str, known[0])
    if value not in known:
        raise SettingError(f"{table.place}: {key} = {value!r}: expected one of {', '.join(known)}")
    return value
