"""Metadata: what needs transactions and is small (API keys). SQLite in the data directory, or PostgreSQL."""
