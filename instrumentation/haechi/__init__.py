"""Haechi's SDK: what an LLM application imports."""

__version__ = "0.1.0"
