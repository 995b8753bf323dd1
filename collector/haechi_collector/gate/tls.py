"""TLS on the ports, in the form that each server takes.

Guarantees: TLS 1.2 or newer; with an authority for clients, nobody without a certificate of it gets past the handshake.
`certificates` checks the files before; a renewed certificate is taken up at the next start.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """A server's certificate with its chain, its key, and who may sign those of clients, as files in PEM."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return the context of a server of Python's own TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.private_key)
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.client_ca)
        return context

    def grpc_credentials(self) -> "grpc.ServerCredentials":
        """Return the same for gRPC, whose least version is 1.2."""
        import grpc  # noqa: PLC0415  20 MB that the web process does not need

        pair = (self.private_key.read_bytes(), self.certificate.read_bytes())
        if self.client_ca is None:
            return grpc.ssl_server_credentials([pair])
        return grpc.ssl_server_credentials([pair], self.client_ca.read_bytes(), require_client_auth=True)
