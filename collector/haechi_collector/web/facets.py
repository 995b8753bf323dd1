"""What may be typed into the field of filters: names first, then the values that occur in the window."""

from typing import Final

from haechi_collector.query.attribute_keys import attribute_keys
from haechi_collector.query.dimensions import ATTRIBUTE, FILTERS, dimension
from haechi_collector.query.engine import Engine
from haechi_collector.query.facets import FacetsQuestion, facets
from haechi_collector.query.scope import Scope
from haechi_collector.web.formats import count

_KEYS_READ: Final = 200
_SHOWN: Final = 12


async def names_of(engine: Engine, scope: Scope, text: str) -> list[tuple[str, str]]:
    """Return the filters whose names hold a text; after ``attr:`` the attributes there are, with how many spans.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    wanted = text.strip().lower()
    if not wanted.startswith(ATTRIBUTE):
        return [(name, "") for name in (*FILTERS, ATTRIBUTE) if wanted in name]
    found = (await attribute_keys(engine, scope, _KEYS_READ))["attributes"]
    named = [(f"{ATTRIBUTE}{row['key']}", count(row["spans"])) for row in found]
    return [pair for pair in named if wanted.removeprefix(ATTRIBUTE) in pair[0].lower()][:_SHOWN]


async def values_of(engine: Engine, scope: Scope, name: str, text: str) -> list[tuple[str, str]]:
    """Return values that begin with a text, each with how many spans have it, the most frequent first.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    if name not in FILTERS and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
        return []
    question = FacetsQuestion(dimension(name, "filter"), scope, text.strip(), _SHOWN)
    found = await facets(engine, question)
    return [(row["value"], count(row["spans"])) for row in found["values"]]
