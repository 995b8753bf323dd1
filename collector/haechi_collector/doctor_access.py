"""What ``haechi doctor`` says about access: who reaches the ports, who is let in, how long the certificate lasts."""

from collections.abc import Iterator

from haechi_collector.config import Config
from haechi_collector.doctor_check import Check
from haechi_collector.errors import MetadataUnavailable, SettingError
from haechi_collector.gate.opening import auth_of, open_keys
from haechi_collector.metadata.database import FILE
from haechi_collector.sockets import is_loopback


def access_checks(config: Config) -> Iterator[Check]:
    """Judge the settings of the gate and of TLS, and read the keys; no port is asked."""
    yield _who(config)
    if config.auth == "keys":
        yield _keys(config)
    yield _certificate(config)


def _who(config: Config) -> Check:
    open_to = "this machine alone" if is_loopback(config.host) else f"every machine that reaches {config.host}"
    try:
        auth = auth_of(config)
    except SettingError as error:
        return Check("fail", "access", f"the ports are for {open_to}, and auth is not set", str(error))
    if auth == "keys":
        return Check("ok", "access", f"the ports are for {open_to}, with an API key")
    if is_loopback(config.host):
        return Check("ok", "access", f"the ports are for {open_to}, without an API key")
    remedy = "--auth keys, then: haechi keys create"
    return Check("warn", "access", f"{open_to} may read and write everything: auth = none", remedy)


def _keys(config: Config) -> Check:
    file = config.data_dir / FILE
    if config.metadata is None and not file.exists():
        return Check("warn", "api keys", "none", "make the first: haechi keys create --scope admin")
    try:
        keys = open_keys(config)
    except (SettingError, MetadataUnavailable) as error:
        return Check("fail", "api keys", str(error), "check the setting metadata, or the rights on the data directory")
    try:
        count = len(keys.keys())
    except MetadataUnavailable as error:
        return Check("fail", "api keys", str(error), "check the setting metadata")
    finally:
        keys.close()
    if not count:
        return Check("warn", "api keys", "none", "make the first: haechi keys create --scope admin")
    return Check("ok", "api keys", f"{count} in {keys.shown}")


def _certificate(config: Config) -> Check:
    if config.tls_cert is None:
        if is_loopback(config.host):
            return Check("ok", "tls", "off, which loopback does not need")
        return Check("warn", "tls", "off: keys and prompts cross the network in the clear", "--tls-cert and --tls-key")
    from haechi_collector.gate.certificates import load_tls  # noqa: PLC0415  not needed without TLS

    try:
        loaded = load_tls(config)
    except SettingError as error:
        return Check("fail", "tls", str(error), "mend the file, or renew the certificate")
    if loaded is None:
        return Check("ok", "tls", "off")
    tls, certificate = loaded
    clients = ", clients show certificates" if tls.client_ca else ""
    finding = (
        f"certificate for {', '.join(certificate.names) or 'no name'} ends {certificate.not_after:%Y-%m-%d}{clients}"
    )
    if certificate.ends_soon:
        return Check("warn", "tls", finding, f"renew it within {certificate.days_left} days, and start again")
    return Check("ok", "tls", finding)
