"""``haechi keys``: make, list and revoke API keys, whether a collector runs or not.

A running collector sees a change within seconds. A key is printed when it is made and never again.
"""

import argparse
import json
import re
import sys
import time
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from haechi_collector.config import Config
from haechi_collector.errors import SettingError
from haechi_collector.gate.key_store import KeyStore
from haechi_collector.gate.keys import Key, check_name, check_project, id_of, scopes_of
from haechi_collector.gate.opening import open_keys

_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES: Final = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def run_keys(config: Config, options: argparse.Namespace) -> int:
    """Run the action that the options name; return the exit status, 0.

    Raises:
        SettingError: an option is wrong.
        MetadataUnavailable: the keys cannot be had.
    """
    keys = open_keys(config)
    try:
        return {"create": _create, "list": _list, "revoke": _revoke}[options.action](keys, options)
    finally:
        keys.close()


def _create(keys: KeyStore, options: argparse.Namespace) -> int:
    now = int(time.time())
    rate = options.requests_per_second
    if rate is not None and not 0 < rate < 1e6:
        raise SettingError(f"--requests-per-second {rate:g}: expected a number above 0")
    draft = Key(
        id="",
        name=check_name(options.name),
        project=check_project(options.project),
        scopes=scopes_of(options.scope),
        digest="",
        created_at=now,
        requests_per_second=rate,
        bytes_per_day=_bytes(options.bytes_per_day),
        expires_at=now + _seconds(options.expires) if options.expires else None,
    )
    key, text = keys.create(draft)
    sys.stdout.write(f"{text}\n")
    what = f"id {key.id}, project {key.project}, scopes {','.join(sorted(key.scopes))}"
    sys.stderr.write(f"{what}; it is shown this once. Send it as: Authorization: Bearer {text[:6]}...\n")
    return 0


def _list(keys: KeyStore, options: argparse.Namespace) -> int:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    usage = keys.usage(today)
    rows = [_shown(key, usage.get(key.id, 0)) for key in keys.keys(revoked=options.revoked)]
    if options.format == "json":
        sys.stdout.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return 0
    if not rows:
        sys.stdout.write("no keys; make the first: haechi keys create --scope admin\n")
        return 0
    table = Table(*rows[0], header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)
    return 0


def _revoke(keys: KeyStore, options: argparse.Namespace) -> int:
    key = keys.revoke(id_of(options.id) or options.id, int(time.time()))
    sys.stdout.write(f"revoked {key.id}; running collectors refuse it within seconds\n")
    return 0


def _shown(key: Key, bytes_today: int) -> dict[str, str | int | float | None]:
    return {
        "id": key.id,
        "name": key.name,
        "project": key.project,
        "scopes": ",".join(sorted(key.scopes)),
        "requests_per_second": key.requests_per_second,
        "bytes_per_day": key.bytes_per_day,
        "bytes_today": bytes_today,
        "created": _time(key.created_at),
        "expires": _time(key.expires_at),
        "revoked": _time(key.revoked_at),
    }


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if match is None or int(match[1]) == 0:
        raise SettingError(f"--expires {text!r}: expected a time from now such as 90d, 12h, 30m")
    return int(match[1]) * _SECONDS[match[2]]


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,15})(|KB|MB|GB|TB)", text.strip().upper())
    if match is None or int(match[1]) == 0:
        raise SettingError(f"--bytes-per-day {text!r}: expected bytes, such as 500000000, 500MB or 2GB")
    return int(match[1]) * _BYTES[match[2]]
