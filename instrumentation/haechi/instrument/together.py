"""Observes Together's client, since 2.0."""

from haechi.instrument._openai_copies import patcher

patch = patcher("together", "together_ai")
