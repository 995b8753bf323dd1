"""OpenAI's errors, as its API reference words them; the compatible providers send the same shape."""

from collections.abc import Callable

from tests.standin.script import Script
from tests.standin.wire import Json, Reply, Request, json_reply

_ERRORS: dict[int, tuple[str, str | None, str]] = {  # type, code, message
    400: ("invalid_request_error", "invalid_value", "Invalid value for 'temperature'."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-stan***in."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Country not supported."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
}


def error_body(status: int) -> Json:
    """The JSON body of an error, with `type`, `code`, `param` and `message`."""
    kind, code, message = _ERRORS.get(status, ("server_error", None, f"Error {status}."))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def request_id(request: Request) -> dict[str, str]:
    """The headers of every OpenAI response."""
    return {"x-request-id": request.own("req_"), "openai-processing-ms": "7"}


def refused(request: Request, script: Script, body: Callable[[int], Json] = error_body) -> Reply | None:
    """The error that a script asks for; None if it asks for an answer."""
    status = script.status
    if script.retry and request.headers.get("x-stainless-retry-count", "0") == "0":
        status = 429
    if status == 200:
        return None
    headers = {**request_id(request), **({"retry-after": "0"} if status == 429 else {})}
    return Reply(json_reply(body(status)).chunks, status=status, headers=headers)
