"""The body of a request, never more of it than a route takes."""

from starlette.requests import Request


async def read_body(request: Request, bytes_max: int) -> bytes | None:
    """Return the body; None, and the rest unread, when it is longer than ``bytes_max``."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)
