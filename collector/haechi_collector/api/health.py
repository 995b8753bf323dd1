"""``/healthz`` says that the process answers, ``/readyz`` whether every part works.

Guarantee: ``/readyz`` is 200 only while every part says ``ok``, else 503; the body names each part and its reason, but
not for a caller without a key where keys are asked for.
"""

from typing import Final, Protocol

from fastapi import APIRouter, Request
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
    async def readyz(request: Request) -> JSONResponse:
        parts = readiness.parts()
        ready = all(state == OK for state in parts.values())
        status: dict[str, object] = {"status": "ready" if ready else "not ready"}
        if request.state.caller is not None:
            status["parts"] = parts
        return JSONResponse(status, 200 if ready else 503)

    return router
