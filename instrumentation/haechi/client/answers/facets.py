"""What `facets` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FacetValue(Answer):
    """A value of a dimension.

    Attributes:
        requests: model calls, each counted once
    """

    value: str
    spans: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Facets(Answer):
    """Values of a dimension, the most frequent first.

    Attributes:
        values_in_all: how many there are; `values` holds up to `limit`
    """

    from_: datetime
    to: datetime
    dimension: str
    values: list[FacetValue]
    values_in_all: int
