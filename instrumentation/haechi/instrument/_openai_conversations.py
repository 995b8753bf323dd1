"""Which conversation a response belongs to: the one that the call names, or the first response of its chain.

Bound: the chains of the last `RESPONSES_MAX` answers are known. Of one that is forgotten, or that another process
began, the response before counts as the first.
"""

from typing import Any, Final

from haechi._content import field
from haechi._endpoints import Kwargs
from haechi.instrument._recent import Recent
from haechi.spans import Facts
from haechi_schemas import attributes as names

RESPONSES_MAX: Final = 10_000
"""Answers whose first response is remembered, some 200 bytes each. Fewer: long conversations fall apart."""

_first_of: Final = Recent(RESPONSES_MAX)


def asked(kwargs: Kwargs) -> Facts:
    """Return the conversation and the response before, where a call names one."""
    facts: Facts = {}
    before = kwargs.get("previous_response_id")
    if isinstance(before, str) and before:
        facts[names.REQUEST_PREVIOUS_RESPONSE_ID] = before
        facts[names.CONVERSATION_ID] = _first_of.get(before) or before
    conversation = kwargs.get("conversation")
    named = conversation if isinstance(conversation, str) else field(conversation, "id")
    if isinstance(named, str) and named:
        facts[names.CONVERSATION_ID] = named
    return facts


def answered(response_id: Any, before: Any) -> None:
    """Remember the chain of an answer, if it follows another one."""
    if isinstance(before, str) and isinstance(response_id, str):
        _first_of.put(response_id, _first_of.get(before) or before)
