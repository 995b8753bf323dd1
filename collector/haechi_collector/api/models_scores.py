"""What ``POST /api/v1/scores`` takes and answers, for the OpenAPI and for reading the body.

Guarantee: a field that is not declared is an error, a text is bounded, nothing is converted silently.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from haechi_collector.api.limits import SCORE_EXPLANATION_CHARS_MAX, SCORE_ID_CHARS_MAX
from haechi_collector.api.models_answer import Answer
from haechi_collector.limits import DISTINCT_VALUE_BYTES_MAX

_Word = Annotated[str, Field(max_length=DISTINCT_VALUE_BYTES_MAX)]


class GivenScore(BaseModel):
    """A judgement on a trace or on a span of it; it has a value, a label, or both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    trace_id: str = Field(
        pattern=r"^[0-9a-fA-F]{32}$",
        description="32 hexadecimal digits, not all 0; the trace may come later",
        examples=["5b8efff798038103d269b633813fc60c"],
    )
    span_id: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F]{16}$",
        description="16 hexadecimal digits; without it the trace as a whole is judged",
        examples=["051581bf3cb55c13"],
    )
    name: _Word = Field(
        min_length=1,
        description="What is judged. `user_feedback`, `quality` and `hallucination` are in the summary's figures",
        examples=["user_feedback"],
    )
    value: float | None = Field(None, allow_inf_nan=False, description="Any number", examples=[1.0])
    label: _Word | None = Field(
        None, description="A word instead of a number or beside it; `thumbs_up`, `thumbs_down`", examples=["thumbs_up"]
    )
    explanation: str | None = Field(
        None, max_length=SCORE_EXPLANATION_CHARS_MAX, description="Why", examples=["The answer names the right day."]
    )
    source: Literal["human", "judge", "client", "check"] = Field(
        "human", description="Who judges: a person, a model, the application, a rule", examples=["human"]
    )
    evaluator: _Word | None = Field(None, description="The name of who or what judges", examples=["help desk"])
    evaluator_version: _Word | None = Field(None, examples=["1.2.0"])
    timestamp: AwareDatetime | None = Field(
        None,
        description="When it was judged: RFC 3339 with an offset, a day ahead at most; by default now",
        examples=["2026-11-22T09:00:00Z"],
    )
    id: str | None = Field(
        None,
        min_length=1,
        max_length=SCORE_ID_CHARS_MAX,
        description="The score's own: a later one with it takes this one's place. By default one is made",
        examples=["feedback-0042"],
    )


class AcceptedScores(Answer):
    """The scores are on disk; questions see them about a second later."""

    ids: list[str] = Field(description="Of each, in the order of the request", examples=[["feedback-0042"]])
