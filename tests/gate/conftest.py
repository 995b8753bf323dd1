"""A real store with our tables, the web port's application behind the gate, and keys of two projects."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import uvicorn

from haechi_collector.api.app import ApiState, create_api
from haechi_collector.gate.gate import KeyGate
from haechi_collector.gate.key_store import KeyStore
from haechi_collector.gate.keys import Key, Scope
from haechi_collector.metadata.database import Database
from haechi_collector.query.sql import SqlReader
from haechi_collector.store.client import StoreClient
from haechi_collector.store.migrate import migrate
from haechi_collector.store.supervisor import EmbeddedStore
from haechi_collector.telemetry import Metrics


def draft(project: str, *scopes: Scope, **more: object) -> Key:
    """A key to be made."""
    return Key("", "", project, frozenset(scopes), "", int(time.time()), **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Ready:
    """Every part works."""

    def parts(self) -> dict[str, str]:
        return {"store": "ok"}


@contextmanager
def served(app: object) -> Iterator[str]:
    """Serve an application on loopback; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@dataclass(frozen=True)
class Shared:
    """The web port over one store, and the keys: ``a`` and ``b`` read their projects, ``root`` everything."""

    url: str
    writer: StoreClient
    keys: dict[str, str]

    def ask(self, who: str, sql: str, **parameters: str) -> tuple[int, str]:
        """Run a query with a key; status and body."""
        headers = {"Authorization": f"Bearer {self.keys[who]}"}
        answer = httpx2.post(
            f"{self.url}/sql", params=parameters, content=sql, headers=headers, timeout=60, trust_env=False
        )
        return answer.status_code, answer.text


@pytest.fixture
def key_store(tmp_path: Path) -> Iterator[KeyStore]:
    """Keys in a file of SQLite."""
    store = KeyStore(Database.open_file(tmp_path / "metadata.sqlite3"))
    yield store
    store.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    directory = tmp_path_factory.mktemp("gate")
    store = EmbeddedStore(directory / "store", 0, is_open=False)
    store.start()
    writer = StoreClient.connect(store.dsn)
    migrate(writer)
    kept = KeyStore(Database.open_file(directory / "metadata.sqlite3"))
    keys = {name: kept.create(draft(name, Scope.READ))[1] for name in ("a", "b")}
    keys["root"] = kept.create(draft("a", Scope.ADMIN))[1]
    metrics = Metrics()
    gate = KeyGate(kept, metrics)
    gate.start()
    dsn = store.reader_dsn
    reader = SqlReader(dsn.url, dsn.user, dsn.password, dsn.database)
    with served(create_api(ApiState(Ready(), metrics.registry, reader, gate))) as url:
        yield Shared(url, writer, keys)
    gate.stop()
    kept.close()
    writer.close()
    store.stop()
