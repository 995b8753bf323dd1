"""A trace's spans as a tree: order, depth, sums over subtrees, the critical path.

Guarantee: every span stands in the tree once, whatever the emitters sent: one whose parent is missing is an orphan at
the top; parents in a circle are broken at the earliest of them; of two spans with one id the first keeps the children.
Nothing here recurses, so that a chain of 10,000 spans is a tree as well. Costs are exact.

The critical path is what the trace's duration consists of: at every moment from the end back to the start, the span
that everything above it waited for, which is the child that ended last before that moment, and below it the same.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from haechi_collector.query.engine import Row


@dataclass(slots=True)
class Node:
    """A span in its tree. Times in nanoseconds since the epoch; sums are of it and all below."""

    row: Row
    start: int
    end: int
    depth: int = 0
    is_orphan: bool = False
    critical_ns: int = 0
    is_critical: bool = False
    children: list["Node"] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None


def decimal_of(text: Any) -> Decimal | None:
    """Return a decimal as the engine writes it; None stays None."""
    return None if text is None else Decimal(text)


def tree(rows: list[Row]) -> list[Node]:
    """Return the spans depth first, children by start.

    Args:
        rows: with ``span_id``, ``parent_span_id``, ``start``, ``duration``, ``input``, ``output`` and ``cost``.
    """
    nodes = [_node(row) for row in sorted(rows, key=lambda row: (row["start"], row["span_id"]))]
    tops = _tops(nodes)
    ordered = _depth_first(tops)
    _sum_up(ordered)
    _find_critical(tops)
    return ordered


def _node(row: Row) -> Node:
    node = Node(row, row["start"], row["start"] + row["duration"])
    node.input_tokens, node.output_tokens, node.cost = row["input"], row["output"], decimal_of(row["cost"])
    return node


def _tops(nodes: list[Node]) -> list[Node]:
    by_id: dict[str, Node] = {}
    for node in nodes:
        by_id.setdefault(node.row["span_id"], node)
    tops = []
    for node in nodes:
        parent = by_id.get(node.row["parent_span_id"]) if node.row["parent_span_id"] else None
        if parent is None or parent is node:
            node.is_orphan = bool(node.row["parent_span_id"])
            tops.append(node)
        else:
            parent.children.append(node)
    reached = {id(node) for node in _depth_first(tops)}
    for node in nodes:
        if id(node) not in reached:  # in a circle, or below one
            parent = by_id[node.row["parent_span_id"]]
            parent.children.remove(node)
            node.is_orphan = True
            tops.append(node)
            reached.update(id(one) for one in _depth_first([node]))
    return tops


def _depth_first(tops: list[Node]) -> list[Node]:
    ordered = []
    waiting = list(reversed(tops))
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        for child in reversed(node.children):
            child.depth = node.depth + 1
            waiting.append(child)
    return ordered


def _sum_up(ordered: list[Node]) -> None:
    for node in reversed(ordered):  # children stand behind their parents
        for child in node.children:
            node.input_tokens += child.input_tokens
            node.output_tokens += child.output_tokens
            if child.cost is not None:
                node.cost = child.cost + (node.cost or 0)


def _find_critical(tops: list[Node]) -> None:
    if not tops:
        return
    # Of several tops the longest one; in a whole trace there is only the root.
    top = max(tops, key=lambda node: node.end - node.start)
    waiting = [(top, top.start, top.end)]
    while waiting:
        node, low, now = waiting.pop()  # the part of it that was waited for: from low up to now
        node.is_critical = True
        for child in sorted(node.children, key=lambda one: one.end, reverse=True):
            begin, end = max(child.start, low), min(child.end, now)
            if begin >= end:
                continue
            node.critical_ns += now - end
            waiting.append((child, begin, end))
            now = begin
        node.critical_ns += now - low


def trace_span(node: Node, trace_start: int) -> dict[str, Any]:
    """Return the facts of a span's own place, see `api.models.TraceSpan`."""
    return {
        "depth": node.depth,
        "is_orphan": node.is_orphan,
        "is_critical": node.is_critical,
        "critical_ms": node.critical_ns / 1e6,
        "offset_ms": (node.start - trace_start) / 1e6,
        "duration_ms": (node.end - node.start) / 1e6,
        "total_input_tokens": node.input_tokens,
        "total_output_tokens": node.output_tokens,
    }
