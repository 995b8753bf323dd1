"""Write the reference tables of docs/ from the code: `python docs/make_reference.py`."""

from pathlib import Path

from haechi_collector.config import SETTINGS
from haechi_collector.telemetry import DEFINITIONS

DOCS = Path(__file__).parent


def settings() -> str:
    """Return docs/settings.md."""
    rows = "\n".join(
        f"| `{name}` | `--{name.replace('_', '-')}` | `HAECHI_{name.upper()}` "
        f"| {_default(s.default)} | {s.metadata['help']} |"
        for name, s in SETTINGS.items()
    )
    return f"""# Settings

Each setting has one name and three spellings. Highest first: command line, environment, the TOML file given with
`--config` (or `HAECHI_CONFIG`), the default. An unknown key or a value that does not fit stops the program with one
line that names it as you typed it.

| TOML key | option | environment | default | meaning |
|---|---|---|---|---|
{rows}
"""


def _default(value: object) -> str:
    return "" if value is None else f"`{value}`".lower() if isinstance(value, bool) else f"`{value}`"


def metrics() -> str:
    """Return docs/metrics.md."""
    rows = "\n".join(
        f"| `{d.name}` | {d.kind.__name__.lower()} | {', '.join(f'`{x}`' for x in d.labels)} | {d.help} | {d.remedy} |"
        for d in DEFINITIONS
    )
    return f"""# The collector's own metrics

`GET :8318/metrics`, in Prometheus' text format.

| metric | type | labels | meaning | when it looks wrong |
|---|---|---|---|---|
{rows}
"""


PAGES = {"settings.md": settings, "metrics.md": metrics}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (DOCS / page).write_text(text(), "utf-8")
