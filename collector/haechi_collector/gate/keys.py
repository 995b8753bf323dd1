"""API keys: made, taken apart, compared.

A key is ``hk_<id>_<secret>``: the id, 12 hexadecimal digits, is public and names the key in lists, logs and metrics;
the secret has 256 random bits. It is shown once, when it is made; what is kept is the SHA-256 of the whole text.

Why a fast hash: slow ones (argon2, bcrypt) make the guessing of passwords dear. Nobody guesses 256 random bits,
whatever a guess costs, and a slow hash here would cost every request that much. Digests are compared in constant time,
and a key with an unknown id is compared too, so that the time of an answer does not tell which ids exist.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from haechi_collector.errors import SettingError
from haechi_collector.limits import KEY_NAME_CHARS_MAX

_KEY: Final = re.compile(r"hk_([0-9a-f]{12})_[0-9a-f]{64}")
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PREFIX: Final = "hk_"


class Scope(StrEnum):
    """What a key may be used for."""

    INGEST = "ingest"
    """Send telemetry, feedback and scores."""
    READ = "read"
    """Ask: the page, the API, SQL; the rows of its project."""
    METRICS = "metrics"
    """Scrape the collector's own metrics, which are of all projects."""
    ADMIN = "admin"
    """Everything, in all projects."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. Times are seconds since 1970; None for no limit, no end, not revoked."""

    id: str
    name: str
    project: str
    scopes: frozenset[Scope]
    digest: str = field(repr=False)
    created_at: int
    requests_per_second: float | None = None
    bytes_per_day: int | None = None
    expires_at: int | None = None
    revoked_at: int | None = None

    def allows(self, scope: Scope) -> bool:
        """Tell whether the key has the scope; admin has every one."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


def new_secret() -> tuple[str, str]:
    """Return the id and the whole text of a new key."""
    key_id = secrets.token_hex(6)
    return key_id, f"{PREFIX}{key_id}_{secrets.token_hex(32)}"


def digest_of(text: str) -> str:
    """Return what is kept of a key: the SHA-256 of its text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def id_of(text: str) -> str:
    """Return the id of a key; '' when the text is none."""
    match = _KEY.fullmatch(text)
    return match[1] if match else ""


def scopes_of(text: str) -> frozenset[Scope]:
    """Read ``ingest,read``.

    Raises:
        SettingError: one is unknown, or there is none.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = {scope.value for scope in Scope}
    if not words or not set(words) <= known:
        raise SettingError(f"--scope {text!r}: expected one or more of {', '.join(sorted(known))}, with commas between")
    return frozenset(Scope(word) for word in words)


def check_project(name: str) -> str:
    """Return the name of a project.

    Raises:
        SettingError: it cannot be one; the characters are those that need no quotes in a URL, a shell or SQL.
    """
    if not _PROJECT.fullmatch(name):
        raise SettingError(f"--project {name!r}: expected up to 64 letters, digits and . _ -, a letter or digit first")
    return name


def check_name(name: str) -> str:
    """Return the name of a key.

    Raises:
        SettingError: it is too long or cannot be printed on a line.
    """
    if len(name) > KEY_NAME_CHARS_MAX or not name.isprintable():
        raise SettingError(f"--name: expected up to {KEY_NAME_CHARS_MAX} printable characters")
    return name
