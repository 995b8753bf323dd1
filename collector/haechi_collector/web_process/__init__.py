"""The web port in a process of its own: the page, the API, SQL, metrics and health, as a child of the collector.

Guarantee: what people look at takes no time from the collector's interpreter, and the way in does not notice when this
process is killed. The collector binds the port (`supervisor`) and hands the listening socket on, so that a request that
comes while the process is started again waits instead of being refused. What only the collector knows, its readiness
and its metrics, is asked for over a pair of sockets (`channel`).

``python -m haechi_collector.web_process`` is how the collector starts it. That side imports nothing of receive, intake,
journal, store or stages; `supervisor` and the asked end of `channel` are the collector's.
"""
