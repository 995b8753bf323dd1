"""Receive: bytes in, OTLP answers out, over gRPC (`grpc`) and HTTP (`http`).

Guarantee: an answer of success is sent only after the sink (`haechi_collector.sink`) has acknowledged the body, and no
failure of ours is answered with a status that makes a client drop its data.
"""
