"""Where rows come from: resource and scope as columns, read once each and repeated on their rows.

Guarantee: equal resources (and scopes) of a request are decoded once. ``service.name``, ``service.version`` and
``deployment.environment.name`` (before version 1.27 of the conventions: ``deployment.environment``) have columns
of their own and stay in ``resource_attributes`` too. Of equal keys the last wins.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.batch import TEXT_MAP
from haechi_collector.decode import arrays
from haechi_collector.decode.schema import message_class
from haechi_collector.decode.values import ValueReader, utf8
from haechi_collector.decode.wire import Requests, parse

_RESOURCE: Final = message_class("resource.v1.Resource")
_SCOPE: Final = message_class("common.v1.InstrumentationScope")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a request, or the metrics, with the scope that each belongs to."""

    items: pa.StructArray
    scope: arrays.Index
    resources: pa.StructArray
    scopes: pa.StructArray
    scope_resource: arrays.Index
    """The resource of each scope."""
    bounds: arrays.Index
    """The first item of each request, and the end."""


def rows_of(requests: Requests, scopes_name: str, items_name: str) -> Rows:
    """Descend from the requests' resources over their scopes to what those hold."""
    scope_lists = requests.resources.field(scopes_name)
    scopes = scope_lists.values
    lists = scopes.field(items_name)
    bounds = arrays.offsets_of(lists)[arrays.offsets_of(scope_lists)[requests.bounds]].astype(np.int64)
    owners = arrays.parents_of(lists), arrays.parents_of(scope_lists)
    return Rows(lists.values, owners[0], requests.resources, scopes, owners[1], bounds)


def source_columns(rows: Rows, scope: arrays.Index, reader: ValueReader) -> dict[str, pa.Array]:
    """Return the columns of resource and scope, a row for each entry of ``scope``.

    Raises:
        Undecodable: a resource or scope is damaged, or repeating them takes too much.
    """
    resource = rows.scope_resource[scope]
    columns = _spread(rows.resources.field("resource"), resource, _resource_columns, reader)
    columns |= _spread(rows.scopes.field("scope"), scope, _scope_columns, reader)
    schema_urls = _schema_urls(rows)
    arrays.check_spread("schema_url", arrays.lengths_of(schema_urls).astype(np.int64), scope)
    return columns | arrays.spread({"schema_url": schema_urls}, scope)


def _schema_urls(rows: Rows) -> pa.Array:
    own = arrays.text(rows.scopes.field("schema_url"))
    inherited = arrays.text(rows.resources.field("schema_url")).take(pa.array(rows.scope_resource))
    return pc.if_else(pc.equal(own, ""), inherited, own)


def _spread(messages: pa.Array, index: arrays.Index, read: Any, reader: ValueReader) -> dict[str, pa.Array]:
    # A message that occurs twice is merged, and to merge is to parse the concatenation.
    encoded = arrays.joined(messages).dictionary_encode()
    columns, sizes = read(encoded.dictionary.to_pylist(), reader)
    distinct = encoded.indices.to_numpy()[index].astype(np.int64)
    arrays.check_spread(read.__name__.strip("_").replace("_", " "), np.array(sizes, np.int64), distinct)
    return arrays.spread(columns, distinct)


def _resource_columns(messages: list[bytes], reader: ValueReader) -> tuple[dict[str, pa.Array], list[int]]:
    maps = [reader.texts(parse(_RESOURCE, raw).attributes) for raw in messages]
    environments = [m.get("deployment.environment.name") or m.get("deployment.environment", "") for m in maps]
    columns = {
        "service_name": pa.array([m.get("service.name", "") for m in maps], pa.string()),
        "service_version": pa.array([m.get("service.version", "") for m in maps], pa.string()),
        "environment": pa.array(environments, pa.string()),
        "resource_attributes": text_maps(maps),
    }
    return columns, [_size(m) for m in maps]


def _scope_columns(messages: list[bytes], reader: ValueReader) -> tuple[dict[str, pa.Array], list[int]]:
    scopes = [parse(_SCOPE, raw) for raw in messages]
    maps = [reader.texts(scope.attributes) for scope in scopes]
    columns = {
        "scope_name": pa.array([utf8(scope.name) for scope in scopes], pa.string()),
        "scope_version": pa.array([utf8(scope.version) for scope in scopes], pa.string()),
        "scope_attributes": text_maps(maps),
    }
    return columns, [len(s.name) + len(s.version) + _size(m) for s, m in zip(scopes, maps, strict=True)]


def text_maps(maps: list[dict[str, str]]) -> pa.Array:
    """Return mappings as a column of text maps."""
    return pa.array([list(m.items()) for m in maps], TEXT_MAP)


def _size(mapping: dict[str, str]) -> int:
    offsets = 8
    return sum(len(key.encode()) + len(value.encode()) + offsets for key, value in mapping.items())
