"""Which values a filter may take: those that occur in the window, the most frequent first."""

from typing import Final

from haechi_collector.query.dimensions import ATTRIBUTE, FILTERS, dimension
from haechi_collector.query.engine import Engine
from haechi_collector.query.grouped import Grouped
from haechi_collector.query.scope import Scope
from haechi_collector.web.formats import count

_VALUES_READ: Final = 200
_VALUES_SHOWN: Final = 12


async def values_of(engine: Engine, scope: Scope, name: str, text: str) -> list[tuple[str, str]]:
    """Return values that hold a text, each with how many requests have it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    if name not in FILTERS and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
        return []
    grouped = Grouped(scope, (dimension(name, "filter"),), _VALUES_READ)
    table = await engine.ask(grouped.rows(("count() AS requests",), "requests DESC"))
    wanted = text.strip().lower()
    found = [(str(row["g0"]), count(row["requests"])) for row in table.rows if wanted in str(row["g0"]).lower()]
    return [pair for pair in found if pair[0]][:_VALUES_SHOWN]
