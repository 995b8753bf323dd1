"""`haechi.context`: who, in which conversation, with which prompt, for every span begun inside.

Guarantee: contexts nest (the inner value wins, tags add up), follow async tasks, and threads where `haechi.init` made
threads carry the context (`haechi._threads`). Attributes are computed when a context is made and merged once when it
is entered, never per span. A context object is reusable, also by several tasks at once. Nothing here raises.

Bounds: `TAGS_MAX` tags, `METADATA_MAX` metadata; values as in `haechi._values`.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import TracebackType
from typing import Final, Self, TypeVar

from opentelemetry.util.types import AttributeValue

from haechi import _guard, _scope, _values, _wrapping
from haechi_schemas import attributes as names

TAGS_MAX: Final = 64
"""Tags on one span. More: a loop that adds a tag a round would make every span larger than the one before."""
METADATA_MAX: Final = 64
"""Metadata of one context, for the same reason."""

attributes: Final = _scope.attributes
"""The attributes for spans begun in a context, by default the current one. Not to be changed."""

_Text = str | int
_F = TypeVar("_F", bound=Callable[..., object])


class context:  # noqa: N801  reads as a verb: `with haechi.context(user="u1")`
    """Says for every span begun inside who asks, in which conversation, with which prompt.

    A context manager and a decorator, of sync and async functions and of generators. Values left out (None) stay
    those of the context around; tags are added to its tags.

    Args:
        user: the end user's id (``user.id``).
        session: the conversation (``gen_ai.conversation.id``).
        tags: words to filter by (``haechi.tags``).
        prompt: name of the prompt (``gen_ai.prompt.name``).
        prompt_version: its version (``gen_ai.prompt.version``).
        experiment: what is compared (``haechi.experiment``).
        variant: which side of it this is (``haechi.variant``).
        metadata: anything else (``haechi.metadata.<name>``): text, numbers, booleans; other values become JSON.
    """

    __slots__ = ("_own",)

    def __init__(  # noqa: PLR0913  named, each what it says
        self,
        *,
        user: _Text | None = None,
        session: _Text | None = None,
        tags: Iterable[str] | None = None,
        prompt: str | None = None,
        prompt_version: _Text | None = None,
        experiment: str | None = None,
        variant: _Text | None = None,
        **metadata: object,
    ) -> None:
        self._own: dict[str, AttributeValue] = {}
        with _guard.Kept("haechi.context"):
            named = {
                names.USER_ID: user,
                names.CONVERSATION_ID: session,
                names.PROMPT_NAME: prompt,
                names.PROMPT_VERSION: prompt_version,
                names.EXPERIMENT: experiment,
                names.VARIANT: variant,
            }
            own = {name: _values.text(value) for name, value in named.items() if value is not None}
            self._own.update(own, **_metadata(metadata))
            if tags is not None:
                self._own[names.TAGS] = _tags(tags)

    def __enter__(self) -> Self:
        with _guard.Kept("haechi.context"):
            _scope.enter(self, attributes=_merged(attributes(), self._own))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _guard.Kept("haechi.context"):
            _scope.leave(self)

    def __call__(self, function: _F) -> _F:
        """Return a function (of any kind), or a class with its methods, that runs in this context."""
        return _wrapping.wrap(function, lambda _: lambda *_: _Run(self._own))


class _Run:
    """One run of a decorated function."""

    __slots__ = ()

    def __init__(self, own: Mapping[str, AttributeValue]) -> None:
        with _guard.Kept("haechi.context"):
            _scope.enter(self, attributes=_merged(attributes(), own))

    def item(self, item: object) -> None:
        """Items of a generator are nothing to a context."""

    def stop(self, _: object) -> None:
        """Give back the context around."""
        with _guard.Kept("haechi.context"):
            _scope.leave(self)

    fail = stop


def _merged(outer: Mapping[str, AttributeValue], own: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    merged = {**outer, **own}
    before, added = outer.get(names.TAGS), own.get(names.TAGS)
    if isinstance(before, tuple) and isinstance(added, tuple):
        merged[names.TAGS] = tuple(dict.fromkeys((*before, *added)))[:TAGS_MAX]
    return merged


def _metadata(metadata: Mapping[str, object]) -> dict[str, AttributeValue]:
    some = dict(islice(((names.METADATA_PREFIX + name, value) for name, value in metadata.items()), METADATA_MAX))
    return _values.attributes(some)


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    given = [tags] if isinstance(tags, str) else islice(tags, TAGS_MAX)  # one tag is no list of letters
    return tuple(dict.fromkeys(_values.text(tag) for tag in given))
