"""DSNs and queries."""

import pytest

from haechi_collector.errors import SettingError
from haechi_collector.store.client import Dsn, StoreClient


def test_a_dsn_is_read() -> None:
    """Percent-encoded where it must be, with its defaults, and without its password in a repr."""
    dsn = Dsn.parse("https://a%40b:p%2Fw@db.example:9000/traces")
    assert (dsn.scheme, dsn.host, dsn.port, dsn.user, dsn.password, dsn.database) == (
        "https", "db.example", 9000, "a@b", "p/w", "traces",
    )  # fmt: skip
    assert (dsn.address, dsn.url) == ("db.example:9000", "https://db.example:9000")
    assert "p/w" not in repr(dsn)
    assert Dsn.parse(dsn.text) == dsn
    plain = Dsn.parse("http://[::1]")
    assert (plain.port, plain.user, plain.password, plain.database) == (8123, "default", "", "haechi")
    assert plain.address == "[::1]:8123"
    assert Dsn.parse("https://x").port == 8443


@pytest.mark.parametrize(
    "text", ["", "db:8123", "ftp://x", "http://", "http://x:port", "http://u:hush@x/?a=1", "http://x:99999"]
)
def test_what_is_no_dsn_is_refused(text: str) -> None:
    """Without repeating it: it may hold a password."""
    with pytest.raises(SettingError, match="expected http://user:password@host:8123/database") as caught:
        Dsn.parse(text)
    assert "hush" not in str(caught.value)


def test_queries_give_tables(client: StoreClient) -> None:
    """Text as strings, parameters by name, and no rows as a table with columns."""
    table = client.query("SELECT number AS n, {text:String} AS text FROM numbers(3)", {"text": "it's \\ 한"})
    assert table.to_pylist() == [{"n": n, "text": "it's \\ 한"} for n in range(3)]
    assert client.query("SELECT 1 AS a WHERE 0").schema.names == ["a"]
    assert client.query("SELECT 'x' AS a").schema.field("a").type == "string"
