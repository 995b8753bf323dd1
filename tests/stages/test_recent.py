"""The bounded map of columns behind `count_once`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.stages.recent import Recent

KEYS = st.lists(st.integers(0, 40), max_size=30)


def keys_of(numbers: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array(numbers, np.uint64)


@given(st.lists(KEYS, max_size=6), KEYS)
def test_it_is_a_dict_while_there_is_room(batches: list[list[int]], asked: list[int]) -> None:
    """With room for all, it finds what a dict finds; of equal keys in one batch the first counts, key 0 never."""
    recent, expected = Recent(1 << 14, columns=1), dict[int, int]()
    for n, batch in enumerate(batches):
        recent.put(keys_of(batch), np.arange(len(batch)) + 100 * n)
        expected |= {key: 100 * n + place for place, key in reversed(list(enumerate(batch))) if key}
    places = recent.find(keys_of(asked))
    assert (places >= 0).tolist() == [key in expected for key in asked]
    found = [key for key in asked if key in expected]
    assert recent.values(places[places >= 0])[0].tolist() == [expected[key] for key in found]


@given(st.lists(KEYS, max_size=6), KEYS)
def test_it_finds_nothing_that_was_not_put(batches: list[list[int]], asked: list[int]) -> None:
    """However small it is, a stranger is never found, and eight keys have room."""
    recent = Recent(8)
    for batch in batches:
        recent.put(keys_of(batch))
    put = {key for batch in batches for key in batch}
    assert all(key in put for key, place in zip(asked, recent.find(keys_of(asked)).tolist(), strict=True) if place >= 0)
    last = sorted({key for key in batches[-1] if key})[:8] if batches else []
    fresh = Recent(8)
    fresh.put(keys_of(last))
    assert (fresh.find(keys_of(last)) >= 0).all()


def test_evenly_spread_keys_fill_its_places() -> None:
    """Of the last half of its places as many random keys, nearly all are still found."""
    rng = np.random.default_rng(1)
    keys = rng.integers(1, 1 << 63, 1 << 16).astype(np.uint64)
    recent = Recent(1 << 14)
    for batch in keys.reshape(-1, 1 << 10):
        recent.put(batch)
    assert (recent.find(keys[-(1 << 13) :]) >= 0).mean() > 0.95
