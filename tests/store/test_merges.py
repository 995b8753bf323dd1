"""Merges stand back, so that acknowledgements and queries do not wait for older rows."""

from haechi_collector.store.client import StoreClient
from haechi_collector.store.embedded_limits import STORE_MERGE_NICE


def test_merges_have_a_lower_priority(client: StoreClient) -> None:
    """The engine took the setting of its configuration."""
    rows = client.query("SELECT value FROM system.server_settings WHERE name = 'os_threads_nice_value_merge_mutate'")
    assert rows["value"].to_pylist() == [str(STORE_MERGE_NICE)]
