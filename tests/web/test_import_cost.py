"""NiceGUI is imported where the page is served, and nowhere else."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        *("haechi_collector.app", "haechi_collector.cli", "haechi_collector.cli_sql", "haechi_collector.api.app"),
        *("haechi_collector.web.charts", "haechi_collector.web.login", "haechi"),
    ],
)
def test_others_do_not_pay_for_it(module: str) -> None:
    """Half a second and tens of megabytes."""
    code = f"import sys, {module}; sys.exit('nicegui' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
