"""The client metrics of the GenAI conventions, recorded once per call from the same facts as its span.

The SDK takes 20 µs for the three of a call, twice that in the application's thread, where nothing of it is cached. So
where our own thread collects them, what was measured waits for it, and is counted by `haechi._tally` with the rest.

Bound: `WAITING_MAX` calls wait; those beyond are counted at once.

Source: semantic-conventions-genai, metrics ``gen_ai.client.*``; the bucket boundaries are the ones given there.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import get_current_span
from opentelemetry.util.types import AttributeValue

from haechi import _guard, _scope
from haechi._tally import Attributes, Instrument, Tally
from haechi_schemas import attributes as names

WAITING_MAX: Final = 4_096
"""Calls whose measurements wait, a second at most. Fewer: busy applications record in their own threads again."""
SCOPE: Final = "haechi"
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_DURATION: Final = Instrument("gen_ai.client.operation.duration", "s", "Duration of a model call", _SECONDS)
_TOKENS: Final = Instrument(
    "gen_ai.client.token.usage",
    "{token}",
    "Input and output tokens of a model call",
    tuple(4.0**n for n in range(14)),
)
_FIRST_CHUNK: Final = Instrument(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "From the request to the first chunk of a streamed answer",
    _SECONDS,
)
_DIMENSIONS: Final = (
    names.OPERATION_NAME,
    names.PROVIDER_NAME,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.ERROR_TYPE,
)
_MEASURED: Final = (
    *_DIMENSIONS,
    names.RESPONSE_TIME_TO_FIRST_CHUNK,
    names.USAGE_INPUT_TOKENS,
    names.USAGE_OUTPUT_TOKENS,
)
_COUNTING: Final = _guard.Kept("counting a call")

Collected = Literal["here", "elsewhere"] | None
_Measured = tuple[tuple[Any, ...], float, Context]
"""What a call says of `_MEASURED`, how long it took in seconds, and the context in which it ended."""


class Metrics:
    """Histograms of duration, tokens and time to first chunk.

    Args:
        provider: whose meter records.
        collected: tells who collects: ``here`` calls `settle` first, ``elsewhere`` does not; None: nobody does.
        tally: counts what is collected here.
    """

    def __init__(
        self,
        provider: MeterProvider,
        collected: Callable[[], Collected] = lambda: "elsewhere",
        tally: Tally | None = None,
    ) -> None:
        self._collected = collected
        self.tally = tally if tally is not None else Tally(delta=False)
        self._waiting: deque[_Measured] = deque()  # its methods are atomic
        meter = provider.get_meter(SCOPE)
        self._histograms = {
            of: meter.create_histogram(of.name, of.unit, of.description, explicit_bucket_boundaries_advisory=of.bounds)
            for of in (_DURATION, _TOKENS, _FIRST_CHUNK)
        }

    def record(self, facts: Mapping[str, AttributeValue], duration_s: float) -> None:
        """Record one finished call; ``facts`` are the attributes of its span."""
        by = self._collected()
        if by is None:
            return
        measured = tuple(map(facts.get, _MEASURED)), duration_s, _scope.current()
        if by == "elsewhere":
            self._record(measured)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(measured)
        else:
            self._count(measured)

    def settle(self) -> None:
        """Count what waits; by the thread that collects."""
        while self._waiting:
            with _COUNTING:
                self._count(self._waiting.popleft())

    def after_fork(self) -> None:
        """Forget what waits and what is counted, in a child process: it is the parent's to tell."""
        self._waiting.clear()
        self.tally.reset()

    def _count(self, measured: _Measured) -> None:
        if not self.tally.exported:  # settings of the SDK's keep the counting there
            self._record(measured)
            return
        ids = get_current_span(measured[2]).get_span_context()
        sampled = ids if ids.trace_flags.sampled else None
        for histogram, attributes, value in _measurements(measured):
            self.tally.add(histogram, attributes, value, sampled)

    def _record(self, measured: _Measured) -> None:
        for histogram, attributes, value in _measurements(measured):
            self._histograms[histogram].record(value, dict(attributes), measured[2])


def _measurements(measured: _Measured) -> Iterator[tuple[Instrument, Attributes, float]]:
    """Give the measurements of one call."""
    (*values, first_chunk_s, asked, answered), duration_s, _ = measured
    dimensions = tuple(values)
    yield _DURATION, _attributes(dimensions), duration_s
    if isinstance(first_chunk_s, float):
        yield _FIRST_CHUNK, _attributes(dimensions), first_chunk_s
    for tokens, kind in ((asked, "input"), (answered, "output")):
        if isinstance(tokens, int):
            yield _TOKENS, _attributes(dimensions, kind), tokens


@lru_cache(1_024)
def _attributes(dimensions: tuple[Any, ...], token_type: str | None = None) -> Attributes:
    told = zip((*_DIMENSIONS, names.TOKEN_TYPE), (*dimensions, token_type), strict=True)
    return tuple((name, value) for name, value in told if value is not None)
