"""What the answers of all routes have in common, for the OpenAPI."""

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """An answer or a part of one: it has the fields that are declared and no others."""

    model_config = ConfigDict(extra="forbid")
