"""Write docs/dialects.md from the dialect files: `python docs/make_dialects.py`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from haechi_collector.stages.dialects import COLUMNS, SHARED, Dialect, Source, dialects
from haechi_schemas.attributes import CANONICAL

PAGE = Path(__file__).parent / "dialects.md"


def page() -> str:
    """Return docs/dialects.md."""
    known = dialects().all
    words = dialects().words
    return f"""# Dialects

Haechi reads the spans of every common LLM instrumentation into one schema. A dialect is one file in
`schemas/haechi_schemas/dialects/`; this page is written from those files.

A span's dialect is told by its scope's name; if that is not known, by a key that only one dialect has. The first hit
in the order below wins. The column `dialect` says which one it was; spans of other kinds have none, and pass.

For each column the first source with a value wins, in the order below. Behind a dialect's own sources stand those of
`otel-genai`, and for {_listed(SHARED)} those of every dialect, because one library stamps them onto
the spans of others. What a column holds to the letter leaves `attributes_*`; all else stays there.

Rules that hold for all of them:

* `input_tokens` includes cached tokens. Where a dialect reports them outside, or they exceed the input, they are added.
* `ttft_ns` is in nanoseconds, whatever the unit was, and null where none was told.
* Messages are JSON in the shape of the OpenTelemetry GenAI conventions, whoever's shape they had.
* A cost that the emitter told stands in `cost_details['reported']`; it is not `cost_usd`.

`haechi dialects check DIR` holds the dialects against captured payloads and exits with 1 if a fact is not readable.

## All dialects

| dialect | instrumentation | scope | or a key |
|---|---|---|---|
{_rows(_summary(d) for d in known)}

{"".join(map(_section, known))}## Words

What emitters write is compared in lower case; a word that is not listed stays as it is.

| column | word | is written as |
|---|---|---|
{_rows(_words("operation", words.operation))}
{_rows(_words("provider", words.provider))}
{_rows(_words("finish_reasons", words.finish_reason))}
{_rows(_words("error_type", words.error_type))}

Operations that call a model: {_listed(sorted(words.inference))}.
"""


def _summary(dialect: Dialect) -> tuple[str, ...]:
    scopes = dialect.scopes[:4]
    more = f" and {len(dialect.scopes) - 4} more" if len(dialect.scopes) > 4 else ""
    return f"[`{dialect.name}`](#{dialect.name})", dialect.title, _listed(scopes) + more, _listed(dialect.markers)


def _section(dialect: Dialect) -> str:
    note = f"\n{dialect.notes}\n" if dialect.notes else ""
    outside = f"\nCached tokens stand outside of the input for {_listed(sorted(dialect.cached_outside))}.\n"
    rows = [(_column(c), "<br>".join(map(_source, dialect.own[c]))) for c in COLUMNS if c in dialect.own]
    table = f"\n| column | sources, the first wins |\n|---|---|\n{_rows(rows)}\n" if rows else ""
    return f"## {dialect.name}\n\n{dialect.title}.\n{note}{outside if dialect.cached_outside else ''}{table}\n"


def _column(column: str) -> str:
    return f"`{column}` ({CANONICAL[column]})" if column in CANONICAL else f"`{column}`"


def _source(source: Source) -> str:
    name = f"event `{source.event}`" if source.event else f"`{source.key}`"
    notes = [
        f"attribute `{source.attribute}`" if source.attribute else "",
        source.shape if source.shape not in {"plain", "parts"} else "",
        "path `" + ".".join(map(str, source.path)) + "`" if source.path else "",
        source.unit if source.unit != "ns" else "",
        f"matches `{source.matches}`" if source.matches else "",
        f"cached tokens {source.cached}" if source.cached else "",
        "cut at the first dot" if source.cut else "",
        "of streams only" if source.streaming_only else "",
        "0 is unknown" if source.nonzero else "",
        f"since {source.since}" if source.since else "",
        *(f"{word} → {to or 'none'}" for word, to in source.fold.items()),
    ]
    told = ", ".join(n for n in notes if n)
    return f"{name} ({told})" if told else name


def _words(column: str, words: Mapping[str, str]) -> list[tuple[str, ...]]:
    by_word: dict[str, list[str]] = {}
    for word, canonical in words.items():
        by_word.setdefault(canonical, []).extend([word] if word != canonical.lower() else [])
    return [(f"`{column}`", f"`{c}`" if c else "none", _listed(written)) for c, written in sorted(by_word.items())]


def _rows(rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
