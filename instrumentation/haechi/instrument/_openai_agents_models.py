"""The OpenAI Agents SDK's own word on a model call, for models whose client is not observed."""

from typing import Any, Final

from haechi._content import Content, message, text_part
from haechi.instrument import _deferred
from haechi.instrument import _openai_items as items
from haechi.instrument import _openai_responses as responses
from haechi.instrument._steps import Called
from haechi.spans import Facts, Request
from haechi_schemas import attributes as names

_SETTINGS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "top_p": names.REQUEST_TOP_P,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
}


class Agents:
    """``Model.get_response`` and ``stream_response``."""

    operations = _deferred.INFERENCE
    cumulative = True  # the last event of a stream holds the whole response
    within = staticmethod(_deferred.here)

    def request(self, called: Called, content: Content) -> Request:
        """Return what was asked."""
        model = called.instance
        settings = called.argument(3, "model_settings")
        facts: Facts = {
            name: value
            for key, name in _SETTINGS.items()
            if isinstance(value := getattr(settings, key, None), int | float)
        }
        if content.on:
            facts |= self._asked(called, content)
        kind = type(model).__name__
        return Request("chat", kind.lower(), str(getattr(model, "model", None) or kind), facts)

    def _asked(self, called: Called, content: Content) -> Facts:
        asked, instructions = called.argument(2, "input"), called.argument(1, "system_instructions")
        said = [message("user", [text_part(asked)])] if isinstance(asked, str) else items.messages(asked)
        facts: Facts = {names.INPUT_MESSAGES: content.json(said)}
        if instructions:
            facts[names.SYSTEM_INSTRUCTIONS] = content.json([text_part(instructions)])
        return facts

    def answer(self, called: Called, result: Any, items: list[Any], content: Content) -> Facts:
        """Return what was answered, by a ``ModelResponse`` or by the last event of a stream."""
        del called
        facts = responses.told(getattr(items[-1], "response", None) if items else result, content)
        response_id = getattr(result, "response_id", None)
        return {**facts, names.RESPONSE_ID: response_id} if response_id else facts
