"""Token counts by tiktoken, for calls whose usage nobody reported.

Guarantee: a count is exactly what the model's own tokenizer yields, or there is none. Nothing is ever fetched:
tiktoken would download a missing table, so a table is used only when it already lies in tiktoken's cache and has
the right checksum. Models of other vendors have other tokenizers and are not counted.

Bounds: text longer than `TEXT_CHARS_MAX` is not counted; a table is loaded once per process and takes some
50 MB.

Operations: `count` for text, `count_messages` for a chat prompt. Source: tiktoken's model table, and the message
overhead in OpenAI's cookbook ("How to count tokens with tiktoken").
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

try:
    import tiktoken
    from tiktoken.model import encoding_name_for_model
except ImportError:  # the `tiktoken` extra is not installed: nothing is counted
    tiktoken = None  # type: ignore[assignment]

TEXT_CHARS_MAX: Final = 1_000_000
"""Characters of one text. Encoding takes about 0.2 s per million, and a longer prompt fits no context window."""

_TABLES: Final = {  # encoding: (name of the cached file, SHA-256 of its content)
    "cl100k_base": (
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
_TOKENS_PER_MESSAGE: Final = 3
_TOKENS_PER_NAME: Final = 1
_TOKENS_OF_REPLY_PRIMER: Final = 3  # every reply is primed with <|start|>assistant<|message|>


def count(text: str, model: str) -> int | None:
    """Return how many tokens a text is for a model, or None when that cannot be told."""
    encoding = _encoding_of(model)
    if encoding is None or len(text) > TEXT_CHARS_MAX:
        return None
    # Special tokens in text are text: the provider escapes them as well.
    return len(encoding.encode_ordinary(text))


def count_messages(messages: Sequence[tuple[str, str, str]], model: str) -> int | None:
    """Return how many input tokens a chat prompt is, or None when that cannot be told.

    ``messages`` are (role, name or '', text). The overhead is that of plain conversations; tools, images and
    audio add tokens that their provider does not document.
    """
    total = _TOKENS_OF_REPLY_PRIMER
    for role, name, text in messages:
        parts = [count(part, model) for part in (role, text, name) if part]
        if any(part is None for part in parts):
            return None
        total += sum(part for part in parts if part is not None) + _TOKENS_PER_MESSAGE
        total += _TOKENS_PER_NAME if name else 0
    return total if _encoding_of(model) is not None else None


def _encoding_of(model: str) -> "tiktoken.Encoding | None":
    name = _encoding_name(model.rpartition("/")[2].lower())
    return _load(name, _cache_directory()) if name in _TABLES else None


@lru_cache(maxsize=1024)
def _encoding_name(model: str) -> str:
    """Return the encoding of a model, '' when tiktoken does not know it."""
    if tiktoken is None:
        return ""
    try:
        return encoding_name_for_model(model)
    except KeyError:
        return ""


def _cache_directory() -> Path | None:
    """Return where tiktoken keeps its tables; None when it keeps none."""
    # These are tiktoken's own settings, not ours: it alone decides where its tables lie.
    environment = os.environ  # noqa: TID251
    default = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    directory = environment.get("TIKTOKEN_CACHE_DIR", environment.get("DATA_GYM_CACHE_DIR", default))
    return Path(directory) if directory else None


def _load(name: str, directory: Path | None) -> "tiktoken.Encoding | None":
    file, checksum = _TABLES[name]
    if directory is None or not (directory / file).is_file():
        return None  # asked again each time: the table may be put there later
    return _checked(name, directory / file, checksum)


@lru_cache(maxsize=8)
def _checked(name: str, path: Path, checksum: str) -> "tiktoken.Encoding | None":
    try:
        content = path.read_bytes()
    except OSError:
        return None
    # tiktoken replaces a damaged table by a download, so a damaged one must not reach it.
    return tiktoken.get_encoding(name) if hashlib.sha256(content).hexdigest() == checksum else None
