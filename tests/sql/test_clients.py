"""The clients that people have connect to the door: real ones as they are, others by the statements that they send."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import clickhouse_connect
import httpx2
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from tests.sql.conftest import Door

from haechi_collector.store.embedded.packing import FrameReader

SENT = Path(__file__).parents[1] / "data" / "sql_clients"
NODE = Path(__file__).parent / "node"


def statements(name: str, *, refused: bool = False) -> list[str]:
    """The statements of a file, without the comments before them."""
    blocks = re.split(r"\n\s*\n", (SENT / f"{name}.sql").read_text("utf-8"))
    marked = [(re.sub(r"^--.*\n?", "", block, flags=re.MULTILINE).strip(), "-- refused:" in block) for block in blocks]
    return [sql for sql, is_refused in marked if sql and is_refused == refused]


@pytest.mark.parametrize("client", ["grafana", "jdbc", "dbeaver"])
def test_what_clients_send_by_themselves_is_answered(door: Door, client: str) -> None:
    """By the door, and by the store's own port for its user reader."""
    sent = statements(client)
    assert len(sent) >= 9
    wrong = [f"{sql}: {answer.text[:200]}" for sql in sent if (answer := door.ask(sql)).status_code != 200]
    assert wrong == []
    with httpx2.Client(trust_env=False, timeout=60) as http:
        answers = {
            sql: http.post(door.api.client.dsn.url, content=sql.encode(), params={"database": "haechi"}) for sql in sent
        }
    assert [f"{sql}: {a.text[:200]}" for sql, a in answers.items() if a.status_code != 200] == []


def test_what_is_refused_to_clients_says_why(door: Door) -> None:
    """And is marked as such in the files."""
    refused = [sql for client in ("grafana", "jdbc", "dbeaver") for sql in statements(client, refused=True)]
    assert [door.ask(sql).status_code for sql in refused] == [403] * len(refused)
    assert refused == ["SET readonly=1"]


@pytest.mark.parametrize("project", ["", "ours"])
@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_clickhouse_connect(door: Door, project: str, compress: Any) -> None:
    """With its defaults, by the path of a proxy, with a key as its password and without."""
    who = {"username": "haechi", "password": project} if project else {}
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=door.port, proxy_path="/sql", compress=compress, database="haechi", **who
    )
    sql = "SELECT request_model, count() FROM spans WHERE request_model = {m:String} GROUP BY 1"
    assert client.query(sql, parameters={"m": "gpt-4o"}).result_rows == [("gpt-4o", 25 if project else 26)]
    assert client.query_arrow("SELECT trace_id, cost_usd FROM spans").num_rows == (100 if project else 101)
    assert client.command("SELECT max(output_tokens) FROM spans") == 99
    with client.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
        assert sum(len(block) for block in blocks) == 200_000
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'
    with pytest.raises(DatabaseError, match="497"):
        client.command("SELECT file('/etc/passwd')")
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT nope FROM spans")
    assert caught.value.code == 47
    client.close()


@pytest.fixture
def script(pytestconfig: pytest.Config) -> Path:
    """The script beside its installed dependency, in pytest's cache."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("haechi-sql-js")
    wanted = (NODE / "package.json").read_text()
    if not (folder / "done").exists() or (folder / "done").read_text() != wanted:
        shutil.copy(NODE / "package.json", folder)
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=100)
        (folder / "done").write_text(wanted)
    return Path(shutil.copy(NODE / "client.mjs", folder))


@pytest.mark.parametrize("project", ["", "ours"])
def test_clickhouses_javascript_client(door: Door, script: Path, project: str) -> None:
    """With the path in its URL, compressed answers, streams, parameters and errors."""
    done = subprocess.run(
        ["node", str(script), door.url, project], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "ping": True,
        "rows": [{"request_model": "gpt-4o", "calls": 25 if project else 26}],
        "streamed": 200_000,
        "parquet": "PAR1",
        "refused": "497",
        "unknown": "47",
    }


def test_clickhouses_own_compression_of_answers(door: Door) -> None:
    """JDBC and others ask for it by default (compress=1)."""
    answer = door.ask("SELECT number FROM numbers(100000)", compress="1", default_format="CSV")
    reader = FrameReader([answer.content])
    lines = b"".join(iter(lambda: reader.read(1 << 20), b"")).split()
    assert (len(lines), lines[-1]) == (100_000, b"99999")
