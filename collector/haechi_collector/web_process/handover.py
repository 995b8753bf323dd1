"""The settings on their way from the collector to its web process, as JSON.

Not `config.load`: that one reads the environment and files, which may have changed since the collector read them.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from haechi_collector.config import Config

_PATHS: Final = frozenset(name for name, kind in get_type_hints(Config).items() if Path in (kind, *get_args(kind)))


def told(config: Config) -> dict[str, object]:
    """Return every setting as what JSON can say; paths in full."""
    values = dataclasses.asdict(config)
    return {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in values.items()}


def read(values: Mapping[str, Any]) -> Config:
    """Return the settings that were told."""
    settings: dict[str, Any] = {n: Path(v) if n in _PATHS and v is not None else v for n, v in values.items()}
    return Config(**settings)
