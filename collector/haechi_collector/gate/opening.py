"""From settings to a gate: whether keys are asked for, where they are kept, which certificate is shown.

Guarantee: what only this machine reaches may be open; what others reach is open only when the user has said so.

SQLAlchemy and cryptography (0.6 s and 40 MB together) are imported only where keys or TLS are used.
"""

import logging
from typing import TYPE_CHECKING, Literal

from haechi_collector.config import Config
from haechi_collector.errors import SettingError
from haechi_collector.gate.gate import KeyGate
from haechi_collector.gate.tls import Tls
from haechi_collector.sockets import is_loopback
from haechi_collector.telemetry import Metrics

if TYPE_CHECKING:
    from haechi_collector.gate.key_store import KeyStore

logger = logging.getLogger(__name__)


def auth_of(config: Config) -> Literal["none", "keys"]:
    """Return whether keys are asked for.

    Raises:
        SettingError: other machines reach the ports, and nobody has said who may come in.
    """
    if config.auth == "keys":
        return "keys"
    if config.auth is None and not is_loopback(config.host):
        raise SettingError(
            f"host = {config.host!r}: other machines reach it, so say who may come in: --auth keys, with keys from "
            "haechi keys create; or --auth none, when everyone who reaches the ports may read and write everything"
        )
    return "none"


def open_keys(config: Config) -> "KeyStore":
    """Open the place where the keys are kept.

    Raises:
        SettingError: it cannot be had.
        MetadataUnavailable: PostgreSQL does not answer.
    """
    from haechi_collector.gate.key_store import KeyStore  # noqa: PLC0415  see the module
    from haechi_collector.metadata.database import FILE, Database  # noqa: PLC0415  see the module

    if config.metadata is not None:
        return KeyStore(Database.open_dsn(config.metadata))
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"data_dir = {str(config.data_dir)!r}: {error.strerror}") from error
    return KeyStore(Database.open_file(config.data_dir / FILE))


def open_gate(keys: "KeyStore", metrics: Metrics) -> KeyGate:
    """Return the started gate over these keys, which follows their changes.

    Raises:
        MetadataUnavailable: they cannot be read.
    """
    gate = KeyGate(keys, metrics)
    gate.start()
    if not gate.count:
        logger.warning("no API key exists, so nobody can come in; make the first: haechi keys create --scope admin")
    return gate


def open_tls(config: Config) -> Tls | None:
    """Read and check the files of TLS; None without any.

    Raises:
        SettingError: one cannot be used.
    """
    if config.tls_cert is None:
        return None
    from haechi_collector.gate.certificates import load_tls  # noqa: PLC0415  see the module

    loaded = load_tls(config)
    if loaded is None:
        return None
    tls, certificate = loaded
    if certificate.ends_soon:
        logger.warning("the TLS certificate ends in %d days; renew it and start again", certificate.days_left)
    return tls
