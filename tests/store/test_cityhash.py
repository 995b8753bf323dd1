"""The checksum is ClickHouse's: held against values of Google's code and against a file of the engine's own."""

from pathlib import Path

import pytest

from haechi_collector.store.client import StoreClient
from haechi_collector.store.embedded.cityhash import cityhash128
from haechi_collector.store.embedded.packing import FrameReader
from haechi_collector.store.supervisor import EmbeddedStore


@pytest.mark.parametrize(
    ("size", "low", "high"),
    [
        (1, 0xA04B71AB61DE6422, 0xF768684937E23970),
        (16, 0x83EC0FAC4964837B, 0xD275575FABA34852),
        (100, 0xE82FCF790BFF2B71, 0x529CFE71963532E5),
        (143, 0x68765F177B456740, 0x1F91E1079EBAACCE),
        (144, 0x0CFB04234ADB6409, 0xD4939DF825C31736),
        (145, 0x9FB3B58D14D31185, 0x50827F6FF1B18DFE),
        (300, 0xE710F49384FE1CC7, 0x0E993B126BC2691C),
    ],
)
def test_values_of_the_original_code(size: int, low: int, high: int) -> None:
    """Around the sizes at which the algorithm changes."""
    assert cityhash128(bytes(i * 7 % 251 for i in range(size))) == (low, high)


def test_a_file_of_the_engine_is_read_with_its_checksums(store: EmbeddedStore, client: StoreClient, table: str) -> None:
    """A column's file is a series of the same blocks, checksums and all."""
    client.command(f"INSERT INTO {table} SELECT number, repeat('한', number % 500) FROM numbers(20000)")
    path = client.query(
        "SELECT path FROM system.parts WHERE table = 't' AND active AND rows = 20000", needs_database=False
    )["path"][0].as_py()
    reader = FrameReader(iter([(Path(path) / "b.bin").read_bytes()]))
    plain = b"".join(iter(lambda: reader.read(1 << 20), b""))
    assert "한한한".encode() in plain
    assert len(plain) > 1_000_000
    assert store.state.name == "up"
