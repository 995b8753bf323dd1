"""Prices stored calls again, with the price book of today.

Guarantee: at every moment each span has the cost and receipt of one book, the old one or the new one, never parts
of both; only spans whose cost changes are written, and only their three cost columns. A run that is cut off can
simply be run again. The figures are those of the pricing stage: the same code, on what is stored.

How: a span's pricing inputs are columns, and on the receipt what has no column (``usage.*``, ``reported``). They
are read in bounded chunks, a UTC day at a time, and priced. What changed goes into a table in memory and on disk
(engine Join), keyed by a hash of the inputs; one mutation per chunk (``ALTER TABLE … UPDATE``) takes the three
columns from it. ClickHouse replaces each part of a table at once, and carries an interrupted mutation on when it
starts again; the Join table is therefore dropped only when no mutation needs it any more.

A span whose usage is not known stays unpriced. Receipts of unchanged costs keep the name of the book that made them.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from haechi.pricing import PriceBook
from haechi_collector.batch import SPANS
from haechi_collector.limits import REPRICE_ROWS_MAX
from haechi_collector.stages.price import price

SPANS_TABLE: Final = "spans"
AUDIT_TABLE: Final = "price_audit"
CHANGES_PREFIX: Final = "price_changes_"
LEFT_BEHIND_S: Final = 3600
"""Age of a table of changes that no live run can still be filling."""

_COUNTS: Final = ("cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens")
_COLUMNS: Final = (
    "start_time",
    "status_code",
    "provider",
    "request_model",
    "response_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "usage_source",
)
_COST_COLUMNS: Final = ("cost_usd", "cost_source", "cost_details")
_BESIDE: Final = (*(f"usage.{name}" for name in _COUNTS), "reported")
# Everything that a price depends on, so that spans of one key have one price.
_KEY: Final = f"hex(sipHash128({', '.join(_COLUMNS)}, {', '.join(f'cost_details[{name!r}]' for name in _BESIDE)}))"
_PRICED_BEFORE: Final = "cost_source != '' AND usage_source IN ('reported', 'counted')"


class Store(Protocol):
    """What re-pricing asks of ClickHouse; tables are those of the connection's database."""

    def command(self, sql: str) -> object:
        """Run a statement and wait until it is done."""

    def query(self, sql: str) -> pa.Table:
        """Return the rows of a query."""

    def insert(self, table: str, batch: pa.RecordBatch) -> None:
        """Insert rows, columns bound by name."""


@dataclass(frozen=True, slots=True)
class Window:
    """Calls that started at or after ``start`` and before ``end``; both carry a time zone."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Audit:
    """What one run did. Costs are sums in USD over the priced calls of the window; unpriced ones add nothing."""

    id: str
    started_at: datetime
    finished_at: datetime
    window: Window
    price_book: str
    rows_read: int
    rows_changed: int
    cost_before: Decimal
    cost_after: Decimal


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One share of the spans of one UTC day: those whose hash leaves ``share`` of ``shares``."""

    start_ns: int
    end_ns: int
    share: int
    shares: int

    @property
    def condition(self) -> str:
        window = f"start_time >= {_instant(self.start_ns)} AND start_time < {_instant(self.end_ns)}"
        return f"{window} AND cityHash64(trace_id, span_id) % {self.shares} = {self.share} AND {_PRICED_BEFORE}"


def reprice(
    store: Store,
    book: PriceBook,
    window: Window,
    progress: Callable[[Audit], None] | None = None,
    rows_max: int = REPRICE_ROWS_MAX,
) -> Audit:
    """Price the calls of a window again, tell ``progress`` after every chunk, and leave a row in ``price_audit``.

    A chunk has about ``rows_max`` spans.

    Raises:
        StoreError: ClickHouse refused a statement or is gone; what was done until then is done and audited.
    """
    now = datetime.now(UTC)
    audit = Audit(str(uuid.uuid4()), now, now, window, book.version, 0, 0, Decimal(0), Decimal(0))
    drop_left_behind(store)
    chunks = _chunks(store, window, rows_max)
    try:
        for chunk in chunks:
            audit = _reprice_chunk(store, book, chunk, audit)
            if progress is not None:
                progress(audit)
    finally:
        store.insert(AUDIT_TABLE, _audit_row(audit))
    return audit


def drop_left_behind(store: Store, older_than_s: int = LEFT_BEHIND_S) -> None:
    """Drop tables of changes that an interrupted run left and that no unfinished mutation reads."""
    left = store.query(
        f"""
        SELECT name FROM system.tables
        WHERE database = currentDatabase() AND startsWith(name, '{CHANGES_PREFIX}')
          AND metadata_modification_time <= now() - {older_than_s}
          AND name NOT IN (
            SELECT arrayJoin(extractAll(command, '{CHANGES_PREFIX}[0-9a-f]+')) FROM system.mutations
            WHERE database = currentDatabase() AND NOT is_done)
        """  # noqa: S608  our own words and numbers
    )
    for name in left["name"].to_pylist():
        store.command(f"DROP TABLE IF EXISTS {name}")


def _chunks(store: Store, window: Window, rows_max: int) -> list[_Chunk]:
    start_ns, end_ns = _nanoseconds(window.start), _nanoseconds(window.end)
    days = store.query(
        f"""
        SELECT toUnixTimestamp(toStartOfDay(start_time)) AS day, count() AS spans FROM {SPANS_TABLE}
        WHERE start_time >= {_instant(start_ns)} AND start_time < {_instant(end_ns)} AND {_PRICED_BEFORE}
        GROUP BY day ORDER BY day
        """  # noqa: S608  our own words and numbers
    )
    chunks = []
    for day in days.to_pylist():
        first_ns = day["day"] * 10**9
        bounds = max(start_ns, first_ns), min(end_ns, first_ns + 86_400 * 10**9)
        shares = -(-day["spans"] // rows_max)
        chunks += [_Chunk(*bounds, share, shares) for share in range(shares)]
    return chunks


def _reprice_chunk(store: Store, book: PriceBook, chunk: _Chunk, audit: Audit) -> Audit:
    stored = _read(store, chunk)
    priced = price(stored.select([*_COLUMNS, *_COST_COLUMNS]), _Extras(stored), book)
    same_cost = pc.equal(pc.fill_null(priced["cost_usd"], -1), pc.fill_null(stored["cost_usd"], -1))
    same = pc.and_(same_cost, pc.equal(priced["cost_source"], stored["cost_source"]))
    changes = priced.select(_COST_COLUMNS).append_column("key", stored["key"]).filter(pc.invert(same))
    if changes.num_rows:
        _write(store, chunk, changes)
    return replace(
        audit,
        finished_at=datetime.now(UTC),
        rows_read=audit.rows_read + stored.num_rows,
        rows_changed=audit.rows_changed + changes.num_rows,
        cost_before=audit.cost_before + _sum(stored["cost_usd"]),
        cost_after=audit.cost_after + _sum(priced["cost_usd"]),
    )


def _read(store: Store, chunk: _Chunk) -> pa.RecordBatch:
    beside = ", ".join(f"cost_details[{name!r}] AS `{name}`" for name in _BESIDE)
    rows = store.query(
        f"SELECT {_KEY} AS key, {', '.join(_COLUMNS)}, cost_usd, cost_source, {beside} "  # noqa: S608  our own words
        f"FROM {SPANS_TABLE} WHERE {chunk.condition}"
    )
    columns: dict[str, pa.Array] = {name: rows[name].combine_chunks() for name in ("key", *_BESIDE)}
    for name in (*_COLUMNS, "cost_usd", "cost_source"):
        columns[name] = rows[name].combine_chunks().cast(SPANS.field(name).type)
    # The stage writes receipts; it does not read them.
    columns["cost_details"] = pa.array([[]] * rows.num_rows, SPANS.field("cost_details").type)
    return pa.RecordBatch.from_pydict(columns)


class _Extras:
    """What the normalising stage told when the calls came in, from their receipts."""

    def __init__(self, stored: pa.RecordBatch) -> None:
        self.is_inference = pa.repeat(True, stored.num_rows)
        counts = (pc.cast(_or_null(stored[f"usage.{name}"]), pa.uint64()) for name in _COUNTS)
        write, audio_input, audio_output = (pc.fill_null(count, 0) for count in counts)
        self.cache_write_1h_tokens, self.audio_input_tokens, self.audio_output_tokens = write, audio_input, audio_output
        self.reported_cost = pc.cast(_or_null(stored["reported"]), pa.float64())


def _or_null(texts: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(texts, ""), None, texts)


def _write(store: Store, chunk: _Chunk, changes: pa.RecordBatch) -> None:
    # A mutation knows no current database, so that its table needs a full name.
    database = store.query("SELECT currentDatabase() AS name")["name"][0].as_py()
    name = f"{CHANGES_PREFIX}{uuid.uuid4().hex}"
    table = f"{database}.{name}"
    store.command(
        f"CREATE TABLE {table} (key String, cost_usd Nullable(Decimal(18, 12)), cost_source String, "
        "cost_details Map(String, String)) ENGINE = Join(ANY, LEFT, key)"
    )
    store.insert(name, changes)
    assignments = ", ".join(f"{column} = joinGet('{table}', '{column}', {_KEY})" for column in _COST_COLUMNS)
    # The table is not dropped when this fails: the mutation may be under way and need it.
    store.command(
        f"ALTER TABLE {SPANS_TABLE} UPDATE {assignments} "  # noqa: S608  our own words and numbers
        f"WHERE {chunk.condition} AND {_KEY} IN (SELECT key FROM {table}) SETTINGS mutations_sync = 1"
    )
    store.command(f"DROP TABLE {table}")


def _audit_row(audit: Audit) -> pa.RecordBatch:
    time, money = pa.timestamp("ns", tz="UTC"), pa.decimal128(38, 12)
    columns = {
        "id": pa.array([audit.id]),
        "started_at": pa.array([audit.started_at], time),
        "finished_at": pa.array([audit.finished_at], time),
        "window_from": pa.array([audit.window.start], time),
        "window_to": pa.array([audit.window.end], time),
        "price_book": pa.array([audit.price_book]),
        "rows_changed": pa.array([audit.rows_changed], pa.uint64()),
        "cost_before": pa.array([audit.cost_before], money),
        "cost_after": pa.array([audit.cost_after], money),
    }
    return pa.RecordBatch.from_pydict(columns)


def _sum(costs: pa.Decimal128Array) -> Decimal:
    total: Decimal | None = pc.sum(costs).as_py()
    return total or Decimal(0)


def _nanoseconds(instant: datetime) -> int:
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000


def _instant(nanoseconds: int) -> str:
    return f"fromUnixTimestamp64Nano({nanoseconds}, 'UTC')"
