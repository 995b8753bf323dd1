"""Observes Groq's client."""

from haechi.instrument._openai_copies import patcher

patch = patcher("groq", "groq")
