"""Errors of the API as RFC 9457 problem details.

Guarantee: every error of a route but ``/sql`` is ``application/problem+json`` with ``type``, ``title``, ``status`` and
``detail``; an error of ours adds its ``code``, a wrong parameter its ``parameter``. No stack trace leaves the process.
"""

import logging
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from haechi_collector.errors import (
    Denied,
    HaechiError,
    Invalid,
    OverQuota,
    Rejected,
    StoreUnavailable,
    TooExpensive,
    TooLarge,
    Unauthenticated,
    UnsupportedEncoding,
    WrongParameter,
)

logger = logging.getLogger("haechi")

MEDIA_TYPE: Final = "application/problem+json"


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: str) -> JSONResponse:
    """Build one problem; ``more`` are extension members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def refusal_of(error: HaechiError) -> tuple[int, dict[str, str]]:
    """Return the status and headers that tell somebody that the gate does not let them through."""
    if isinstance(error, OverQuota):
        return 429, {"Retry-After": str(max(1, round(error.retry_after_s)))}
    if isinstance(error, Unauthenticated):
        return 401, {"WWW-Authenticate": 'Basic realm="Haechi", Bearer realm="Haechi"'}
    return 403, {}


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HaechiError, _of_ours)
    app.add_exception_handler(Exception, _of_unknown)


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  what the handler was registered for
    detail = f"{request.url.path} does not exist" if error.status_code == 404 else str(error.detail)
    return problem(error.status_code, detail, dict(error.headers or {}))


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  what the handler was registered for
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return problem(400, f"{name}: {first['msg']}", parameter=name)


async def _of_ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HaechiError)  # noqa: S101  what the handler was registered for
    if isinstance(error, Denied | OverQuota):
        status, headers = refusal_of(error)
        return problem(status, str(error), headers, code=error.code)
    if isinstance(error, Rejected):
        return problem(503, str(error), {"Retry-After": str(round(error.retry_after_s))}, code=error.code)
    if isinstance(error, WrongParameter):
        return problem(400, str(error), code=error.code, parameter=error.parameter)
    return problem(_status(error), str(error), code=error.code)


def _status(error: HaechiError) -> int:
    statuses: dict[type[HaechiError], int] = {
        TooLarge: 413,
        UnsupportedEncoding: 415,
        Invalid: 400,
        StoreUnavailable: 503,
        TooExpensive: 422,
    }
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)


async def _of_unknown(_: Request, error: Exception) -> JSONResponse:
    logger.error("request failed", exc_info=error)
    return problem(500, "the request failed; the collector's log says why")
