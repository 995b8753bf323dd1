"""API keys and their quotas: what is kept, what is compared, what a running gate follows."""

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.gate.conftest import draft

from haechi_collector.errors import Forbidden, MetadataUnavailable, OverQuota, SettingError, Unauthenticated
from haechi_collector.gate.credentials import credential_of_metadata, credential_of_page
from haechi_collector.gate.gate import Caller, KeyGate, OpenGate
from haechi_collector.gate.key_store import KeyStore
from haechi_collector.gate.keys import Scope, id_of
from haechi_collector.gate.quota import Bucket, DayBytes
from haechi_collector.metadata.database import Database
from haechi_collector.telemetry import Metrics


class Clock:
    """A time that a test sets."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(key_store: KeyStore, clock: Clock) -> KeyGate:
    return KeyGate(key_store, Metrics(), clock)


def test_a_key_names_its_id_and_holds_256_random_bits(key_store: KeyStore) -> None:
    """``hk_<id>_<64 hexadecimal digits>``; no two are alike."""
    made = [key_store.create(draft("p", Scope.READ)) for _ in range(20)]
    assert all(re.fullmatch(r"hk_[0-9a-f]{12}_[0-9a-f]{64}", text) for _, text in made)
    assert [id_of(text) for _, text in made] == [key.id for key, _ in made]
    assert len({text[16:] for _, text in made}) == 20


def test_only_the_digest_is_kept(key_store: KeyStore, tmp_path: Path) -> None:
    """No file of the metadata holds the secret; the digest is the SHA-256 of the key's text."""
    key, text = key_store.create(draft("p", Scope.READ))
    assert key.digest == hashlib.sha256(text.encode()).hexdigest()
    files = [file.read_bytes() for file in tmp_path.iterdir()]
    assert not any(text[16:].encode() in content for content in files)
    assert text[16:] not in repr(key)
    assert key.digest not in repr(key)


def test_what_was_made_is_listed_as_it_was_made(key_store: KeyStore) -> None:
    """Every field comes back; a revoked key only where it is asked for."""
    limits = {"requests_per_second": 2.5, "bytes_per_day": 10**12, "expires_at": 4_000_000_000}
    key, _ = key_store.create(draft("p", Scope.INGEST, Scope.ADMIN, **limits))
    assert key_store.keys() == [key]
    gone = key_store.revoke(key.id, 5)
    assert (gone, key_store.revoke(key.id, 6)) == (replace(key, revoked_at=5), gone)
    assert (key_store.keys(), key_store.keys(revoked=True)) == ([], [gone])
    with pytest.raises(SettingError, match="there is no key 0"):
        key_store.revoke("0", 5)


def test_a_gate_follows_what_changes(key_store: KeyStore, gate: KeyGate) -> None:
    """Made after the start: let in after the next reading. Revoked: out after the next."""
    gate.refresh()
    key, text = key_store.create(draft("p", Scope.READ))
    with pytest.raises(Unauthenticated):
        gate.admit(text, Scope.READ)
    gate.refresh()
    assert gate.admit(text, Scope.READ) == Caller("p", "p", key.id, may_send=False)
    key_store.revoke(key.id, 5)
    gate.refresh()
    with pytest.raises(Unauthenticated):
        gate.admit(text, Scope.READ)


def test_scopes(key_store: KeyStore, gate: KeyGate) -> None:
    """A key does what its scopes say; admin does everything and sees every project."""
    texts = {scope: key_store.create(draft("p", scope))[1] for scope in Scope}
    gate.refresh()
    for held, text in texts.items():
        for asked in Scope:
            if asked is held or held is Scope.ADMIN:
                assert gate.admit(text, asked).sees == (None if held is Scope.ADMIN else "p")
            else:
                with pytest.raises(Forbidden, match=f"lacks the scope {asked}"):
                    gate.admit(text, asked)


@pytest.mark.parametrize("wrong", ["", "hk_", "x", "hk_" + "0" * 12 + "_" + "0" * 64, "hk_ü", "\ud800", "0" * 10_000])
def test_what_is_no_key_is_refused(wrong: str, key_store: KeyStore, gate: KeyGate) -> None:
    """Whatever the text, one kind of answer; it holds no part of what was sent."""
    key, text = key_store.create(draft("p", Scope.READ))
    gate.refresh()
    for credential in (wrong, text[:-1], text + "0", text.upper(), f"hk_{key.id}_" + "0" * 64):
        with pytest.raises(Unauthenticated) as refused:
            gate.admit(credential, Scope.READ)
        assert text[16:] not in str(refused.value)


def test_an_expired_key_is_refused_at_its_second(key_store: KeyStore, clock: Clock, gate: KeyGate) -> None:
    """It works until its time, and not from then on; the answer says which and what to do."""
    _, text = key_store.create(draft("p", Scope.READ, expires_at=int(clock.now) + 10))
    gate.refresh()
    clock.now += 9.9
    assert gate.admit(text, Scope.READ)
    clock.now += 0.1
    with pytest.raises(Unauthenticated, match="has expired; make a new one"):
        gate.admit(text, Scope.READ)


def test_requests_per_second(key_store: KeyStore, clock: Clock, gate: KeyGate) -> None:
    """As many at once as in a second, then one for each that has grown back; the answer says when."""
    _, text = key_store.create(draft("p", Scope.READ, requests_per_second=2.0))
    gate.refresh()
    for _ in range(2):
        gate.admit(text, Scope.READ)
    with pytest.raises(OverQuota) as refused:
        gate.admit(text, Scope.READ)
    assert refused.value.retry_after_s == pytest.approx(0.5)
    clock.now += 0.5
    assert gate.admit(text, Scope.READ)
    clock.now += 100
    assert [bool(gate.admit(text, Scope.READ)) for _ in range(2)] == [True, True]
    with pytest.raises(OverQuota):
        gate.admit(text, Scope.READ)


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    """Nor does it take tokens that are there."""
    clock = Clock()
    bucket = Bucket(1.0, clock)
    assert bucket.take() == 0
    clock.now -= 1000
    assert bucket.take() == pytest.approx(1.0)
    clock.now += 1
    assert bucket.take() == 0


def test_bytes_of_a_day_are_shared_and_end_with_the_day(key_store: KeyStore, clock: Clock) -> None:
    """Two gates on the same keys count together; with the next UTC day they begin anew."""
    clock.now = 1_800_000_000.0 // 86_400 * 86_400 + 86_000
    _, text = key_store.create(draft("p", Scope.INGEST, Scope.READ, bytes_per_day=100))
    gates = [KeyGate(key_store, Metrics(), clock) for _ in range(2)]
    for gate in gates:
        gate.refresh()
        gate.charge(gate.admit(text, Scope.INGEST), 60)
    for gate in [*gates, *gates]:
        gate.refresh()
    for gate in gates:
        with pytest.raises(OverQuota, match="has sent its 100 bytes of today") as refused:
            gate.admit(text, Scope.INGEST)
        assert refused.value.retry_after_s == pytest.approx(400)
        assert gate.admit(text, Scope.READ)
    clock.now += 400
    assert all(gate.admit(text, Scope.INGEST) for gate in gates)
    assert list(key_store.usage("2027-01-15").values()) == [120]


def test_metadata_that_does_not_answer_changes_nothing(
    key_store: KeyStore, gate: KeyGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys known last go on, and no counted byte is lost."""
    _, text = key_store.create(draft("p", Scope.INGEST, bytes_per_day=1000))
    gate.refresh()
    gate.charge(gate.admit(text, Scope.INGEST), 70)

    def silent(*_: object) -> None:
        raise MetadataUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(key_store, "add_usage", silent)
        for _ in range(2):
            with pytest.raises(MetadataUnavailable):
                gate.refresh()
        assert gate.admit(text, Scope.INGEST)
    gate.refresh()
    gate.refresh()
    assert sum(sum(key_store.usage(day).values()) for day in ("2027-01-15",)) == 70


def test_bytes_that_are_added_while_others_are_written_down_are_kept() -> None:
    """What was taken to be written counts all the while."""
    day = DayBytes()
    day.add(5, 0.0)
    taken = day.take_added()
    day.add(3, 0.0)
    assert (taken, day.total(0.0)) == (5, 8)
    day.give_back(taken)
    assert (day.total(0.0), day.take_added()) == (8, 8)


def test_a_key_of_the_process_itself_is_nowhere_kept(key_store: KeyStore, gate: KeyGate) -> None:
    """The sample traffic's key comes in and is in no list."""
    gate.refresh()
    text = gate.issue("default", frozenset({Scope.INGEST}))
    gate.charge(gate.admit(text, Scope.INGEST), 10)
    assert (gate.count, key_store.keys(revoked=True)) == (0, [])


def test_without_keys_everyone_is_the_default_project() -> None:
    """And sees everything."""
    assert OpenGate().admit("", Scope.ADMIN) == Caller("default", None, "")


KEY = "hk_" + "1" * 12 + "_" + "2" * 64


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {KEY}")],
        [("authorization", f"bearer   {KEY} ")],
        [("x-haechi-key", KEY)],
        [("authorization", "Bearer token-of-a-proxy"), ("x-haechi-key", KEY)],
        [("x-clickhouse-key", KEY)],
    ],
)
def test_a_key_is_found_wherever_clients_put_it(headers: list[tuple[str, str]]) -> None:
    """In gRPC's metadata and in HTTP headers alike."""
    assert credential_of_metadata([*headers, ("x-bin", b"\x00")]) == KEY
    assert credential_of_page([(name.encode(), value.encode()) for name, value in headers]) == KEY


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Basic \xff")],
        [(b"authorization", b"Digest x")],
        [(b"authorization", b"")],
        [(b"cookie", b"\x00=;haechi_key")],
        [(b"cookie", b"a" * 100_000)],
    ],
)
def test_what_cannot_be_read_is_no_key(headers: list[tuple[bytes, bytes]]) -> None:
    """No text makes the reading fail."""
    assert not credential_of_page(headers, b"%zz&" * 1000).startswith("hk_")


# --- the database -----------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """The message names the file."""
    (tmp_path / "metadata.sqlite3").write_text("not a database, and long enough to be taken for one" * 50)
    with pytest.raises(MetadataUnavailable, match=r"metadata\.sqlite3: file is not a database"):
        Database.open_file(tmp_path / "metadata.sqlite3")


def test_a_database_of_a_newer_version_is_refused(key_store: KeyStore, tmp_path: Path) -> None:
    """It is left as it is."""
    key_store.close()
    with sqlite3.connect(tmp_path / "metadata.sqlite3") as newer:
        newer.execute("INSERT INTO metadata_migrations VALUES (9999, 'later', 0)")
    newer.close()
    with pytest.raises(SettingError, match="belongs to a newer version"):
        Database.open_file(tmp_path / "metadata.sqlite3")


def test_two_processes_write_at_once(key_store: KeyStore, tmp_path: Path) -> None:
    """A second opening of the file waits for the first and loses nothing."""
    second = KeyStore(Database.open_file(tmp_path / "metadata.sqlite3"))
    for number in range(10):
        (key_store if number % 2 else second).create(draft("p", Scope.READ))
    assert len(second.keys()) == len(key_store.keys()) == 10
    assert key_store.revision() == 11
    second.close()


def test_no_password_is_in_a_message() -> None:
    """Neither when PostgreSQL does not answer nor when the DSN is none."""
    for dsn in ("postgresql://me:geheim@127.0.0.1:9/db", "postgresql://me:geheim@127.0.0.1:port/db"):
        with pytest.raises((MetadataUnavailable, SettingError)) as told:
            Database.open_dsn(dsn)
        assert "geheim" not in str(told.value)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server on a socket of its own; its DSN. It does not run as root, so root starts it as nobody."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    as_whom = {"user": "nobody"} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="haechi-pg-"))  # short: the path of a socket has at most 107 bytes
    if as_whom:
        shutil.chown(home, "nobody")

    def run(program: str, *words: str) -> None:
        command = [str(programs / program), "-D", str(home / "data"), *words]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, **as_whom)  # type: ignore[call-overload]

    run("initdb", "-U", "haechi", "-A", "trust", "-N")
    run("pg_ctl", "-w", "-l", str(home / "log"), "-o", f"-c listen_addresses='' -k {home} -c fsync=off", "start")
    yield f"postgresql://haechi@/postgres?host={home}"
    run("pg_ctl", "-m", "immediate", "stop")
    shutil.rmtree(home)


def test_the_same_keys_on_postgresql(postgresql: str, clock: Clock) -> None:
    """Two collectors on one PostgreSQL: keys, revocations and the bytes of a day are common."""
    stores = [KeyStore(Database.open_dsn(postgresql)) for _ in range(2)]
    key, text = stores[0].create(draft("p", Scope.INGEST, bytes_per_day=100, requests_per_second=50.0))
    assert stores[1].keys() == [key]
    gates = [KeyGate(store, Metrics(), clock) for store in stores]
    for gate in [*gates, *gates]:
        gate.refresh()
        gate.charge(gate.admit(text, Scope.INGEST), 30)
    for gate in [*gates, *gates]:
        gate.refresh()
    with pytest.raises(OverQuota):
        gates[1].admit(text, Scope.INGEST)
    stores[1].revoke(key.id, 5)
    gates[0].refresh()
    with pytest.raises(Unauthenticated):
        gates[0].admit(text, Scope.INGEST)
    for store in stores:
        store.close()
