"""The statements of a migration, as a cluster runs them.

Guarantees: every statement gets ON CLUSTER; a table becomes ``<table>_local`` with the Replicated form of its engine,
and a Distributed table of the public name, its rows spread by the expression of the line ``-- shard by:``; a statement
of a kind that is not known here is refused, never passed on as it is.

Replicas find each other by the server's ``default_replica_path`` (``/clickhouse/tables/{uuid}/{shard}``) and
``default_replica_name`` (``{replica}``). The cluster must be declared with ``internal_replication``: a Distributed
table then writes each row to one replica of its shard and leaves the rest to replication.
"""

import re
from typing import Final

from haechi_collector.store.lexer import Token, literal, pieces

_SHARD_BY: Final = re.compile(r"^-- shard by: (.+)$", re.MULTILINE)
_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS haechi\.(\w+)")
_ENGINE: Final = re.compile(r"^ENGINE = (\w*MergeTree)", re.MULTILINE)
_VIEW: Final = re.compile(r"CREATE VIEW IF NOT EXISTS haechi\.\w+|CREATE OR REPLACE VIEW haechi\.\w+")
_ALTER: Final = re.compile(r"ALTER TABLE haechi\.(\w+)\s+((?:ADD|DROP|MODIFY|RENAME|COMMENT) COLUMN)?")
_DATABASE: Final = "CREATE DATABASE IF NOT EXISTS haechi"


def quoted(name: str) -> str:
    """Quote an identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def renamed(statement: str, database: str) -> str:
    """Return the statement for a database of another name than haechi."""
    if database == "haechi":
        return statement
    parts = [(p.token, p.text) for p in pieces(statement)]
    return "".join(
        quoted(database)
        if token is Token.WORD and text == "haechi"
        else text.replace("'haechi'", literal(database))
        if token is Token.STRING
        else text
        for token, text in parts
    )


def on_cluster(statement: str, cluster: str) -> list[str]:
    """Return what one statement of a migration comes to in a cluster.

    Raises:
        ValueError: a kind of statement that is not known here; a mistake of ours.
    """
    where = f" ON CLUSTER {quoted(cluster)}"
    bare = _without_comments(statement)
    if bare == _DATABASE:
        return [bare + where]
    if _TABLE.match(bare):
        return _tables(statement, bare, cluster, where)
    view = _VIEW.match(bare)
    if view:
        return [bare[: view.end()] + where + bare[view.end() :]]
    alter = _ALTER.match(bare)
    if alter:
        rest = bare[alter.end(1) :]
        local = f"ALTER TABLE haechi.{alter[1]}_local{where}{rest}"
        # An index or a setting is the local table's alone; a column is both tables'.
        return [local, f"ALTER TABLE haechi.{alter[1]}{where}{rest}"] if alter[2] else [local]
    message = f"no form for a cluster is known of: {bare[:80]}"
    raise ValueError(message)


def _tables(statement: str, bare: str, cluster: str, where: str) -> list[str]:
    table, engine, shard_by = _TABLE.match(bare), _ENGINE.search(bare), _SHARD_BY.search(statement)
    if table is None or engine is None or shard_by is None:
        message = f"a table needs an engine and a line '-- shard by:': {bare[:80]}"
        raise ValueError(message)
    name = table[1]
    local = f"CREATE TABLE IF NOT EXISTS haechi.{name}_local{where}{bare[table.end() : engine.start()]}"
    local += f"ENGINE = Replicated{engine[1]}{bare[engine.end() :]}"
    local = local.replace("non_replicated_deduplication_window", "replicated_deduplication_window")
    target = f"{literal(cluster)}, 'haechi', '{name}_local', {shard_by[1]}"
    spread = f"CREATE TABLE IF NOT EXISTS haechi.{name}{where} AS haechi.{name}_local ENGINE = Distributed({target})"
    return [local, spread]


def _without_comments(statement: str) -> str:
    kept = (piece.text for piece in pieces(statement) if piece.token is not Token.SPACE or piece.text.isspace())
    return "".join(kept).strip()
