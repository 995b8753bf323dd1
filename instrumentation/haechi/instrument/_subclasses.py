"""Observing methods that every subclass writes anew, of the subclasses that there are and of those to come."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from haechi import _guard, _wrapping
from haechi._endpoints import Observer, Patches


def wrap(base: type, methods: tuple[str, ...], begin: _wrapping.Begin, patches: Patches) -> None:
    """Run something around the named methods of ``base`` and of each of its subclasses, where they are not abstract."""

    def observe(owner: type) -> None:
        with _KEPT:
            for name in methods:
                if _is_concrete(owner, name):
                    patches.wrap(owner, name, begin)

    each(base, observe, patches)


def put(owner: type, name: str, observer: Observer, patches: Patches) -> None:
    """Put an observer around a method that is not abstract."""
    if _is_concrete(owner, name):
        patches.put(owner, name, observer)


def _is_concrete(owner: type, name: str) -> bool:
    return not getattr(vars(owner).get(name), "__isabstractmethod__", False)


def each(base: type, observe: Callable[[type], None], patches: Patches) -> None:
    """Call ``observe`` with ``base``, its subclasses, and those that are defined from now on."""
    for owner in (base, *_descendants(base)):
        observe(owner)

    patches.set(base, "__init_subclass__", classmethod(_defined(base, observe)))


def _defined(base: Any, observe: Callable[[type], None]) -> Callable[..., None]:
    """Return what is called when a subclass is defined, after what was called before."""
    own: Any = vars(base).get("__init_subclass__")

    def defined(cls: Any, /, **kwargs: Any) -> None:
        if own is None:
            super(base, cls).__init_subclass__(**kwargs)
        else:
            own.__get__(None, cls)(**kwargs)
        observe(cls)

    return defined


def _descendants(base: type[Any]) -> Iterator[type[Any]]:
    for child in base.__subclasses__():
        yield child
        yield from _descendants(child)


_KEPT: Final = _guard.Kept("observing a class")
