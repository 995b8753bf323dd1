"""A command for a data directory: by the collector that runs on it, or here when none runs."""

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Protocol

from haechi_collector.config import Config
from haechi_collector.control import Command, Told, ask
from haechi_collector.errors import SettingError


class Commands(Protocol):
    """What carries commands out."""

    @property
    def commands(self) -> Mapping[str, Command]:
        """The commands by name."""


def carried_out(
    config: Config, command: str, arguments: Mapping[str, Any], opened: Callable[[Config, ExitStack], Commands]
) -> dict[str, Any]:
    """Have the running collector do it, else what ``opened`` gives; show what is said meanwhile, return the result.

    Raises:
        SettingError: there is no store in the data directory.
        HaechiError: what the command failed with.
    """
    running = ask(config.data_dir, command, arguments) if config.data_dir.is_dir() else None
    if running is not None:
        return _shown(running)
    if config.clickhouse is None and not (config.data_dir / "store").is_dir():
        raise SettingError(f"--data-dir {config.data_dir}: holds no store; name the directory of haechi serve")
    with ExitStack() as undo:
        return _shown(opened(config, undo).commands[command](arguments))


def _shown(told: Told) -> dict[str, Any]:
    while True:
        try:
            print(next(told), file=sys.stderr)
        except StopIteration as end:
            result: dict[str, Any] = end.value
            return result
