"""``haechi doctor`` on real ports, a real collector API and a real engine."""

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from haechi_collector.config import Config
from haechi_collector.doctor import Check, checks, run_doctor


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Free ports, an empty directory, no collector at the web port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = taken.getsockname()[1]
    return Config(data_dir=tmp_path / "data", grpc_port=0, http_port=0, web_port=web, store_port=0)


def found(config: Config) -> dict[str, Check]:
    return {check.subject: check for check in checks(config)}


def test_a_fresh_machine_fails_nothing(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    """It warns that no collector runs and says how to start one."""
    assert run_doctor(config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line[:4].strip() in {"ok", "warn"} for line in lines)
    assert any(line.startswith("warn  collector: none runs") and "haechi serve" in line for line in lines)
    assert not config.data_dir.exists()


def test_every_finding_that_is_not_ok_carries_a_remedy(config: Config, store_url: str) -> None:
    """A fault without a way out helps nobody."""
    broken = dataclasses.replace(config, data_dir=Path("/proc/x"), clickhouse=store_url, prices=Path("/nope.toml"))
    checked = found(broken)
    assert {c.subject for c in checked.values() if c.state == "fail"} == {"data directory", "tables", "price book"}
    assert all(check.remedy for check in checked.values() if check.state != "ok")
    assert run_doctor(broken) == 1


def test_a_held_port_is_a_fault_unless_a_collector_holds_it(config: Config, api_url: str) -> None:
    """The remedy names the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        held = dataclasses.replace(config, http_port=taken.getsockname()[1])
        check = found(held)["http port"]
        assert (check.state, "--http-port" in check.remedy) == ("fail", True)
        running = dataclasses.replace(held, web_port=int(api_url.rpartition(":")[2]))
        assert found(running)["http port"].state == "ok"


def test_a_running_collector_is_asked_for_its_parts(config: Config, api_url: str, parts: Any) -> None:
    """What ``/readyz`` says is said here."""
    running = dataclasses.replace(config, web_port=int(api_url.rpartition(":")[2]))
    assert found(running)["collector"].state == "ok"
    before = parts.states
    parts.states = {**before, "journal": "disk full"}
    check = found(running)["collector"]
    parts.states = before
    assert check.state == "fail"
    assert "journal: disk full" in check.finding


def test_the_store_is_asked_through_the_dsn(config: Config, full_store: str) -> None:
    """Version, clock, tables, and what has no price."""
    address = full_store.removeprefix("http://")
    checked = found(dataclasses.replace(config, clickhouse=f"http://reader:hunter2@{address}/doctor"))
    assert checked["store"].finding.startswith("ClickHouse ")
    assert checked["clock"].state == checked["tables"].state == "ok"
    assert checked["prices of the last day"].state == "warn"
    assert "hanbit/hanbit-ko-7b (2 calls)" in checked["prices of the last day"].finding
    assert not any("hunter2" in str(check) for check in checked.values())


def test_a_dead_server_is_a_fault(config: Config) -> None:
    """Not an exception."""
    check = found(dataclasses.replace(config, clickhouse="http://127.0.0.1:1/haechi"))["store"]
    assert check.state == "fail"


@pytest.fixture
def full_store(store_url: str) -> Iterator[str]:
    """The engine with a database that has every table."""
    statements = [
        "CREATE DATABASE doctor",
        (
            "CREATE TABLE doctor.spans (start_time DateTime64(9), provider String, request_model String, "
            "cost_source String) ENGINE = Memory"
        ),
        "INSERT INTO doctor.spans SELECT now64(9), 'hanbit', 'hanbit-ko-7b', 'unpriced' FROM numbers(2)",
        *[
            f"CREATE TABLE doctor.{t} (a UInt8) ENGINE = Memory"
            for t in ("logs", "metric_points", "scores", "otel_traces")
        ],
    ]
    for sql in statements:
        answer = httpx2.post(f"{store_url}/", content=sql)
        assert answer.status_code == 200, answer.text
    yield store_url
    httpx2.post(f"{store_url}/", content="DROP DATABASE doctor")
