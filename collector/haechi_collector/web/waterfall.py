"""A trace's spans as a waterfall: the element, and what it is given.

Guarantee: a span's colour tells what it does (a model call, retrieval, a tool, an agent, anything else), whatever the
trace; the rows are those of the API's answer, depth first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nicegui.element import Element

from haechi_collector.web import formats, words
from haechi_collector.web import words_traces as own
from haechi_collector.web.canvas import STATIC
from haechi_collector.web.language import Translator

_COLORS: Final[Mapping[str, str]] = {
    "chat": "--series-1",
    "text_completion": "--series-1",
    "generate_content": "--series-1",
    "embeddings": "--series-7",
    "retrieval": "--series-2",
    "rerank": "--series-2",
    "execute_tool": "--series-3",
    "invoke_agent": "--series-4",
    "create_agent": "--series-4",
    "invoke_workflow": "--series-4",
}


class Waterfall(Element, component=STATIC / "waterfall.js"):
    """Draws `rows_of`; ``pick`` is told the id of a span that is chosen."""

    def __init__(self, t: Translator, pick: Callable[[str], Any]) -> None:
        super().__init__()
        labels = {"label": own.WATERFALL, "span": own.SPAN, "fold": own.FOLD, "ttft": words.TTFT}
        self._props["words"] = {name: t(word) for name, word in labels.items()}
        self._props.update({"spans": [], "duration": 0, "selected": ""})
        self.classes("t-wf").on("pick", lambda event: pick(str(event.args)))

    def draw(self, rows: Sequence[Mapping[str, Any]], duration_ms: float) -> None:
        """Show the spans of a trace."""
        self._props.update({"spans": rows, "duration": duration_ms})
        self.update()

    def select(self, span_id: str) -> None:
        """Mark a span and bring it into view."""
        self._props["selected"] = span_id
        self.update()


def rows_of(spans: Sequence[Mapping[str, Any]], t: Translator) -> list[dict[str, Any]]:
    """Return what the element draws of each span of the API's trace, in the same order."""
    depths = [span["depth"] for span in spans] + [0]
    return [_row(span, t, has_children=depths[at + 1] > span["depth"]) for at, span in enumerate(spans)]


def _row(span: Mapping[str, Any], t: Translator, *, has_children: bool) -> dict[str, Any]:
    took, ttft = span["duration_ms"], span["ttft_ms"]
    told = [span["model"] if span["model"] not in span["name"] else ""]
    told += [formats.money(span["cost_usd"])] if span["cost_usd"] is not None else []
    facts = [span["name"], f"{t(words.DURATION)} {formats.duration(took)}"]
    facts += [f"{t(words.TTFT)} {formats.duration(ttft)}"] if ttft is not None else []
    facts += [f"{t(own.CRITICAL)} {formats.duration(span['critical_ms'])}"] if span["is_critical"] else []
    facts += [t(own.ORPHAN)] if span["is_orphan"] else []
    return {
        "id": span["span_id"],
        "depth": span["depth"],
        "children": has_children,
        "name": span["name"],
        "note": " · ".join(one for one in told if one),
        "start": span["offset_ms"],
        "ms": took,
        "took": formats.duration(took),
        "ttft": 100 * ttft / took if ttft is not None and took else 0,
        "error": span["status"] == "error",
        "critical": span["is_critical"],
        "color": f"var({_COLORS.get(span['operation'], '--series-other')})",
        "title": "\n".join(facts),
    }
