"""Texts of chosen entries, however they lie among the others."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.batch import ATTRIBUTES
from haechi_collector.stages.columns import Attributes


def attributes(texts: list[str], first: int) -> Attributes:
    entries = [{"key": "k", "kind": 1, "text": t, "int": 0, "double": 0.0} for t in texts]
    rows = pa.array([[e] for e in entries], ATTRIBUTES)
    return Attributes(rows.slice(first))


@given(st.lists(st.tuples(st.text(max_size=40), st.booleans()), max_size=30), st.integers(0, 5))
def test_long_texts_are_those_that_take_gives(entries: list[tuple[str, bool]], first: int) -> None:
    """Gathering by what lies between gives the same as picking one by one, also from within a longer column."""
    first = min(first, len(entries))
    known = attributes([text for text, _ in entries], first)
    wanted = np.flatnonzero([is_wanted for _, is_wanted in entries[first:]])

    assert known.long_texts(wanted).to_pylist() == known.texts(wanted)
