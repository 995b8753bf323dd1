"""Checks of texts: pure functions from a text to findings. The SDK and the collector use the same ones."""
