"""The metadata's tables as SQLAlchemy Core sees them. They are made by ``haechi_schemas/metadata``, never from here."""

from typing import Final

from sqlalchemy import BigInteger, Column, Double, MetaData, Table, Text

_TABLES: Final = MetaData()

API_KEYS: Final = Table(
    "api_keys",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("project", Text),
    Column("scopes", Text),
    Column("digest", Text),
    Column("requests_per_second", Double),
    Column("bytes_per_day", BigInteger),
    Column("created_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)

KEY_USAGE: Final = Table(
    "key_usage",
    _TABLES,
    Column("key_id", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("bytes", BigInteger),
)

REVISIONS: Final = Table("revisions", _TABLES, Column("subject", Text, primary_key=True), Column("number", BigInteger))
