"""Being told when the application has imported a module.

Guarantee: nothing is imported by us. The module's loader, its spec and its errors are the ordinary ones; who waits is
called right after the module's code has run, in the importing thread, and once.

(wrapt has such hooks too; its own import takes a third of what turning the SDK on may take, so it waits until there
is something to wrap.)
"""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

Hook = Callable[[ModuleType], None]


class _Finder:
    """Stands first among the finders and finds nothing itself: it asks the others, and adds a call behind the load."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Hook]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders give, its loader prepared, or None for modules nobody waits for."""
        if name not in self.waiting:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                self._prepare(spec.loader, name)
                return spec
        return None

    def _prepare(self, loader: Any, name: str) -> None:
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return

        def exec_module(module: ModuleType) -> None:
            if vars(loader).get("exec_module") is exec_module:
                del loader.exec_module
            execute(module)
            if module.__name__ == name:
                self.arrived(module)

        loader.exec_module = exec_module

    def arrived(self, module: ModuleType) -> None:
        """Call who waits for a module."""
        for hook in self.waiting.pop(module.__name__, ()):
            hook(module)


_FINDER: Final = _Finder()


def when_imported(name: str, hook: Hook) -> None:
    """Call ``hook`` with the module when the application imports it, now if it has."""
    module = sys.modules.get(name)
    if module is not None and not getattr(module.__spec__, "_initializing", False):
        hook(module)
        return
    _FINDER.waiting.setdefault(name, []).append(hook)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def forget(hook: Hook) -> None:
    """Let ``hook`` wait no longer; without anybody waiting the finder goes."""
    for name in list(_FINDER.waiting):
        _FINDER.waiting[name] = [other for other in _FINDER.waiting[name] if other != hook]
    _FINDER.waiting = {name: hooks for name, hooks in _FINDER.waiting.items() if hooks}
    if not _FINDER.waiting and _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
