"""Thousands of damaged requests, the same in every run: a valid batch or one clear refusal, and nothing else."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from google.protobuf.message import DecodeError
from tests.decode import reference
from tests.decode.generate import json_body
from tests.decode.test_equal import DECODERS
from tests.decode.wire_bytes import attribute, ld, log_request, trace_request, varint, vi

from haechi_collector.decode import split_invalid
from haechi_collector.errors import Undecodable

MUTATIONS = 3000
CAPTURES = Path(__file__).parent.parent / "data" / "captures"
VALUES = [ld(1, "글".encode()), vi(2, 1), vi(3, 7), b"\x21" + bytes(8), ld(5, ld(1, vi(3, 1))), ld(7, b"b")]
VALUES += [ld(6, ld(1, ld(1, b"k"), ld(2, ld(5, ld(1, ld(1, b"x"))))))]
PAIRS = [ld(1, b"k%d" % n) + ld(2, value) for n, value in enumerate(VALUES)]
TIME = (5).to_bytes(8, "little")
TIMES = b"\x11" + TIME + b"\x19" + TIME
EXEMPLAR = ld(7, PAIRS[0]) + b"\x31" + TIME
POINTS = {
    5: TIMES + ld(7, PAIRS[0]) + ld(7, PAIRS[4]) + ld(5, EXEMPLAR) + b"\x31" + TIME,
    7: TIMES + ld(7, PAIRS[1]) + b"\x21" + TIME,
    9: TIMES + ld(9, PAIRS[2]) + ld(6, TIME * 2) + ld(7, TIME) + ld(8, EXEMPLAR) + b"\x21" + TIME,
    10: TIMES + ld(1, PAIRS[3]) + vi(6, 3) + ld(8, vi(1, 3) + ld(2, b"\x01\x02")) + ld(11, EXEMPLAR),
    11: TIMES + ld(7, PAIRS[5]) + ld(6, b"\x09" + TIME + b"\x11" + TIME) * 2,
}
SEEDS = {
    "traces": trace_request(
        *(ld(1, bytes(range(16))) + ld(2, bytes(range(8))) + ld(5, b"name") for _ in range(2)),
        b"".join(attribute(b"k", value) for value in VALUES) + ld(15, ld(2, b"m"), vi(3, 2)),
        ld(11, b"\x09" + TIME, ld(2, b"e"), ld(3, PAIRS[4])) + ld(13, ld(1, bytes(16)), ld(4, PAIRS[0])),
        resource=ld(1, *(ld(1, pair) for pair in PAIRS)),
    ),
    "logs": log_request(*(ld(5, value) + ld(6, PAIRS[n]) + ld(3, b"INFO") for n, value in enumerate(VALUES))),
    "metrics": ld(
        1, ld(2, *(ld(2, ld(1, b"m"), ld(kind, ld(1, point)), ld(12, PAIRS[0])) for kind, point in POINTS.items()))
    ),
}


def damage(body: bytes, rng: random.Random) -> bytes:
    """Return the body with one byte or run changed, lost or repeated."""
    at, size = rng.randrange(len(body) + 1), rng.choice([1, 1, 1, 2, 3, 8, 40])
    run = body[at : at + size]
    changed = [
        rng.randbytes(len(run)),
        bytes([byte ^ 1 << rng.randrange(8) for byte in run]),
        b"",
        run + run,
        run + rng.choice([b"\x00", b"\xff", b"\x80" * 9 + b"\x01", b"\xff" * 9 + b"\x01", b"\x0b", b"\x0c"]),
        run[: rng.randrange(len(run) + 1)],
    ]
    return body[:at] + rng.choice(changed) + body[at + size :]


def rearrange(body: bytes, rng: random.Random) -> bytes:
    """Return a message with a field lost, repeated, moved, renumbered or changed within; lengths stay right."""
    fields = fields_of(body)
    if not fields or rng.random() < 0.05:
        return damage(body, rng)
    at = rng.randrange(len(fields))
    number, wire_type, content = fields[at]
    if wire_type == 2 and rng.random() < 0.8:
        fields[at] = (number, 2, rearrange(content, rng))
    else:
        one = fields[at]
        other = (rng.randint(1, 16), wire_type, content)
        fields[at : at + 1] = rng.choice([[], [one, one], [other], [one, other], [other, one], [fields[-1], one]])
    return b"".join(field(*one) for one in fields)


Field = tuple[int, int, bytes]


def field(number: int, wire_type: int, content: bytes) -> bytes:
    return ld(number, content) if wire_type == 2 else varint(number << 3 | wire_type) + content


def fields_of(body: bytes) -> list[Field]:
    """Return the fields of a message, or none of what is no message."""
    fields: list[Field] = []
    at = 0
    while at < len(body):
        tag, at = read_varint(body, at)
        end = {0: read_varint(body, at)[1], 1: at + 8, 5: at + 4}.get(tag & 7, -1)
        if tag & 7 == 2:
            size, at = read_varint(body, at)
            end = at + size
        if not at < end <= len(body) and at != end:
            return []
        fields.append((tag >> 3, tag & 7, body[at:end]))
        at = end
    return fields


def read_varint(body: bytes, at: int) -> tuple[int, int]:
    end = at
    while end < len(body) and body[end] & 128:
        end += 1
    return sum((byte & 127) << 7 * n for n, byte in enumerate(body[at : end + 1])), end + 1


def bodies(signal: str) -> Iterator[bytes]:
    captured = [path.read_bytes() for path in sorted(CAPTURES.glob(f"*--{signal}-1.binpb"))]
    small = sorted((body for body in captured if len(body) < 4000), key=len)[:5]
    rng = random.Random(signal)
    for _ in range(MUTATIONS):
        body = rng.choice([SEEDS[signal], SEEDS[signal], *small])
        for _ in range(rng.randint(1, 4)):
            body = rearrange(body, rng)
        yield damage(body, rng) if rng.random() < 0.2 else body


def decoded(decode: Callable[[bytes], pa.RecordBatch], body: bytes, schema: pa.Schema) -> pa.RecordBatch | None:
    """Return the batch after checking it, or None when the body was refused."""
    try:
        batch = decode(body)
    except Undecodable:
        return None
    batch.validate(full=True)
    assert batch.schema.equals(schema)
    split_invalid(batch)[0].validate(full=True)
    return batch


@pytest.mark.parametrize("signal", DECODERS)
def test_protobuf(signal: str) -> None:
    """What protobuf reads is decoded to the same; of what it refuses, only overridden damage is passed over."""
    decode, _, schema = DECODERS[signal]
    message_class, walk = reference.READERS[signal]
    outcomes: Counter[str] = Counter()
    for body in bodies(signal):
        batch = decoded(decode, body, schema)
        try:
            expected = reference.exact(list(walk(message_class.FromString(body))))
        except DecodeError:
            outcomes["refused" if batch is None else "lenient"] += 1
            continue
        assert batch is not None, body.hex()
        assert reference.exact(reference.rows(batch)) == expected, body.hex()
        outcomes["read"] += 1
    assert min(outcomes["refused"], outcomes["read"]) > MUTATIONS // 10
    assert outcomes["lenient"] <= MUTATIONS // 500


@pytest.mark.parametrize("signal", DECODERS)
def test_json(signal: str) -> None:
    """Damaged JSON gives a valid batch or a refusal."""
    rng = random.Random(signal)
    seed = json_body(reference.READERS[signal][0].FromString(SEEDS[signal]))
    found = [decoded(DECODERS[signal][1], damage(seed, rng), DECODERS[signal][2]) for _ in range(MUTATIONS)]
    assert min(sum(batch is None for batch in found), sum(batch is not None for batch in found)) > MUTATIONS // 20
