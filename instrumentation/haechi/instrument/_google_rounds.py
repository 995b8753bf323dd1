"""What Google's client does around its calls of a model: rounds of them, and calls of the application's functions.

Where a request has functions of the application among its tools, the client calls them and asks the model again. One
step is around these rounds, so that they lie in one trace, each with its own tokens.
"""

from typing import Any, Final

from opentelemetry.context import Context, create_key, get_current

from haechi._content import Content, field
from haechi.instrument._steps import Called, Opening, Ordinary
from haechi.spans import Facts
from haechi_schemas import attributes as names

_NAME: Final = "automatic_function_calling"
_INSIDE: Final = create_key("haechi-google-rounds")  # a chat's rounds are those of the models' method below it
_MARKS: Final = Context({_INSIDE: True})


def rounds_of_models(called: Called) -> Opening | None:
    """Return the step around ``models.generate_content`` and its stream."""
    return _rounds(called.argument(3, "config"))


def rounds_of_chat(called: Called) -> Opening | None:
    """Return the step around ``chat.send_message`` and its stream."""
    config = called.argument(2, "config")
    return _rounds(config if config else called.instance._config)  # noqa: SLF001  the chat's own has no public name


def _rounds(config: Any) -> Opening | None:
    tools = field(config, "tools")
    if not tools or get_current().get(_INSIDE) or field(field(config, "automatic_function_calling"), "disable"):
        return None
    if all(isinstance(tool, dict) or hasattr(tool, "function_declarations") for tool in tools):
        return None  # tools that the application, or Google, calls by itself
    return Opening("invoke_workflow", _NAME, {names.WORKFLOW_NAME: _NAME}, marks=_MARKS)


class Rounds(Ordinary):
    """A method that returns the answer of the last round."""

    def __init__(self, *, of_chat: bool = False) -> None:
        self._rounds = rounds_of_chat if of_chat else rounds_of_models

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the step around the rounds."""
        del content
        return self._rounds(called)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return nothing: the rounds themselves say what was answered."""
        del opening, called, result, content
        return {}


class Function(Ordinary):
    """A function of the application that the client calls because the model asks for it."""

    def opening(self, called: Called, content: Content) -> Opening | None:
        """Return the tool that is called, with the model's arguments."""
        arguments, function = called.args[-2:]  # somebody else's wrapper puts an instance before them
        name = str(getattr(function, "__name__", "function"))
        facts: Facts = {names.TOOL_NAME: name}
        if content.on:
            facts[names.TOOL_CALL_ARGUMENTS] = content.json(arguments)
        return Opening("execute_tool", name, facts)

    def closing(self, opening: Opening, called: Called, result: Any, content: Content) -> Facts:
        """Return what the function returned."""
        del opening, called
        return {names.TOOL_CALL_RESULT: content.json(result)} if content.on else {}
