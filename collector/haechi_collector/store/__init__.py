"""ClickHouse over HTTP: one client for the embedded store, a server and a cluster.

* `client` speaks to it, `migrate` makes its tables, `insert` puts blocks into them;
* `embedded` is ClickHouse's HTTP interface over its own engine in a process of its own, `supervisor` keeps it alive.
"""
