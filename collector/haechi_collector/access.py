"""How a command comes into a running collector: an HTTP client that shows the key and trusts the right certificate."""

import ssl
from pathlib import Path

import httpx2

from haechi_collector.config import ClientAccess
from haechi_collector.errors import SettingError


def client_for(access: ClientAccess, timeout: httpx2.Timeout | float) -> httpx2.Client:
    """Return a client that proves who it is.

    Raises:
        SettingError: a file of ``access`` cannot be used.
    """
    headers = {"Authorization": f"Bearer {access.key}"} if access.key else {}
    return httpx2.Client(timeout=timeout, trust_env=False, headers=headers, verify=tls_context(access))


def tls_context(access: ClientAccess, pinned: Path | None = None) -> ssl.SSLContext:
    """Return what a TLS client trusts and shows.

    Args:
        access: the authority to trust, by default the machine's own; the client's certificate.
        pinned: the server's own certificate file, where a command on its machine knows it: then exactly that one is
            trusted, by whatever address it is reached.

    Raises:
        SettingError: a file cannot be used.
    """
    context = ssl.create_default_context()
    try:
        if access.ca is not None:
            # A server's own certificate is enough, its authority need not be in the file.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(access.ca)
        if pinned is not None:
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(pinned)
    except (OSError, ssl.SSLError) as error:
        raise SettingError(f"--ca {access.ca or pinned}: cannot be used: {error.strerror or error}") from None
    if access.client_cert is not None:
        try:
            context.load_cert_chain(access.client_cert)
        except (OSError, ssl.SSLError) as error:
            text = f"--client-cert {access.client_cert}: cannot be used: {error.strerror or error}"
            raise SettingError(f"{text}; expected a certificate and its private key in one PEM file") from None
    return context


def tls_reason(error: Exception) -> str:
    """Return what TLS has against a connection, and what to do; '' when it is not about TLS."""
    if isinstance(error, httpx2.RemoteProtocolError) and error.request.url.scheme == "https":
        # With TLS 1.3 a client learns only so that its certificate was asked for.
        return "it closed the connection; it may ask for a certificate: --client-cert FILE, or HAECHI_CLIENT_CERT"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}; name its authority: --ca FILE, or HAECHI_CA"
    if isinstance(cause, ssl.SSLError):
        return f"TLS fails: {cause.reason or cause}; is it http or https, and does it ask for --client-cert?"
    return ""
