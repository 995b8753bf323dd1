"""docs/page.md says what the page does."""

import re
from pathlib import Path

from haechi_collector.limits import PAGE_CLIENTS_MAX
from haechi_collector.web.pages import PAGES

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "page.md").read_text("utf-8")


def test_every_key_of_the_navigation_is_there() -> None:
    """In the order of the names beside them."""
    row = next(line for line in TEXT.splitlines() if line.startswith("| `g` then"))
    keys, names = re.findall(r"`(\w)`", row)[1:], re.findall(r"[A-Za-z]+", row.split("|")[2])
    titles = {page.key: page.title.en.lower() for page in PAGES if page.key}
    assert {key: name.lower() for key, name in zip(keys, names, strict=True)} == titles


def test_every_picture_is_small_enough_and_shown() -> None:
    """At most 250 KB, and none that no page shows."""
    for picture in (DOCS / "images").glob("*.png"):
        assert picture.stat().st_size <= 250_000, picture.name
    shown = {name for page in DOCS.glob("*.md") for name in re.findall(r"\(images/([\w-]+\.png)\)", page.read_text())}
    assert {picture.name for picture in (DOCS / "images").glob("*.png")} - shown == set()


def test_the_limit_of_open_pages_is_the_codes() -> None:
    """As a number of the docs."""
    assert f"{PAGE_CLIENTS_MAX} pages are open at once" in TEXT
