"""Migrations of the ClickHouse tables, ``NNNN_name.sql``, run in the order of their numbers and never changed later.

A file is a series of statements with literals of its own. In a cluster the same statements make ``<table>_local``
with a Replicated engine on every node, and a Distributed table of the public name over it; a ``CREATE TABLE`` says how
its rows are spread with a line ``-- shard by: EXPRESSION`` before it.
"""
