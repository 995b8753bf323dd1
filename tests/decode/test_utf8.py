"""The check of whole columns says what Python's decoder says of each text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.decode import utf8

EDGES = st.sampled_from(
    [
        *(b"\x00", b"\x7f", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2\x80", b"\xdf\xbf", b"\xe0\x9f\xbf"),
        *(b"\xe0\xa0\x80", b"\xec\x9c\x84", b"\xed\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xee\x80\x80"),
        *(b"\xef\xbf\xbf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"),
        *(b"\xf5\x80\x80\x80", b"\xff", b"\xe2\x82", b"\xf0\x9f\x98", b"a", "해치".encode()),
    ]
)
TEXTS = st.lists(st.lists(st.one_of(EDGES, st.binary(max_size=3)), max_size=6).map(b"".join), max_size=5)


def is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def judged(texts: list[bytes]) -> bool:
    starts = [sum(map(len, texts[:n])) for n, text in enumerate(texts) if text]
    return utf8.is_utf8(np.frombuffer(b"".join(texts), np.uint8), np.array(starts, np.int32))


@given(TEXTS)
def test_it_agrees_with_the_decoder(texts: list[bytes]) -> None:
    """Whatever the bytes and wherever one text ends and the next begins."""
    assert judged(texts) == all(is_text(text) for text in texts)


@given(st.binary(min_size=1, max_size=4), st.integers(-5, 5), st.sampled_from([b"a", "해".encode(), "🐉".encode()]))
def test_a_run_s_edge_hides_nothing(damage: bytes, shift: int, filling: bytes) -> None:
    """Bytes around the edge between two runs are judged as anywhere else."""
    text = (filling * (utf8._RUN_BYTES + 8))[: utf8._RUN_BYTES // len(filling) * len(filling)]
    at = len(text) + shift - 6
    whole = text[:at] + damage + text[at:] + filling * 4
    assert judged([whole]) == is_text(whole)


def test_every_character_of_unicode_passes() -> None:
    """All 1,112,064 of them, one after the other."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)])).encode()
    assert judged([every])
