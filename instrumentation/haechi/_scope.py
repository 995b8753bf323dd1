"""What is current while a block runs, and giving it back.

Guarantee: `leave` gives back what was current before `enter`, in the task or thread that entered and in those that
inherited it. Left anywhere else it changes nothing, and it never raises or logs. Whatever the block itself attached
and forgot to detach is gone after `leave`.

How: the scope rides in the OpenTelemetry context that it makes current, and remembers the one before. Tokens of
`contextvars` are not used: they fail where a block ends in another task than it began in, which generators do.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from opentelemetry.context import _RUNTIME_CONTEXT, Context, create_key, set_value
from opentelemetry.util.types import AttributeValue

DEPTH_MAX: Final = 2_000
"""Scopes inside scopes. More: a program that forgets to leave, in a loop, would keep every one of them alive."""

current: Final = _RUNTIME_CONTEXT.get_current
"""Returns the current context. The same as OpenTelemetry's `get_current`, in one function less, at every call."""
_attach: Final = _RUNTIME_CONTEXT.attach
_KEY: Final = create_key("haechi.scope")
_NONE: Final[Mapping[str, AttributeValue]] = {}


class _Scope:
    """One entered block: whose it is, the context before it, and the attributes of spans begun inside."""

    __slots__ = ("attributes", "before", "depth", "outer", "owner")

    def __init__(
        self, owner: object, before: Context, outer: "_Scope | None", attributes: Mapping[str, AttributeValue]
    ) -> None:
        self.owner = owner
        self.before = before
        self.outer = outer
        self.attributes = attributes
        self.depth: int = outer.depth + 1 if outer else 1


class Inside(_Scope):
    """A block in which values are added to the current context, in one copy. To be entered once; its own owner."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, object]) -> None:
        self._values = values

    def __enter__(self) -> None:
        before = current()
        outer: Any = before.get(_KEY)
        if outer is None:
            self.attributes, self.depth = _NONE, 1
        elif outer.depth < DEPTH_MAX:
            self.attributes, self.depth = outer.attributes, outer.depth + 1
        else:
            return
        self.owner, self.before, self.outer = None, before, outer
        _attach(Context(before, **self._values, **{_KEY: self}))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if current().get(_KEY) is self:  # as `leave` does, without looking further
            _attach(self.before)
        else:
            leave(self)


def enter(
    owner: object, context: Context | None = None, attributes: Mapping[str, AttributeValue] | None = None
) -> None:
    """Make a context current until ``owner`` leaves; nothing inside `DEPTH_MAX` others.

    Args:
        owner: who will leave; it may enter several times, the innermost is left first.
        context: what becomes current, made from the current one; the current one by default.
        attributes: those of every span begun inside; by default those of the scope around.
    """
    before = current()
    outer = _of(before)
    if outer is not None and outer.depth >= DEPTH_MAX:
        return
    if attributes is None:
        attributes = outer.attributes if outer else _NONE
    _attach(set_value(_KEY, _Scope(owner, before, outer, attributes), before if context is None else context))


def inside(context: Context, attributes: Mapping[str, AttributeValue]) -> Context:
    """Return a context made from another, in which spans begin with these attributes. It is not made current."""
    return set_value(_KEY, _Scope(None, context, _of(context), attributes), context)


def leave(owner: object) -> None:
    """Give back what was current when ``owner``, or that scope itself, entered; nothing where that did not happen."""
    scope: Any = current().get(_KEY)
    while scope is not None and scope.owner is not owner and scope is not owner:
        scope = scope.outer
    if scope is not None:
        _attach(scope.before)


def attributes(context: Context | None = None) -> Mapping[str, AttributeValue]:
    """Return the attributes for spans begun in a context, by default the current one. Not to be changed."""
    scope: Any = (current() if context is None else context).get(_KEY)
    return scope.attributes if scope is not None else _NONE


def _of(context: Context | None) -> _Scope | None:
    scope = (current() if context is None else context).get(_KEY)
    return scope if isinstance(scope, _Scope) else None
