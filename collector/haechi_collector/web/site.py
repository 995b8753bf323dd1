"""Which pages there are, and which one a path means."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from haechi_collector.web.view import Page

_NAME: Final = re.compile(r"\\{(\w+)\\}")
_PART: Final = r"(?P<\1>[^/]{1,200})"


def find_page(pages: Sequence[Page], path: str) -> tuple[Page, Mapping[str, str]] | None:
    """Return the page at a path and the named parts of it; None where there is none."""
    for page in pages:
        found = re.fullmatch(_NAME.sub(_PART, re.escape(page.path)), path)
        if found:
            return page, found.groupdict()
    return None
