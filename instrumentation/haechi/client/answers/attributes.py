"""What `attributes` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AttributeKey(Answer):
    """A key of attributes; one that has values of several types stands once for each.

    Attributes:
        spans: how many of the spans that were read have it
    """

    key: str
    type: Literal["string", "number", "bool"]
    of: Literal["span", "resource"]
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Attributes(Answer):
    """Keys of attributes, the most frequent first.

    Attributes:
        from_: of the spans that were read
        is_sampled: the window holds more: its newest spans were read
        spans: how many were read, at most 200,000
        attributes_in_all: how many there are; `attributes` holds up to `limit`
    """

    from_: datetime
    to: datetime
    is_sampled: bool
    spans: int
    attributes: list[AttributeKey]
    attributes_in_all: int
