"""The four doors, for pages that have nothing to show yet: commands to paste."""

from typing import Final

from haechi_collector.web import words
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator, Word
from haechi_collector.web.widgets import code

_DOORS: Final[tuple[tuple[Word, str], ...]] = (
    (words.DOOR_RUN, "pip install haechi\nhaechi run -- python app.py"),
    (
        words.DOOR_OTLP,
        "export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
    ),
    (words.DOOR_SQL, 'haechi sql "SELECT request_model, count(), sum(cost_usd) FROM spans GROUP BY 1"'),
    (words.DOOR_DEMO, "haechi demo --backfill 1h"),
)


def doors(t: Translator) -> Html:
    """Return them."""
    boxes = [tag("div", tag("h3", t(title)), code(t, command), class_="h-door") for title, command in _DOORS]
    return tag("div", tag("p", t(words.EMPTY_LEAD), class_="h-muted h-lead"), tag("div", boxes, class_="h-doors"))
