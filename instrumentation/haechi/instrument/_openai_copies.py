"""Clients that are made as OpenAI's is, by the same generator, for providers that speak its protocol.

Their streams carry usage unasked. Classes are named as OpenAI's, some with ``Resource`` at the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Final

from haechi._endpoints import Patches
from haechi.instrument import openai
from haechi.instrument._openai_methods import Method

_METHODS: Final[Mapping[str, tuple[str, Mapping[str, Method]]]] = {
    "audio.speech": ("Speech", {"create": openai.SPEECH}),
    "audio.transcriptions": ("Transcriptions", {"create": openai.TRANSCRIPT}),
    "audio.translations": ("Translations", {"create": openai.TRANSCRIPT}),
    "chat.completions": ("Completions", {"create": openai.CHAT}),
    "completions": ("Completions", {"create": openai.TEXT}),
    "embeddings": ("Embeddings", {"create": openai.EMBEDDINGS}),
    "images": ("Images", {"generate": openai.IMAGE}),
}


def patcher(package: str, provider: str) -> Callable[[ModuleType, Patches], None]:
    """Return the ``patch`` of such a client; ``provider``: who answers where its address says nothing else."""

    def patch(module: ModuleType, patches: Patches) -> None:
        owner, methods = _METHODS[module.__name__.removeprefix(f"{package}.resources.")]
        own = {name: replace(method, provider=provider, asks_usage=False) for name, method in methods.items()}
        openai.put(patches, module, owner if hasattr(module, owner) else f"{owner}Resource", own)

    return patch
