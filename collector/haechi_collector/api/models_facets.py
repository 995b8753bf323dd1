"""What filters can be made of, for the OpenAPI."""

from typing import Literal

from pydantic import Field

from haechi_collector.api.models import Time
from haechi_collector.api.models_answer import Answer


class FacetValue(Answer):
    """A value of a dimension."""

    value: str = Field(examples=["gpt-4o-mini"])
    spans: int = Field(examples=[5310])
    requests: int = Field(description="Model calls, each counted once", examples=[2655])


class Facets(Answer):
    """Values of a dimension, the most frequent first."""

    from_: Time = Field(alias="from")
    to: Time
    dimension: str = Field(examples=["model"])
    values: list[FacetValue]
    values_in_all: int = Field(description="How many there are; `values` holds up to `limit`", examples=[8])


class AttributeKey(Answer):
    """A key of attributes; one that has values of several types stands once for each."""

    key: str = Field(examples=["demo.language"])
    type: Literal["string", "number", "bool"]
    of: Literal["span", "resource"]
    spans: int = Field(description="How many of the spans that were read have it", examples=[5310])


class Attributes(Answer):
    """Keys of attributes, the most frequent first."""

    from_: Time = Field(alias="from", description="Of the spans that were read")
    to: Time
    is_sampled: bool = Field(description="The window holds more: its newest spans were read", examples=[False])
    spans: int = Field(description="How many were read, at most 200,000", examples=[5310])
    attributes: list[AttributeKey]
    attributes_in_all: int = Field(description="How many there are; `attributes` holds up to `limit`", examples=[24])
