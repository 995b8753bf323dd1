"""Observes Fireworks' client, since 1.2."""

from haechi.instrument._openai_copies import patcher

patch = patcher("fireworks", "fireworks_ai")
