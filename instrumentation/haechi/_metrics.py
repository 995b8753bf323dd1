"""The client metrics of the GenAI conventions, recorded once per call from the same facts as its span.

Source: semantic-conventions-genai, metrics ``gen_ai.client.*``; the bucket boundaries are the ones given there.
"""

from collections.abc import Mapping
from typing import Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.util.types import AttributeValue

from haechi_schemas import attributes as names

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


class Metrics:
    """Histograms of duration, tokens and time to first chunk."""

    def __init__(self, provider: MeterProvider) -> None:
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
        dimensions = {name: facts[name] for name in _DIMENSIONS if name in facts}
        self._duration.record(duration_s, dimensions)
        first_chunk = facts.get(names.RESPONSE_TIME_TO_FIRST_CHUNK)
        if isinstance(first_chunk, float):
            self._first_chunk.record(first_chunk, dimensions)
        for name, kind in ((names.USAGE_INPUT_TOKENS, "input"), (names.USAGE_OUTPUT_TOKENS, "output")):
            tokens = facts.get(name)
            if isinstance(tokens, int):
                self._tokens.record(tokens, {**dimensions, names.TOKEN_TYPE: kind})
