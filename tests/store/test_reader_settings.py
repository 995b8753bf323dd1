"""No setting that a reader may send reaches a file."""

import http.client
from pathlib import Path
from urllib.parse import urlencode

import pytest

from haechi_collector.store.client import StoreClient
from haechi_collector.store.supervisor import EmbeddedStore

NAMES_OF_FILES = ["input_format_record_errors_file_path", "output_format_schema"]
TEXTS = {
    "input_format_mysql_dump_table_name",
    "input_format_orc_reader_time_zone_name",
    "output_format_avro_codec",
    "output_format_avro_confluent_subject",  # needs the URL of a registry, which no reader may set
    "output_format_avro_string_column_pattern",
    "output_format_image_terminal_mode",
    "output_format_orc_writer_time_zone_name",
    "output_format_pretty_grid_charset",
    "output_format_sql_insert_table_name",
}


def ask(store: EmbeddedStore, sql: str, user: str, password: str, **settings: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(store.dsn.host, store.dsn.port, timeout=30)
    headers = {"X-ClickHouse-User": user, "X-ClickHouse-Key": password}
    try:
        connection.request("POST", "/?" + urlencode(settings), sql.encode(), headers)
        answer = connection.getresponse()
        return int(answer.headers["X-ClickHouse-Exception-Code"] or 0), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("name", NAMES_OF_FILES)
@pytest.mark.parametrize("format_", ["Protobuf", "ProtobufList", "TSV"])
def test_no_setting_writes_a_file(store: EmbeddedStore, tmp_path: Path, name: str, format_: str) -> None:
    """By the URL for both readers, whatever the format; without it the format is answered."""
    file = tmp_path / "file.proto"
    web = store.reader_dsn
    for who in (("reader", ""), (web.user, web.password)):
        assert ask(store, f"SELECT 1 AS a FORMAT {format_}", *who, **{name: str(file)})[0] == 164
        assert ask(store, f"SELECT 1 AS a FORMAT {format_}", *who)[0] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS a SETTINGS output_format_schema = '{}' FORMAT Protobuf",
        "SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '{}'",
        "(SELECT 1 AS a SETTINGS output_format_schema = '{}') FORMAT Protobuf",
        "SELECT * FROM (SELECT 1 AS a SETTINGS output_format_schema = '{}') FORMAT Protobuf",
        "SELECT 1 AS a UNION ALL SELECT 2 AS a SETTINGS output_format_schema = '{}' FORMAT Protobuf",
    ],
)
def test_no_clause_of_the_readers_writes_a_file(store: EmbeddedStore, tmp_path: Path, sql: str) -> None:
    """Wherever the clause stands."""
    file = tmp_path / "file.proto"
    ask(store, sql.format(file), "reader", "")
    assert list(tmp_path.iterdir()) == []


def test_no_other_setting_of_the_prefixes_takes_a_text(client: StoreClient) -> None:
    """But those that are known to name no file: a newer engine's are to be read first."""
    rows = client.query(
        """
        SELECT name FROM system.settings
        WHERE (startsWith(name, 'output_format_') OR startsWith(name, 'input_format_')) AND type = 'String'
        ORDER BY name
        """
    )
    assert [name for name in rows["name"].to_pylist() if name not in TEXTS] == NAMES_OF_FILES
