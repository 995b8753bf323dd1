"""The gate that every door asks before it reads a body: whose key is this, and may it do that now?

Guarantees: no answer, log line or metric holds any part of a key but its id; a key that is made or revoked is seen
within about `KEYS_REFRESH_S`; asking touches memory alone and costs microseconds, whatever is asked; a metadata
database that does not answer changes nothing: the keys known last go on, and so do their quotas.

Invariants: at most `KEYS_MAX` keys in memory. Requests per second are counted by each collector for itself. Bytes per
day are written down every `KEYS_REFRESH_S` and so hold over restarts and, that late, over all collectors. The request
that crosses the limit of bytes is still taken.
"""

import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from haechi_collector.errors import Forbidden, MetadataUnavailable, OverQuota, Unauthenticated
from haechi_collector.gate.keys import Key, Scope, digest_of, id_of, new_secret
from haechi_collector.gate.quota import Bucket, DayBytes, seconds_left
from haechi_collector.limits import KEYS_MAX, KEYS_REFRESH_S
from haechi_collector.telemetry import Metrics

logger = logging.getLogger(__name__)

_NO_KEY: Final = digest_of("")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who came in: ``project`` owns what it sends, ``sees`` is the project that it may read, None for all.

    ``key_id`` is '' where no keys are asked for. ``may_send`` says whether the key has the scope ``ingest``.
    """

    project: str = "default"
    sees: str | None = None
    key_id: str = ""
    may_send: bool = True


class KeySource(Protocol):
    """Where the keys are kept; `key_store.KeyStore` is one, and says what each does."""

    def keys(self) -> list[Key]:
        """Return the keys that are not revoked."""
        ...

    def revision(self) -> int:
        """Return a number that changes with the keys."""
        ...

    def usage(self, day: str) -> dict[str, int]:
        """Return the bytes of a day by key."""
        ...

    def add_usage(self, day: str, added: Mapping[str, int]) -> None:
        """Add to them."""
        ...


class Gate(Protocol):
    """What a door asks."""

    @property
    def asks(self) -> bool:
        """Whether keys are asked for at all."""
        ...

    def admit(self, credential: str, scope: Scope) -> Caller:
        """Let a request in. ``credential`` is the text that should be a key, '' for none.

        Raises:
            Unauthenticated: no key, or one that is not valid.
            Forbidden: the key lacks the scope.
            OverQuota: not now.
        """
        ...

    def charge(self, caller: Caller, size: int) -> None:
        """Count the bytes of a body that was taken, after decompression."""
        ...


class OpenGate:
    """Nobody is asked: everyone is the project ``default`` and sees everything."""

    asks = False

    def admit(self, credential: str, scope: Scope) -> Caller:
        """Let the request in."""
        del credential, scope
        return _ANYONE

    def charge(self, caller: Caller, size: int) -> None:
        """Count nothing."""


_ANYONE: Final = Caller()


class _Entry:
    """A key in memory with the state of its quotas."""

    def __init__(self, key: Key, clock: Callable[[], float]) -> None:
        self.key = key
        sees = None if Scope.ADMIN in key.scopes else key.project
        self.caller = Caller(key.project, sees, key.id, may_send=key.allows(Scope.INGEST))
        self.bucket = Bucket(key.requests_per_second, clock) if key.requests_per_second else None
        self.bytes = DayBytes()


class KeyGate:
    """The gate over the keys of ``source``. Call `start`, then `stop`; both once. Safe for many threads."""

    asks = True

    def __init__(self, source: KeySource, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._metrics = metrics
        self._clock = clock
        self._entries: dict[str, _Entry] = {}  # replaced as a whole, never changed: read without a lock
        self._own: dict[str, _Entry] = {}
        self._revision = -1
        self._reachable = True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_up, name="gate-keys", daemon=True)

    def start(self) -> None:
        """Read the keys and begin to follow their changes.

        Raises:
            MetadataUnavailable: they cannot be read; without them nobody could come in.
        """
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Write down what was counted, and follow no longer."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._try_to_refresh()

    @property
    def count(self) -> int:
        """Number of keys that are not revoked."""
        return len(self._entries)

    def issue(self, project: str, scopes: frozenset[Scope]) -> str:
        """Return a key for a part of this process, such as the sample traffic; it lives as long as the gate."""
        key_id, text = new_secret()
        key = Key(key_id, "own", project, scopes, digest_of(text), int(self._clock()))
        self._own = {**self._own, key_id: _Entry(key, self._clock)}
        return text

    def admit(self, credential: str, scope: Scope) -> Caller:
        """Let a request in; see `Gate.admit`."""
        entry = self._known(credential)
        key, now = entry.key, self._clock()
        if key.expires_at is not None and now >= key.expires_at:
            self._count(key, "expired")
            raise Unauthenticated(f"the API key {key.id} has expired; make a new one: haechi keys create")
        if not key.allows(scope):
            self._count(key, "forbidden")
            raise Forbidden(f"the API key {key.id} lacks the scope {scope}; make one that has it: haechi keys create")
        self._check_quota(entry, scope, now)
        self._count(key, "admitted")
        return entry.caller

    def charge(self, caller: Caller, size: int) -> None:
        """Count the bytes of a body that was taken."""
        entry = self._entries.get(caller.key_id)
        if entry is not None:
            entry.bytes.add(size, self._clock())
            self._metrics.counter("haechi_key_bytes_total", caller.key_id).inc(size)

    def refresh(self) -> None:
        """Write down the bytes that were counted; read the keys when they have changed.

        Raises:
            MetadataUnavailable: no answer; nothing is lost.
        """
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        self._write_usage(day)
        revision = self._source.revision()
        if revision != self._revision:
            before = self._entries
            self._entries = {
                key.id: before.get(key.id) or _Entry(key, self._clock) for key in self._source.keys()[:KEYS_MAX]
            }
            self._revision = revision
        if any(entry.key.bytes_per_day for entry in self._entries.values()):
            self._read_usage(day)

    def _known(self, credential: str) -> _Entry:
        key_id = id_of(credential)
        entry = self._entries.get(key_id) or self._own.get(key_id)
        # One digest and one comparison in every case, see `keys`.
        same = hmac.compare_digest(digest_of(credential), entry.key.digest if entry else _NO_KEY)
        if entry is not None and same:
            return entry
        self._metrics.counter("haechi_denied_requests_total", "unknown" if credential else "missing").inc()
        if not credential:
            raise Unauthenticated("an API key is needed: Authorization: Bearer hk_..., made by haechi keys create")
        raise Unauthenticated("the API key is not valid: unknown, revoked or mistyped; see haechi keys list")

    def _check_quota(self, entry: _Entry, scope: Scope, now: float) -> None:
        key = entry.key
        wait_s = entry.bucket.take() if entry.bucket else 0.0
        if wait_s:
            self._count(key, "over_quota")
            raise OverQuota(f"the API key {key.id} may make {key.requests_per_second:g} requests per second", wait_s)
        if scope is Scope.INGEST and key.bytes_per_day is not None and entry.bytes.total(now) >= key.bytes_per_day:
            self._count(key, "over_quota")
            raise OverQuota(f"the API key {key.id} has sent its {key.bytes_per_day} bytes of today", seconds_left(now))

    def _count(self, key: Key, outcome: str) -> None:
        self._metrics.counter("haechi_key_requests_total", key.id, outcome).inc()

    def _write_usage(self, day: str) -> None:
        added = {key_id: count for key_id, entry in self._entries.items() if (count := entry.bytes.take_added())}
        if not added:
            return
        try:
            self._source.add_usage(day, added)
        except MetadataUnavailable:
            for key_id, count in added.items():
                self._entries[key_id].bytes.give_back(count)
            raise

    def _read_usage(self, day: str) -> None:
        usage = self._source.usage(day)
        for key_id, entry in self._entries.items():
            entry.bytes.learn(usage.get(key_id, 0), self._clock())

    def _keep_up(self) -> None:
        while not self._stopping.wait(KEYS_REFRESH_S):
            self._try_to_refresh()

    def _try_to_refresh(self) -> None:
        try:
            self.refresh()
        except MetadataUnavailable as error:
            if self._reachable:
                logger.warning("%s; the keys known until now stay valid", error)
            self._reachable = False
        else:
            self._reachable = True
