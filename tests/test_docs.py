"""The documentation says what the program does."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from haechi_collector import cli

ROOT = Path(__file__).parent.parent


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["settings.md", "metrics.md", "tables.md"])
def test_reference_pages_are_those_of_the_code(page: str) -> None:
    """`python docs/make_reference.py` was run after the last change of a setting or a metric."""
    assert (ROOT / "docs" / page).read_text("utf-8") == reference().PAGES[page]()


def test_every_command_is_documented() -> None:
    """Each command of the command line stands in the README or in docs/."""
    text = "\n".join(p.read_text("utf-8") for p in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    commands = re.findall(r'add_parser\("(\w+)"', Path(cli.__file__).read_text())
    assert [c for c in commands if f"haechi {c}" not in text and f" {c} " not in text] == []


def links(page: Path) -> list[str]:
    return [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))]


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists."""
    local = [link for link in links(page) if link and "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []
