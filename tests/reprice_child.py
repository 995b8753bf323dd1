"""A ClickHouse engine in a process of its own, for the tests of re-pricing: `python -m tests.reprice_child`.

It reads one JSON request per line and answers one JSON line; progress of a run comes as lines of its own.
"""

import json
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from chdb.session import Session
from tests.stages.calls import batch, call

from haechi.pricing import PriceBook, Usage
from haechi_collector.reprice import Audit, Window, drop_left_behind, reprice
from haechi_collector.stages.price import price

TABLES = [
    """CREATE TABLE IF NOT EXISTS spans (project LowCardinality(String), trace_id String, span_id String,
    start_time DateTime64(9, 'UTC'), status_code LowCardinality(String), provider LowCardinality(String),
    request_model LowCardinality(String), response_model LowCardinality(String), input_tokens UInt64,
    output_tokens UInt64, cache_read_tokens UInt64, cache_write_tokens UInt64, reasoning_tokens UInt64,
    usage_source LowCardinality(String), cost_usd Nullable(Decimal(18, 12)), cost_source LowCardinality(String),
    cost_details Map(String, String), input_messages String)
    ENGINE = MergeTree PARTITION BY toYYYYMMDD(start_time) ORDER BY (project, start_time)""",
    """CREATE TABLE IF NOT EXISTS price_audit (id String, started_at DateTime64(9, 'UTC'),
    finished_at DateTime64(9, 'UTC'), window_from DateTime64(9, 'UTC'), window_to DateTime64(9, 'UTC'),
    price_book String, rows_changed UInt64, cost_before Decimal(38, 12), cost_after Decimal(38, 12))
    ENGINE = MergeTree ORDER BY started_at""",
]


class Engine:
    """What re-pricing asks of ClickHouse, over a session."""

    def __init__(self, path: str) -> None:
        self._session = Session(path)
        self.command("CREATE DATABASE IF NOT EXISTS haechi")
        self.command("USE haechi")

    def command(self, sql: str) -> None:
        self._session.query(sql)

    def query(self, sql: str) -> pa.Table:
        return pa.ipc.open_stream(self._session.query(sql, "ArrowStream").bytes()).read_all()

    def insert(self, table: str, rows: pa.RecordBatch) -> None:
        with tempfile.NamedTemporaryFile(suffix=".arrow") as file:
            with pa.ipc.new_stream(file.name, rows.schema) as writer:
                writer.write_batch(rows)
            columns = ", ".join(rows.schema.names)
            self.command(f"INSERT INTO {table} ({columns}) FROM INFILE '{file.name}' FORMAT ArrowStream")

    def close(self) -> None:
        self._session.close()


def store_calls(engine: Engine, prices: str | None, calls: list[dict[str, Any]]) -> None:
    """Store calls as the pipeline does: priced with a book."""
    columns = [{**one, "start_time": datetime.fromisoformat(one["start_time"])} for one in calls]
    usages = [Usage(**one.pop("usage")) for one in columns]
    spans, extras = batch([call(usage, **one) for usage, one in zip(usages, columns, strict=True)])
    priced = price(spans, extras, PriceBook.load(Path(prices) if prices else None))
    for table in TABLES:
        engine.command(table)
    engine.insert("spans", priced.select(engine.query("DESCRIBE spans")["name"].to_pylist()))


def run(engine: Engine, prices: str | None, window: list[str], rows_max: int) -> dict[str, Any]:
    """Price again; a line per chunk."""
    done = reprice(
        engine,
        PriceBook.load(Path(prices) if prices else None),
        Window(*(datetime.fromisoformat(instant) for instant in window)),
        lambda audit: tell(shown(audit)),
        rows_max,
    )
    return shown(done)


def tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def shown(audit: Audit) -> dict[str, Any]:
    figures = {"read": audit.rows_read, "changed": audit.rows_changed}
    return {**figures, "before": str(audit.cost_before), "after": str(audit.cost_after), "book": audit.price_book}


def answer(engine: Engine, request: dict[str, Any]) -> Any:
    match request:
        case {"store": calls, "prices": prices}:
            return store_calls(engine, prices, calls)
        case {"reprice": window, "prices": prices, "rows_max": rows_max}:
            return run(engine, prices, window, rows_max)
        case {"query": sql}:
            return json.loads(json.dumps(engine.query(sql).to_pylist(), default=str))
        case {"tidy": older_than_s}:
            return drop_left_behind(engine, older_than_s)
    raise ValueError(request)


def main() -> None:
    engine = Engine(sys.argv[1])
    for line in sys.stdin:
        tell({"answer": answer(engine, json.loads(line))})
    engine.close()


if __name__ == "__main__":
    main()
