"""Error types as few canonical words: ``rate_limit``, ``timeout``, ``server_error`` and the like.

What has no such word keeps the last part of its class name. Providers and libraries name one failure in many ways,
and some say only ``Exception``: then the status message is searched. Only rows that failed are looked at.
"""

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from haechi_collector.stages.columns import Mask

_CLASS: Final = re.compile(r"^<class '(.*)'>$")
_NAMES: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9.]{3,80}")
_STATUS: Final = re.compile(r"(?:code|status|HTTP(?:/[\d.]+)?)\W{0,4}(?:code\W{0,3})?([45]\d\d)\b", re.IGNORECASE)
_SIGN: Final = re.compile("error|exception|exhausted|throttl")  # ordinary words of a message name no failure
_RATE_LIMIT: Final = re.compile(r"rate.?limit", re.IGNORECASE)
_SEARCHED_CHARS: Final = 500


def fold_errors(
    types: pa.StringArray, messages: pa.StringArray, failed: Mask, words: Mapping[str, str]
) -> pa.StringArray:
    """Return canonical error types, '' where a row did not fail and names none.

    Args:
        types: what each row says.
        messages: status messages, searched where the type tells nothing.
        failed: rows that failed.
        words: canonical word by lower-case word.
    """
    rows = np.flatnonzero(failed)
    if not len(rows):
        return types
    place = pa.array(rows)
    # One by one: failures are few, and each has a message of its own.
    pairs = zip(types.take(place).to_pylist(), messages.take(place).to_pylist(), strict=True)
    folded = pa.array([fold_error(type_, message, words) for type_, message in pairs], pa.string())
    return pc.replace_with_mask(types, pa.array(failed), folded)


def fold_error(type_: str, message: str, words: Mapping[str, str]) -> str:
    """Return the canonical word of one failure, the last part of its type's name if there is none."""
    wrapped = _CLASS.match(type_)
    name = (wrapped[1] if wrapped else type_).rsplit(".", 1)[-1]
    known = words.get(name.lower())
    if known is not None:
        return known
    said = _from_message(message[:_SEARCHED_CHARS], words)
    return said or name


def _from_message(message: str, words: Mapping[str, str]) -> str:
    for found in _NAMES.findall(message):
        name = found.rsplit(".", 1)[-1].lower()
        if _SIGN.search(name) and name in words:
            return words[name]
    status = _STATUS.search(message)
    if status and status[1] in words:
        return words[status[1]]
    return words.get("rate limit", "") if _RATE_LIMIT.search(message) else ""
