"""What could be saved: recommendations computed from the requests of a window.

Guarantee: a saving is exact arithmetic on stored costs, tokens and rates; each kind says in its own module how. The
savings overlap (a repeated request also has a prefix): they are listed by money and not added up.
"""

import asyncio
from typing import Any

from haechi_collector.query import limits
from haechi_collector.query.engine import Engine
from haechi_collector.query.money import text_of
from haechi_collector.query.recommendation import ranked
from haechi_collector.query.report_errors import paid_errors, unpriced
from haechi_collector.query.report_models import cheaper_models
from haechi_collector.query.report_prompts import prompts
from haechi_collector.query.report_repeats import repeats
from haechi_collector.query.report_texts import looked_at
from haechi_collector.query.scope import Scope
from haechi_collector.query.series import iso


async def report(engine: Engine, scope: Scope) -> dict[str, Any]:
    """Answer it.

    Raises:
        TooExpensive, StoreUnavailable, StoreError: as `Engine.ask`.
    """
    all_, texts = await looked_at(engine, scope)
    found = await asyncio.gather(
        prompts(engine, texts),
        repeats(engine, texts),
        cheaper_models(engine, all_),
        paid_errors(engine, all_, texts),
        unpriced(engine, all_),
    )
    listed = ranked([one for kind in found for one in kind], limits.REPORT_RECOMMENDATIONS_MAX)
    return {
        "from": iso(scope.window.from_ns),
        "to": iso(scope.window.to_ns),
        "requests": all_.requests,
        "cost_usd": text_of(all_.cost),
        "texts_from": iso(texts.scope.window.from_ns),
        "is_sampled": texts is not all_,
        "recommendations": [one.answer for one in listed],
    }
