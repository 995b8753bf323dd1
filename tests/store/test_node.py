"""ClickHouse's own JavaScript client, unmodified, finds a ClickHouse."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from haechi_collector.store.client import StoreClient
from haechi_collector.store.supervisor import EmbeddedStore

SOURCE = Path(__file__).parent / "node"


@pytest.fixture
def script(pytestconfig: pytest.Config) -> Path:
    """The script beside its installed dependency, in pytest's cache."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("haechi-clickhouse-js")
    wanted = (SOURCE / "package.json").read_text()
    if not (folder / "done").exists() or (folder / "done").read_text() != wanted:
        shutil.copy(SOURCE / "package.json", folder)
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=100)
        (folder / "done").write_text(wanted)
    return Path(shutil.copy(SOURCE / "client.mjs", folder))


def test_queries_inserts_streams_and_errors(store: EmbeddedStore, client: StoreClient, script: Path) -> None:
    """With compression in both directions."""
    command = ["node", str(script), store.dsn.url, store.dsn.user, store.dsn.password]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "ping": True,
        "written": "2",
        "rows": [{"a": 1, "b": "한글 'x'"}, {"a": 2, "b": "y"}],
        "query_id": True,
        "json": [{"n": 1002}],
        "streamed": 200_000,
        "error": ["60", "UNKNOWN_TABLE"],
        "within": "395",
    }
    assert client.command("EXISTS TABLE js") == 0
