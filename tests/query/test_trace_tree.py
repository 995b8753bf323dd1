"""The tree of a trace, whatever its emitters sent."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.query.trace_tree import tree

SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(-1, 14), st.integers(0, 100), st.integers(0, 100)),
    min_size=1,
    max_size=14,
)


def rows(spans: list[tuple[int, int, int, int]]) -> list[dict[str, Any]]:
    """Ids that may stand twice, parents that may be missing or in circles, children outside their parents."""
    return [
        {
            "span_id": str(span_id),
            "parent_span_id": "" if parent < 0 else str(parent),
            "start": start,
            "duration": duration,
            "input": 1,
            "output": 2,
            "cost": f"0.{number + 1:012d}",
        }
        for number, (span_id, parent, start, duration) in enumerate(spans)
    ]


@given(SPANS)
def test_every_span_stands_once_below_its_parent(spans: list[tuple[int, int, int, int]]) -> None:
    """And the sums of the tops are those of all."""
    given_rows = rows(spans)
    nodes = tree(given_rows)
    assert sorted(id(node.row) for node in nodes) == sorted(id(row) for row in given_rows)
    for node in nodes:
        assert all(child.row["parent_span_id"] == node.row["span_id"] for child in node.children)
        assert all(child.depth == node.depth + 1 for child in node.children)
    tops = [node for node in nodes if node.depth == 0]
    assert sum(top.input_tokens for top in tops) == len(spans)
    assert sum(int((top.cost or 0) * 10**12) for top in tops) == sum(range(1, len(spans) + 1))


@given(SPANS)
def test_the_critical_path_is_as_long_as_the_longest_top(spans: list[tuple[int, int, int, int]]) -> None:
    """No moment counts twice and none is missing, though children may reach beyond their parents."""
    nodes = tree(rows(spans))
    longest = max(node.end - node.start for node in nodes if node.depth == 0)
    assert sum(node.critical_ns for node in nodes) == longest
    assert all(node.critical_ns >= 0 for node in nodes)
