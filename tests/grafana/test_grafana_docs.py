"""``docs/grafana.md`` and the provisioning files fit together."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "grafana.md").read_text("utf-8")
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
DATASOURCE = yaml.safe_load((PROVISIONING / "datasources" / "haechi.yaml").read_text())
DASHBOARDS = yaml.safe_load((PROVISIONING / "dashboards" / "haechi.yaml").read_text())
COMPOSE = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])["services"]["grafana"]


def test_every_variable_of_the_data_source_is_set_in_the_example_and_explained() -> None:
    """Grafana replaces $NAME in provisioning files; an unset one would be an empty host."""
    (source,) = DATASOURCE["datasources"]
    used = set(re.findall(r"\$(\w+)", json.dumps(source)))
    assert used == {name for name in COMPOSE["environment"] if name.startswith("HAECHI_")}
    assert [name for name in used if f"`{name}`" not in PAGE] == []
    assert source["type"] == COMPOSE["environment"]["GF_INSTALL_PLUGINS"] == "grafana-clickhouse-datasource"


def test_the_example_mounts_what_is_provisioned() -> None:
    """The folder that Grafana reads is the one with the dashboards."""
    mounts = dict(volume.split(":") for volume in COMPOSE["volumes"])
    assert all((ROOT / source).is_dir() for source in mounts)
    (provider,) = DASHBOARDS["providers"]
    assert provider["options"]["path"] in mounts.values()
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"


@pytest.mark.parametrize("name", ["requests.json", "otel-traces.json"])
def test_every_dashboard_is_on_the_page_with_its_title(name: str) -> None:
    """Under the name that Grafana shows, with the provisioned data source chosen."""
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / name).read_text("utf-8"))
    assert f"[{dashboard['title']}](../deploy/grafana/dashboards/{name})" in PAGE
    chosen = next(one for one in dashboard["templating"]["list"] if one["type"] == "datasource")
    assert chosen["current"]["value"] == DATASOURCE["datasources"][0]["uid"]
