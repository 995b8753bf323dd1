"""Migrations of the metadata, ``NNNN_name.sql``, run in the order of their numbers and never changed later.

A file is a series of statements, each ended by ``;`` at the end of a line, that SQLite and PostgreSQL read alike:
types TEXT, BIGINT and DOUBLE PRECISION, no default values by function.
"""
