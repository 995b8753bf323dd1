"""How a span tells an error: type, message and traceback.

``error.type`` is the name of the exception's class, the status carries its message, cut, and the event ``exception``
what OpenTelemetry puts there. A generator that is closed and a program that exits with success have not failed.

Source: semantic-conventions, recording errors and recording exceptions.
"""

from typing import Final

from opentelemetry.trace import Span, Status, StatusCode

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
    span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
    span.set_status(Status(StatusCode.ERROR))  # first without the message, which may be impossible to get
    message = str(error)[:DESCRIPTION_CHARS_MAX]
    span.set_status(Status(StatusCode.ERROR, message))
    if isinstance(error, Exception):  # cancellation and interrupts have no traceback worth keeping
        span.record_exception(error)
