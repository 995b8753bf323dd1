"""Libraries that reading as Arrow or pandas needs; the SDK does not bring them."""

from importlib import import_module
from typing import Any

from haechi.client._errors import NotInstalled


def library(name: str) -> Any:
    """Import a library.

    Raises:
        NotInstalled: it is not there.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise NotInstalled(f"this needs {name}: pip install {name}") from None
