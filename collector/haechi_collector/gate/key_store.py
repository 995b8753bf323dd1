"""The API keys in the metadata, and what each has sent today.

Guarantee: a change is seen by every collector on the same metadata when it next asks for `revision`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from haechi_collector.errors import SettingError
from haechi_collector.gate.keys import Key, Scope, digest_of, new_secret
from haechi_collector.limits import KEY_USAGE_DAYS, KEYS_MAX
from haechi_collector.metadata.database import Database
from haechi_collector.metadata.tables import API_KEYS, KEY_USAGE, REVISIONS

_SUBJECT: Final = "api_keys"


class KeyStore:
    """Reads and writes keys. Safe for many threads; every method may raise `MetadataUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.shown = database.shown

    def create(self, draft: Key) -> tuple[Key, str]:
        """Keep a new key like ``draft``, with an id and a secret of its own; return it and its text.

        Raises:
            SettingError: there are `KEYS_MAX` already.
        """
        key_id, text = new_secret()
        key = replace(draft, id=key_id, digest=digest_of(text))
        with self._database.begin() as connection:
            valid = API_KEYS.c.revoked_at.is_(None)
            if (
                connection.execute(sa.select(sa.func.count()).select_from(API_KEYS).where(valid)).scalar_one()
                >= KEYS_MAX
            ):
                raise SettingError(f"there are {KEYS_MAX} keys already; revoke some: haechi keys list")
            connection.execute(API_KEYS.insert().values(_row(key)))
            _changed(connection)
        return key, text

    def revoke(self, key_id: str, now: int) -> Key:
        """Make a key useless for ever; one that is revoked already stays as it is.

        Raises:
            SettingError: there is no such key.
        """
        with self._database.begin() as connection:
            found = connection.execute(API_KEYS.select().where(API_KEYS.c.id == key_id)).one_or_none()
            if found is None:
                raise SettingError(f"there is no key {key_id}; see: haechi keys list")
            key = _key(found)
            if key.revoked_at is None:
                connection.execute(API_KEYS.update().where(API_KEYS.c.id == key_id).values(revoked_at=now))
                _changed(connection)
        return replace(key, revoked_at=key.revoked_at or now)

    def keys(self, *, revoked: bool = False) -> list[Key]:
        """Return the keys in the order in which they were made, the revoked ones only when asked for."""
        query = API_KEYS.select().order_by(API_KEYS.c.created_at, API_KEYS.c.id)
        if not revoked:
            query = query.where(API_KEYS.c.revoked_at.is_(None))
        with self._database.begin() as connection:
            return [_key(row) for row in connection.execute(query)]

    def revision(self) -> int:
        """Return a number that grows with every change of the keys."""
        query = sa.select(REVISIONS.c.number).where(REVISIONS.c.subject == _SUBJECT)
        with self._database.begin() as connection:
            return int(connection.execute(query).scalar_one())

    def add_usage(self, day: str, added: Mapping[str, int]) -> None:
        """Add bytes to what keys have sent on a day, and forget days long past."""
        with self._database.begin() as connection:
            dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
            insert = dialect.insert(KEY_USAGE)
            total = {"bytes": KEY_USAGE.c.bytes + insert.excluded.bytes}
            upsert = insert.on_conflict_do_update(index_elements=["key_id", "day"], set_=total)
            connection.execute(upsert, [{"key_id": k, "day": day, "bytes": n} for k, n in sorted(added.items())])
            kept = sa.select(KEY_USAGE.c.day).distinct().order_by(KEY_USAGE.c.day.desc()).limit(KEY_USAGE_DAYS)
            connection.execute(KEY_USAGE.delete().where(KEY_USAGE.c.day.not_in(kept.scalar_subquery())))

    def usage(self, day: str) -> dict[str, int]:
        """Return the bytes of that day by key."""
        with self._database.begin() as connection:
            rows = connection.execute(KEY_USAGE.select().where(KEY_USAGE.c.day == day))
            return {row.key_id: row.bytes for row in rows}

    def close(self) -> None:
        """Close the connections."""
        self._database.close()


def _changed(connection: sa.Connection) -> None:
    bumped = REVISIONS.update().where(REVISIONS.c.subject == _SUBJECT).values(number=REVISIONS.c.number + 1)
    connection.execute(bumped)


def _row(key: Key) -> dict[str, Any]:
    row = {column.name: getattr(key, column.name) for column in API_KEYS.columns}
    return row | {"scopes": ",".join(sorted(key.scopes))}


def _key(row: Any) -> Key:
    values = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's name for a row's public mapping
    return Key(**values | {"scopes": frozenset(Scope(word) for word in values["scopes"].split(","))})
