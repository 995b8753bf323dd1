"""``/healthz`` says that the process answers, ``/readyz`` whether every part works.

Guarantee: ``/readyz`` is 200 only while every part says ``ok``, else 503; the body names each part and its reason.
"""

from typing import Final, Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

OK: Final = "ok"


class Readiness(Protocol):
    """Knows the state of the parts."""

    def parts(self) -> dict[str, str]:
        """Part to ``ok`` or to the reason why it does not work. Must not block."""
        ...


def health_router(readiness: Readiness) -> APIRouter:
    """Build the two routes."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": OK}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        parts = readiness.parts()
        ready = all(state == OK for state in parts.values())
        status = {"status": "ready" if ready else "not ready", "parts": parts}
        return JSONResponse(status, 200 if ready else 503)

    return router
