"""The dashboards of deploy/grafana: their JSON, and every query of theirs on the real engine over filled tables."""

import importlib.util
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests import filled
from tests.grafana.macros import Sent
from tests.questions import FROM, TO, Answering, answering

from haechi.client import Client, Rows

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(GRAFANA.glob("dashboards/*.json"))}
PANELS = [
    (f"{name}: {panel['title']}", panel)
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
VARIABLES = [
    (f"{name}: {variable['name']}", variable["query"]["rawSql"])
    for name, dashboard in DASHBOARDS.items()
    for variable in dashboard["templating"]["list"]
    if variable["type"] == "query"
]
UNITS = {"short", "percentunit", "ms", "currencyUSD", "cpm", "reqps"}
"""Grafana's ids of units that we use; an unknown one is shown as a word behind the number."""

SENT = Sent(datetime.fromisoformat(FROM), datetime.fromisoformat(TO), 3600)
CHOSEN = replace(
    SENT,
    chosen={
        "service": ["support-bot", "search"],
        "model": ["gpt-4o", "in-house"],
        "environment": ["production", "staging"],
    },
)
NUMBER = re.compile(r"(Nullable\()?(U?Int|Float|Decimal)")
CALLS = [row for row in filled.spans() if row["operation"] == "chat"]


@dataclass(frozen=True)
class Store:
    """The API over filled tables, as a dashboard asks it."""

    api: Answering
    client: Client

    def ask(self, sql: str, sent: Sent = SENT) -> Rows:
        return self.client.sql(sent.expand(sql)).rows()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with answering(tmp_path_factory.mktemp("grafana")) as api, Client(api.url) as client:
        api.fill(filled.spans(), filled.scores())
        values = (
            "('a', 'spans', '2026-09-21 15:00:00', 10, 7, 2, 1), ('a', 'spans', '2026-09-21 16:00:00', 20, 20, 0, 0)"
        )
        api.client.command(
            f"INSERT INTO ledger (collector, signal, at, accepted, stored, queued, dead) VALUES {values}"
        )
        yield Store(api, client)


def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_dashboards", GRAFANA / "make_dashboards.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_those_of_the_code() -> None:
    """`python deploy/grafana/make_dashboards.py` was run after the last change."""
    maker = made()
    assert {path.name: path.read_text("utf-8") for path in GRAFANA.glob("dashboards/*")} == {
        name: maker.text(name) for name in maker.DASHBOARDS
    }


def is_time(kind: str) -> bool:
    return kind.startswith("DateTime")


@pytest.mark.parametrize("sent", [SENT, CHOSEN], ids=["all", "chosen"])
@pytest.mark.parametrize(("name", "panel"), PANELS, ids=[name for name, _ in PANELS])
def test_every_panel_answers(store: Store, name: str, panel: dict[str, Any], sent: Sent) -> None:
    """With rows, and columns of the kinds that the panel draws; of all values, and of chosen ones."""
    (target,) = panel["targets"]
    rows = store.ask(target["rawSql"], sent)
    assert len(rows) > 0, name
    kinds = dict(zip(rows.columns, rows.types, strict=True))
    {"timeseries": check_series, "stat": check_stat, "table": check_table}[panel["type"]](rows, kinds, panel, sent)
    floats = [one for row in rows.tuples for one in row if isinstance(one, float)]
    assert all(math.isfinite(one) for one in floats)
    numbers = [one for row in rows.tuples for one in row if isinstance(one, int | float) and not isinstance(one, bool)]
    assert any(one > 0 for one in numbers), name


def check_series(rows: Rows, kinds: dict[str, str], panel: dict[str, Any], sent: Sent) -> None:
    """Time first and in order, within the range; at most one label, else numbers: what long rows become series by."""
    assert rows.columns[0] == "time"
    assert is_time(kinds["time"])
    times = [row[0].replace(tzinfo=UTC) for row in rows.tuples]
    assert times == sorted(times)
    assert sent.begin <= times[0] <= times[-1] <= sent.end
    rest = [kind for column, kind in kinds.items() if column != "time"]
    labels = [kind for kind in rest if not NUMBER.match(kind)]
    assert len(labels) <= 1
    assert len(rest) > len(labels)
    assert panel["interval"] == "$interval"
    assert panel["targets"][0]["format"] == 0


def check_stat(rows: Rows, kinds: dict[str, str], panel: dict[str, Any], _: Sent) -> None:
    """One number."""
    assert rows.columns == ("value",)
    assert len(rows) == 1
    assert NUMBER.match(kinds["value"])
    assert panel["targets"][0]["format"] == 1


def check_table(rows: Rows, kinds: dict[str, str], panel: dict[str, Any], _: Sent) -> None:
    """Columns that settings name exist; linked ones hold ids of traces, those with a unit numbers."""
    for override in panel["fieldConfig"]["overrides"]:
        column = override["matcher"]["options"]
        assert column in kinds
        for one in override["properties"]:
            if one["id"] == "unit":
                assert NUMBER.match(kinds[column])
            else:
                assert all(re.fullmatch("[0-9a-f]{32}", row[column]) for row in rows)
    assert panel["targets"][0]["format"] == 1


@pytest.mark.parametrize(("name", "sql"), VARIABLES, ids=[name for name, _ in VARIABLES])
def test_every_variable_offers_what_is_there(store: Store, name: str, sql: str) -> None:
    """The values of its column, in order, without an empty one."""
    values = [one for (one,) in store.ask(sql).tuples]
    expected = {
        "service": {"support-bot", "search"},
        "model": {row["request_model"] for row in CALLS},
        "environment": {"production"} if "otel" in name else {"production", "staging"},
    }
    assert values == sorted(expected[name.rpartition(" ")[2]])


def value(store: Store, title: str, sent: Sent = SENT) -> Any:
    (panel,) = [panel for name, panel in PANELS if name == f"requests.json: {title}"]
    return store.ask(panel["targets"][0]["rawSql"], sent)[0]["value"]


def test_figures_are_those_of_the_rows_and_of_the_api(store: Store) -> None:
    """Requests, errors, cost and unpriced requests, for all and for one model."""
    for sent, calls in [
        (SENT, CALLS),
        (replace(SENT, chosen={"model": ["gpt-4o"]}), [row for row in CALLS if row["request_model"] == "gpt-4o"]),
    ]:
        summary = store.client.summary(from_=FROM, to=TO, model=sent.chosen.get("model"))
        assert value(store, "Requests", sent) == len(calls) == summary.total_requests
        failed = sum(row["status_code"] == "error" for row in calls) / len(calls)
        assert value(store, "Error rate", sent) == pytest.approx(failed)
        money = sum((row["cost_usd"] for row in calls if row["cost_usd"] is not None), Decimal(0))
        assert value(store, "Cost", sent) == pytest.approx(float(money))
        assert value(store, "Unpriced requests", sent) == summary.unpriced_requests
        assert value(store, "p95 latency", sent) == pytest.approx(summary.p95_latency_ms, rel=0.02)


def test_a_chosen_value_is_never_sql(store: Store) -> None:
    """A quote in a service's name is a part of the name."""
    assert value(store, "Requests", replace(SENT, chosen={"service": ["o'hara') OR 1=1 --"]})) == 0


def test_nothing_is_unknown_and_not_zero(store: Store) -> None:
    """Where there are no requests there is no percentile and no cost."""
    nobody = replace(SENT, chosen={"service": ["nobody"]})
    for title in ("Error rate", "p95 latency", "p95 time to first token", "Cost"):
        assert value(store, title, nobody) is None
    assert value(store, "Requests", nobody) == 0


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_one_that_grafana_reads(name: str) -> None:
    """Ids once, no overlap, within the grid, units that exist, variables that are used, no id of an installation."""
    dashboard = DASHBOARDS[name]
    assert (dashboard["id"], dashboard["schemaVersion"]) == (None, 39)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [cell for panel in panels for cell in cells_of(panel["gridPos"])]
    assert len(cells) == len(set(cells))
    assert all(0 <= x < 24 for x, _ in cells)
    text = json.dumps(panels)
    assert [
        one["name"] for one in dashboard["templating"]["list"] if f"${one['name']}" not in text.replace("{", "")
    ] == []
    for _, panel in [one for one in PANELS if one[0].startswith(name)]:
        config = panel["fieldConfig"]
        overridden = [p["value"] for o in config["overrides"] for p in o["properties"] if p["id"] == "unit"]
        assert {config["defaults"]["unit"], *overridden} <= UNITS
        assert panel["datasource"] == {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
        assert panel["title"]


def cells_of(place: dict[str, int]) -> list[tuple[int, int]]:
    return [(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])]
