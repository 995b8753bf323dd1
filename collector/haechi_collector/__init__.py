"""Haechi's collector: OTLP in, ClickHouse SQL out."""
