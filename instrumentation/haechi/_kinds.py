"""What an observed block can be, in the words of the GenAI conventions.

Source: semantic-conventions-genai, spans of agents, workflows, tools and retrievals.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from haechi._misuse import MisuseError
from haechi_schemas import attributes as names

Kind = Literal["agent", "chain", "chat", "embeddings", "retriever", "tool", "workflow"]


@dataclass(frozen=True, slots=True)
class Words:
    """The names of one kind.

    Attributes:
        operation: value of ``gen_ai.operation.name`` and first word of the span's name; '' for a plain span.
        subject: attribute that holds the block's name; '' for none.
        input: attribute that holds what went in.
        output: attribute that holds what came out.
    """

    operation: str = ""
    subject: str = ""
    input: str = names.OBSERVED_INPUT
    output: str = names.OBSERVED_OUTPUT


PLAIN: Final = Words()
_WORKFLOW: Final = Words("invoke_workflow", names.WORKFLOW_NAME)
_WORDS: Final[dict[str, Words]] = {
    "agent": Words("invoke_agent", names.AGENT_NAME),
    "chain": _WORKFLOW,
    "chat": Words("chat"),
    "embeddings": Words("embeddings"),
    "retriever": Words("retrieval", "", names.RETRIEVAL_QUERY_TEXT, names.RETRIEVAL_DOCUMENTS),
    "tool": Words("execute_tool", names.TOOL_NAME, names.TOOL_CALL_ARGUMENTS, names.TOOL_CALL_RESULT),
    "workflow": _WORKFLOW,
}


def words_of(kind: str | None) -> Words:
    """Return the names of a kind.

    Raises:
        MisuseError: there is no such kind.
    """
    if kind is None:
        return PLAIN
    try:
        return _WORDS[kind]
    except KeyError:
        raise MisuseError(f"kind={kind!r}: expected one of {', '.join(get_args(Kind))}") from None
