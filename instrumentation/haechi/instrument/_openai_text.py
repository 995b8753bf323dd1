"""What OpenAI's completions say, the protocol before chat; servers of open models still speak it."""

from typing import Any

from haechi._content import Content, field, message, text_part
from haechi._endpoints import Kwargs
from haechi.instrument._openai_facts import parameters, response_facts
from haechi.instrument._openai_media import input_facts
from haechi.instrument._openai_streams import ChatReader, Growing
from haechi.spans import Facts
from haechi_schemas import attributes as names


def asked(kwargs: Kwargs, content: Content) -> Facts:
    """Return what is to be continued, and how."""
    return parameters(kwargs) | input_facts(kwargs.get("prompt"), content)


def continued(response: Any, content: Content) -> Facts:
    """Return what a completion says."""
    facts = response_facts(response)
    choices = field(response, "choices") or ()
    reasons = [reason for choice in choices if isinstance(reason := field(choice, "finish_reason"), str)]
    if reasons:
        facts[names.RESPONSE_FINISH_REASONS] = reasons
    if content.on and choices:
        texts = [(field(choice, "text") or "", field(choice, "finish_reason") or "") for choice in choices]
        answers = [message("assistant", [text_part(text)], reason) for text, reason in texts]
        facts[names.OUTPUT_MESSAGES] = content.json(answers)
    return facts


class TextReader(ChatReader):
    """Reads a streamed completion: its choices carry text where those of a chat carry a delta."""

    __slots__ = ()

    def _grow(self, growing: Growing, choice: Any) -> None:
        growing.text.append(choice.text or "")
