"""Who sends: the attributes of the resource, found without any setting.

Guarantee: a setting comes first, then OpenTelemetry's own variables, then a guess from how the program was started.
The parent and the processes that it starts through `multiprocessing` guess the same name.

Source: semantic conventions 1.42, resource attributes ``service.*``, ``process.*``, ``host.*``.
"""

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haechi._config import Config
from haechi_schemas import attributes as names

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_RUNNERS: Final = frozenset({"celery", "daphne", "gunicorn", "granian", "hypercorn", "uvicorn"})
"""Programs whose arguments name the application: ``shop.web:app``, ``-A shop``."""


def resource(config: Config) -> "Resource":
    """Return the resource of this process."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  with the SDK, not before

    name, package = program()
    guessed = {
        names.SERVICE_NAME: name,
        names.SERVICE_VERSION: _version(package),
        names.PROCESS_PID: os.getpid(),
        names.PROCESS_RUNTIME_NAME: sys.implementation.name,
        names.PROCESS_RUNTIME_VERSION: platform.python_version(),
        names.HOST_NAME: platform.node(),
    }
    said = dict(Resource.create().attributes)
    if str(said.get(names.SERVICE_NAME)).startswith("unknown_service"):  # OpenTelemetry's word for: nobody said it
        del said[names.SERVICE_NAME]
    given = {
        names.SERVICE_NAME: config.service_name,
        names.SERVICE_VERSION: config.service_version,
        names.DEPLOYMENT_ENVIRONMENT: config.environment,
    }
    known = {**guessed, **said, **{name: value for name, value in given.items() if value}}
    return Resource({name: value for name, value in known.items() if value is not None})


def program() -> tuple[str, str | None]:
    """Return a name for the program, and the package that it is where that is known."""
    path = Path(sys.argv[0] if sys.argv else "")
    if path.name in {"", "-c"}:
        return "python", None
    if path.name == "__main__.py":  # python -m package
        path = path.parent
        package: str | None = path.name
    else:
        package = None
    if path.stem in _RUNNERS:
        package = _application(sys.argv[1:]) or package
        return package or path.stem, package
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:  # python -m package.module
        package = spec.name.partition(".")[0]
    return ("jupyter" if path.stem == "ipykernel_launcher" else path.stem), package


def _application(arguments: list[str]) -> str | None:
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if before in {"-A", "--app"} or (":" in argument and not argument.startswith("-") and "/" not in argument):
            module = argument.partition(":")[0].partition(".")[0]
            if module.isidentifier():
                return module
    return None


def _version(package: str | None) -> str | None:
    if package is None:
        return None
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  once, with the first span

    try:
        return version(package)
    except PackageNotFoundError:
        return None
