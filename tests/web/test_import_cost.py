"""NiceGUI is imported where the page is served, and nowhere else."""

import subprocess
import sys

MODULES = ("haechi", "haechi_collector.app", "haechi_collector.cli_sql", "haechi_collector.api.app")
PURE = ("haechi_collector.web.charts", "haechi_collector.web.login", "haechi_collector.web.view")


def test_others_do_not_pay_for_it() -> None:
    """Neither the collector, nor other commands, nor the API, nor the page's pure parts."""
    code = f"import sys, {', '.join(MODULES + PURE)}; sys.exit('nicegui' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
