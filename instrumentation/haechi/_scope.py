"""What is current while a block runs, and giving it back.

Guarantee: `leave` gives back what was current before `enter`, in the task or thread that entered and in those that
inherited it. Left anywhere else it changes nothing, and it never raises or logs. Whatever the block itself attached
and forgot to detach is gone after `leave`.

How: the scope rides in the OpenTelemetry context that it makes current, and remembers the one before. Tokens of
`contextvars` are not used: they fail where a block ends in another task than it began in, which generators do.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context, attach, create_key, get_current, set_value
from opentelemetry.util.types import AttributeValue

DEPTH_MAX: Final = 2_000
"""Scopes inside scopes. More: a program that forgets to leave, in a loop, would keep every one of them alive."""

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


def enter(
    owner: object, context: Context | None = None, attributes: Mapping[str, AttributeValue] | None = None
) -> None:
    """Make a context current until ``owner`` leaves; nothing inside `DEPTH_MAX` others.

    Args:
        owner: who will leave; it may enter several times, the innermost is left first.
        context: what becomes current, made from the current one; the current one by default.
        attributes: those of every span begun inside; by default those of the scope around.
    """
    before = get_current()
    outer = _of(before)
    if outer is not None and outer.depth >= DEPTH_MAX:
        return
    if attributes is None:
        attributes = outer.attributes if outer else _NONE
    attach(set_value(_KEY, _Scope(owner, before, outer, attributes), before if context is None else context))


def enter_with(owner: object, values: dict[str, object]) -> None:
    """Make the current context with values added current until ``owner`` leaves; as `enter`, in one copy."""
    before = get_current()
    outer: Any = before.get(_KEY)
    if outer is not None and outer.depth >= DEPTH_MAX:
        return
    scope = _Scope(owner, before, outer, outer.attributes if outer else _NONE)
    attach(Context(before, **values, **{_KEY: scope}))


def inside(context: Context, attributes: Mapping[str, AttributeValue]) -> Context:
    """Return a context made from another, in which spans begin with these attributes. It is not made current."""
    return set_value(_KEY, _Scope(None, context, _of(context), attributes), context)


def leave(owner: object) -> None:
    """Give back what was current when ``owner`` entered; nothing where that did not happen."""
    scope: Any = get_current().get(_KEY)
    while scope is not None and scope.owner is not owner:
        scope = scope.outer
    if scope is not None:
        attach(scope.before)


def attributes(context: Context | None = None) -> Mapping[str, AttributeValue]:
    """Return the attributes for spans begun in a context, by default the current one. Not to be changed."""
    scope = _of(context)
    return scope.attributes if scope else _NONE


def _of(context: Context | None) -> _Scope | None:
    scope = (get_current() if context is None else context).get(_KEY)
    return scope if isinstance(scope, _Scope) else None
