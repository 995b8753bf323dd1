"""The tables as the writer and re-pricing see them: blocks in, and late content into stored spans."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from haechi_collector.limits import UPDATE_BYTES_MAX, UPDATE_SPANS_MAX
from haechi_collector.stages.join_content import LateContent
from haechi_collector.store.client import StoreClient
from haechi_collector.store.cluster import quoted
from haechi_collector.store.insert import Inserter
from haechi_collector.store.lexer import literal

_UPDATE_SETTINGS: Final = {"max_query_size": 64 * 1024 * 1024, "max_ast_elements": 500_000}
_KEY: Final = "concat(trace_id, span_id)"


class Tables:
    """Haechi's tables in one ClickHouse. Safe for many threads.

    Args:
        client: of a user that may write.
        cluster: the cluster's name; late content is then written on every node.
    """

    def __init__(self, client: StoreClient, cluster: str | None = None) -> None:
        self._client = client
        self._inserter = Inserter(client)
        self._on_cluster = f"_local ON CLUSTER {quoted(cluster)}" if cluster else ""

    def insert(self, table: str, batch: pa.RecordBatch, token: str = "") -> None:
        """Insert the batch once per token; without a token, once per call.

        Raises:
            StoreUnavailable: try again later, with the same batch and token.
            StoreError: ClickHouse refuses the content.
        """
        self._inserter.insert(table, batch, token or str(uuid.uuid4()))

    def command(self, sql: str) -> object:
        """Run a statement to its end."""
        return self._client.command(sql)

    def query(self, sql: str) -> pa.Table:
        """Return the rows of a query."""
        return self._client.query(sql)

    def stored(self, table: str) -> str:
        """Return what names a table's stored rows in UPDATE and DELETE: in a cluster those of every node."""
        return table + self._on_cluster

    def update_spans(self, contents: Sequence[LateContent]) -> None:
        """Write late content into stored spans, by lightweight UPDATE; spans that are not there are passed over.

        A text replaces a shorter one, any other value an empty one: running it again changes nothing.

        Raises:
            StoreError, StoreUnavailable: ClickHouse refused, or did not answer.
        """
        for part in _parts(contents):
            self._client.command(_update(self.stored("spans"), part), _UPDATE_SETTINGS)


def _parts(contents: Sequence[LateContent]) -> Iterator[Sequence[LateContent]]:
    part: list[LateContent] = []
    size = 0
    for content in contents:
        added = sum(len(value.encode()) for value in content.values.values() if isinstance(value, str))
        if part and (len(part) == UPDATE_SPANS_MAX or size + added > UPDATE_BYTES_MAX):
            yield part
            part, size = [], 0
        part.append(content)
        size += added
    if part:
        yield part


def _update(table: str, contents: Sequence[LateContent]) -> str:
    columns = sorted({name for content in contents for name in content.values})
    assignments = ", ".join(_assignment(name, [c for c in contents if name in c.values]) for name in columns)
    traces = ", ".join(sorted({literal(c.trace_id) for c in contents}))
    keys = ", ".join(literal(c.trace_id + c.span_id) for c in contents)
    return f"UPDATE {table} SET {assignments} WHERE trace_id IN ({traces}) AND {_KEY} IN ({keys})"  # noqa: S608  literals


def _assignment(name: str, contents: Sequence[LateContent]) -> str:
    keys = ", ".join(literal(c.trace_id + c.span_id) for c in contents)
    values = [c.values[name] for c in contents]
    told = f"[{', '.join(map(_value, values))}][indexOf([{keys}], {_KEY})]"
    if isinstance(values[0], str):
        return f"{name} = if(length({told}) > length({name}), {told}, {name})"
    return f"{name} = if(empty({name}), {told}, {name})" if isinstance(values[0], list) else _number(name, told)


def _number(name: str, told: str) -> str:
    return f"{name} = if(ifNull({name}, 0) = 0 AND {told} != 0, {told}, {name})"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return literal(value)
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, list) else str(int(value))
