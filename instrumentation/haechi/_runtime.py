"""What is on while an application is observed: the tracer, the metrics, the prices and the settings.

There is one runtime per process or none, because the client libraries that are instrumented are per process too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opentelemetry.trace import Tracer

from haechi._config import Config
from haechi._content import Content
from haechi._cost import Prices
from haechi._metrics import Metrics

if TYPE_CHECKING:
    from opentelemetry._logs import Logger


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts that every observed call uses.

    ``metrics`` and ``prices`` are None where they are turned off. ``clock`` gives nanoseconds since the epoch.
    ``logger`` makes the logger of scores; by default it is that of `haechi._providers`.
    """

    config: Config
    tracer: Tracer
    metrics: Metrics | None = None
    prices: Prices | None = None
    clock: Callable[[], int] = time.time_ns
    logger: Callable[[], "Logger"] | None = None
    content: Content = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", Content(self.config.content, self.config.content_chars_max))


_current: Runtime | None = None


def current() -> Runtime | None:
    """Return what is on, or None before `haechi.init` and after `haechi.shutdown`."""
    return _current


def use(runtime: Runtime | None) -> Runtime | None:
    """Turn ``runtime`` on and return the one before it."""
    global _current
    before, _current = _current, runtime
    return before
