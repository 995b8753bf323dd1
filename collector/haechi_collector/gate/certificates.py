"""The files of TLS, read and checked before a port is open.

Guarantee: files that cannot work (missing, unreadable, not PEM, a key of another certificate, out of date) are told in
one line that names the setting, the file and why.
"""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from haechi_collector.config import Config
from haechi_collector.errors import SettingError
from haechi_collector.gate.tls import Tls

_WARN_DAYS: Final = 21


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says: its end, and the names and addresses that clients may use."""

    not_after: dt.datetime
    names: tuple[str, ...]

    @property
    def days_left(self) -> int:
        """Whole days until it ends; below 0 when it has."""
        return (self.not_after - dt.datetime.now(dt.UTC)).days

    @property
    def ends_soon(self) -> bool:
        """Tell whether it is time to renew it."""
        return self.days_left < _WARN_DAYS


def load_tls(config: Config) -> tuple[Tls, Certificate] | None:
    """Read and check the files that the settings name; None without any.

    Raises:
        SettingError: one cannot be used; the message names the setting, the file and why.
    """
    if config.tls_cert is None or config.tls_key is None:
        return None
    certificate = _certificates("tls_cert", config.tls_cert)[0]
    _check_pair(config.tls_key, certificate, config.tls_cert)
    _check_dates(certificate, config.tls_cert)
    if config.tls_client_ca is not None:
        _certificates("tls_client_ca", config.tls_client_ca)
    tls = Tls(config.tls_cert, config.tls_key, config.tls_client_ca)
    try:
        tls.context()
    except ssl.SSLError as error:
        raise SettingError(f"tls_cert = {str(config.tls_cert)!r}: OpenSSL refuses it: {error.reason}") from None
    return tls, Certificate(certificate.not_valid_after_utc, _names(certificate))


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(f"{setting} = {str(path)!r}: cannot be read: {error.strerror}") from None


def _certificates(setting: str, path: Path) -> list[x509.Certificate]:
    data = _read(setting, path)
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise SettingError(
            f"{setting} = {str(path)!r}: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"
        ) from None


def _check_pair(path: Path, certificate: x509.Certificate, certificate_path: Path) -> None:
    data = _read("tls_key", path)
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        raise SettingError(f"tls_key = {str(path)!r}: is encrypted; store it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingError(
            f"tls_key = {str(path)!r}: holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"
        ) from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise SettingError(f"tls_key = {str(path)!r}: is not the key of the certificate in {certificate_path}")


def _check_dates(certificate: x509.Certificate, path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    if certificate.not_valid_after_utc <= now:
        raise SettingError(f"tls_cert = {str(path)!r}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it")
    if certificate.not_valid_before_utc > now:
        begins = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        raise SettingError(f"tls_cert = {str(path)!r}: is valid from {begins}; check this machine's clock")


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *(str(a) for a in names.get_values_for_type(x509.IPAddress)))
