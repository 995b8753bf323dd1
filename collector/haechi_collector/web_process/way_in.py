"""The way from the web port into the collector: OTLP/HTTP over the Unix socket in the data directory.

Guarantee: what `OtlpSocket.take_logs` returned from is in the journal. The collector asks for the sender's key again,
as at its ports, so that project, scope and quotas hold as they do for every sender; TLS and client certificates, which
the ports may ask for, are not needed on a socket that only the collector's own user can open.
"""

import os
from pathlib import Path
from typing import Final

import httpx2
import orjson

from haechi_collector.errors import Forbidden, HaechiError, Invalid, OverQuota, Rejected, Unauthenticated
from haechi_collector.limits import ACK_WAIT_S, STORE_CONNECT_S
from haechi_collector.sockets import OTLP_FILE

_LIMITS: Final = httpx2.Limits(max_connections=20, max_keepalive_connections=0)
"""A connection that is kept may be one to a collector that is gone."""


class OtlpSocket:
    """Sends to the collector whose data directory this is. For one event loop; close it when done."""

    def __init__(self, data_dir: Path) -> None:
        # Held open: the path of a Unix socket must be short, see `sockets.short`.
        self._folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
        self._client: httpx2.AsyncClient | None = None  # made when it is needed: most web processes see no score

    async def take_logs(self, body: bytes, key: str) -> None:
        """Return when the logs are in the journal; see `api.scores.WayIn`."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        try:
            answer = await self._opened().post("/v1/logs", content=body, headers=headers)
        except httpx2.TransportError as error:
            raise Rejected(f"the collector does not take it now: {error or type(error).__name__}") from None
        told = orjson.loads(answer.content)
        if answer.status_code != 200:
            raise _refusal(answer.status_code, told["message"], float(answer.headers.get("retry-after", 1)))
        if told.get("partialSuccess"):
            raise Invalid(told["partialSuccess"]["errorMessage"])

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
        os.close(self._folder)

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            path = f"/proc/self/fd/{self._folder}/{OTLP_FILE}"
            self._client = httpx2.AsyncClient(
                transport=httpx2.AsyncHTTPTransport(uds=path, verify=False, trust_env=False, limits=_LIMITS),
                base_url="http://localhost",
                timeout=httpx2.Timeout(2 * ACK_WAIT_S, connect=STORE_CONNECT_S),
            )
        return self._client


def _refusal(status: int, message: str, retry_after_s: float) -> HaechiError:
    if status == 401:
        return Unauthenticated(message)
    if status == 403:
        return Forbidden(message)
    return OverQuota(message, retry_after_s) if status == 429 else Rejected(message, retry_after_s)
