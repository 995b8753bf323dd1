"""What a caller of the SDK got wrong, said in one line and once.

Guarantee: a wrong argument at run time never raises into the application: it is named in one line of the log
``haechi``, the same words once. Bound: `LINES_MAX` different lines per process; after that nothing more is said.
"""

from typing import Final

from haechi._guard import logger

LINES_MAX: Final = 100
"""Different lines. More: a wrong value that differs each time would fill the application's log."""

_said: set[str] = set()


class MisuseError(ValueError):
    """An argument does not fit; the message names it and what was expected."""


def say(where: str, error: MisuseError) -> None:
    """Log what was wrong, unless it has been said."""
    line = f"{where}: {error}"
    if line not in _said and len(_said) < LINES_MAX:
        _said.add(line)
        logger.warning("%s", line)
