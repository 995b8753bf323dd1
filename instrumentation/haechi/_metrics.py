"""The client metrics of the GenAI conventions, recorded once per call from the same facts as its span.

The SDK takes 20 µs for the three of a call, twice that in the application's thread, where nothing of it is cached. So
where our own thread collects them, what was measured waits for it, and is recorded with the rest of its batch.

Bound: `WAITING_MAX` calls wait; those beyond are recorded at once.

Source: semantic-conventions-genai, metrics ``gen_ai.client.*``; the bucket boundaries are the ones given there.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.util.types import AttributeValue

from haechi import _scope
from haechi_schemas import attributes as names

WAITING_MAX: Final = 4_096
"""Calls whose measurements wait, a second at most. Fewer: busy applications record in their own threads again."""
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(4.0**n for n in range(14))
_DIMENSIONS: Final = (
    names.OPERATION_NAME,
    names.PROVIDER_NAME,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.ERROR_TYPE,
)

Collected = Literal["here", "elsewhere"] | None


_MEASURED: Final = (
    *_DIMENSIONS,
    names.RESPONSE_TIME_TO_FIRST_CHUNK,
    names.USAGE_INPUT_TOKENS,
    names.USAGE_OUTPUT_TOKENS,
)

_Measured = tuple[tuple[Any, ...], float, Context]
"""What a call says of `_MEASURED`, how long it took in seconds, and the context in which it ended."""


class Metrics:
    """Histograms of duration, tokens and time to first chunk.

    Args:
        provider: whose meter records.
        collected: tells who collects: ``here`` calls `settle` first, ``elsewhere`` does not; None: nobody does.
    """

    def __init__(self, provider: MeterProvider, collected: Callable[[], Collected] = lambda: "elsewhere") -> None:
        self._collected = collected
        self._waiting: deque[_Measured] = deque()  # its methods are atomic
        meter = provider.get_meter("haechi")
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="Duration of a model call",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Input and output tokens of a model call",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="From the request to the first chunk of a streamed answer",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )

    def record(self, facts: Mapping[str, AttributeValue], duration_s: float) -> None:
        """Record one finished call; ``facts`` are the attributes of its span."""
        by = self._collected()
        if by is None:
            return
        measured = tuple(map(facts.get, _MEASURED)), duration_s, _scope.current()
        if by == "here" and len(self._waiting) < WAITING_MAX:
            self._waiting.append(measured)
        else:
            self._record(measured)

    def settle(self) -> None:
        """Record what waits; by the thread that collects."""
        while self._waiting:
            self._record(self._waiting.popleft())

    def after_fork(self) -> None:
        """Forget what waits, in a child process: it is the parent's to record."""
        self._waiting.clear()

    def _record(self, measured: _Measured) -> None:
        (*values, first_chunk_s, asked, answered), duration_s, within = measured
        dimensions = {name: value for name, value in zip(_DIMENSIONS, values, strict=True) if value is not None}
        self._duration.record(duration_s, dimensions, within)
        if isinstance(first_chunk_s, float):
            self._first_chunk.record(first_chunk_s, dimensions, within)
        for tokens, kind in ((asked, "input"), (answered, "output")):
            if isinstance(tokens, int):
                self._tokens.record(tokens, {**dimensions, names.TOKEN_TYPE: kind}, within)
