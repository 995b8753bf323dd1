"""Turns the SDK on in every Python process under ``haechi run``, before its program begins.

Guarantee: nothing is raised and nothing is printed. A ``sitecustomize`` that was there before runs as if this one were
not: it is found as ``sitecustomize``, and its errors are Python's to report. This directory leaves ``sys.path`` again,
so that the program sees the path that it would see without us; PYTHONPATH keeps it for processes begun by this one.

Source: module ``site`` of the standard library, which imports ``sitecustomize`` when the interpreter starts.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def _turn_on() -> None:
    try:
        from haechi._init import init_outside  # noqa: PLC0415  inside the boundary

        init_outside()
    except Exception:  # noqa: BLE001, S110  the boundary: another Python without haechi, a broken install
        pass


def _run_the_other() -> None:
    spec = PathFinder.find_spec(__name__, sys.path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules[__name__] = module
        spec.loader.exec_module(module)


_here = Path(__file__).resolve().parent
sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _here]
_turn_on()
if __name__ == "sitecustomize":
    _run_the_other()
