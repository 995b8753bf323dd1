"""Write the dashboards: `python deploy/grafana/make_dashboards.py`. What they show is in the modules beside it."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from otel_dashboard import otel_dashboard  # noqa: E402  after the path
from requests_dashboard import requests_dashboard  # noqa: E402

DASHBOARDS = {"requests.json": requests_dashboard, "otel-traces.json": otel_dashboard}


def text(name: str) -> str:
    """Return the file of that name."""
    return json.dumps(DASHBOARDS[name](), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file in DASHBOARDS:
        (HERE / "dashboards" / file).write_text(text(file), "utf-8")
