"""How a span tells an error: type, message and traceback.

``error.type`` is the name of the exception's class, the status carries its message, cut, and the event ``exception``
what OpenTelemetry puts there. A generator that is closed and a program that exits with success have not failed.

Source: semantic-conventions, recording errors and recording exceptions.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from haechi_schemas import attributes as names

DESCRIPTION_CHARS_MAX: Final = 1_000
"""Characters of an error's message in the span's status. Some libraries echo whole requests in theirs."""


def is_failure(error: BaseException) -> bool:
    """Tell whether a block that ended with this failed."""
    if isinstance(error, SystemExit):
        return error.code not in {None, 0}
    return not isinstance(error, GeneratorExit)


def note(span: Span, error: BaseException) -> None:
    """Write an error down. May raise what the error's own ``__str__`` raises."""
    span.set_attributes(facts(error))
    span.set_status(Status(StatusCode.ERROR))  # first without the message, which may be impossible to get
    message = str(error)[:DESCRIPTION_CHARS_MAX]
    span.set_status(Status(StatusCode.ERROR, message))
    if isinstance(error, Exception):  # cancellation and interrupts have no traceback worth keeping
        span.record_exception(error)


def facts(error: BaseException) -> dict[str, AttributeValue]:
    """Return what an error says of itself as attributes: its type, and how the provider answered."""
    said: dict[str, AttributeValue] = {names.ERROR_TYPE: type(error).__qualname__}
    status: Any = getattr(error, "status_code", None) or getattr(error, "code", None)  # the second: Google's
    if isinstance(status, int) and 100 <= status <= 599:  # Ollama says -1 for none
        said[names.HTTP_STATUS_CODE] = status
    told = getattr(error, "response", None)
    if isinstance(told, Mapping):
        said |= _aws_facts(told)
    return said


def _aws_facts(told: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Return what an error of AWS tells of itself; its class is the same for most."""
    code = told.get("Error", {}).get("Code")
    metadata = told.get("ResponseMetadata", {})
    status, request_id = metadata.get("HTTPStatusCode"), metadata.get("RequestId")
    facts: dict[str, AttributeValue] = {names.ERROR_TYPE: code} if isinstance(code, str) and code else {}
    if isinstance(status, int) and status != 200:  # a stream breaks off after a good beginning
        facts[names.HTTP_STATUS_CODE] = status
    if isinstance(request_id, str):
        facts[names.AWS_REQUEST_ID] = request_id
    return facts
