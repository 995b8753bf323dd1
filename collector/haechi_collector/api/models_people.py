"""What sessions and users answer, for the OpenAPI."""

from pydantic import Field

from haechi_collector.api.models import Money, Share, Time
from haechi_collector.api.models_answer import Answer

_TRACE_ID = "5b8efff798038103d269b633813fc60c"


class Figures(Answer):
    """What a session or a user came to. Requests, errors, tokens and costs are of model calls, each counted once."""

    first_time: Time = Field(description="Start of the first span")
    last_time: Time = Field(description="End of the last span")
    traces: int = Field(examples=[14])
    failed_traces: int = Field(description="Those with a failed span of any kind", examples=[1])
    requests: int = Field(description="Model calls", examples=[31])
    errors: int = Field(description="Failed model calls", examples=[1])
    error_rate: Share
    input_tokens: int = Field(examples=[41200])
    output_tokens: int = Field(examples=[3920])
    cost_usd: Money
    cost_per_request_usd: Money
    unpriced_requests: int = Field(examples=[0])
    models: list[str] = Field(description="Up to 20", examples=[["gpt-4o-mini"]])
    p95_latency_ms: float | None = Field(examples=[2911.0])
    avg_quality_score: float | None = Field(description="Of the traces, as in the summary", examples=[0.86])
    hallucination_rate: Share
    thumbs_up: int = Field(examples=[3])
    thumbs_down: int = Field(examples=[0])


class SessionFigures(Figures):
    """A session."""

    session: str = Field(examples=["session-0042"])
    user: str = Field(description="The latest one", examples=["user-0007"])
    duration_ms: float = Field(description="From the first span's start to the last one's end", examples=[184200.5])


class ListedSession(SessionFigures):
    """A session of the list."""

    first_question_excerpt: str = Field(examples=["배송은 언제 오나요?"])


class Sessions(Answer):
    """A page of sessions."""

    from_: Time = Field(alias="from")
    to: Time
    sessions: list[ListedSession]
    next_cursor: str | None = Field(description="For the next page; null on the last one", examples=[None])


class JudgedTrace(Answer):
    """A judgement on a trace ('' for span_id) or on a span of it."""

    id: str = Field(examples=["click-77"])
    span_id: str = Field(examples=[""])
    name: str = Field(examples=["user_feedback"])
    value: float | None = Field(description="null where the judgement is a label alone", examples=[1.0])
    label: str = Field(examples=["thumbs_up"])
    source: str = Field(description="check, judge, human or client", examples=["human"])
    evaluator: str = Field(examples=["support-bot"])
    explanation: str = Field(examples=[""])
    timestamp: Time


class SessionTrace(Answer):
    """A trace of a timeline; figures of its spans that carry the session's id."""

    trace_id: str = Field(examples=[_TRACE_ID])
    start_time: Time
    duration_ms: float = Field(examples=[2840.2])
    name: str = Field(description="Of the root span, else of the earliest one", examples=["answer_question"])
    service: str = Field(examples=["support-bot"])
    spans: int = Field(examples=[6])
    requests: int = Field(examples=[2])
    errors: int = Field(description="Failed model calls", examples=[0])
    is_failed: bool = Field(description="A span of any kind failed", examples=[False])
    models: list[str] = Field(examples=[["gpt-4o-mini"]])
    input_tokens: int = Field(examples=[2700])
    output_tokens: int = Field(examples=[210])
    cost_usd: Money
    unpriced_requests: int = Field(examples=[0])
    input_excerpt: str = Field(examples=["배송은 언제 오나요?"])
    output_excerpt: str = Field(examples=["내일 도착합니다."])
    scores: list[JudgedTrace]


class Session(SessionFigures):
    """One session."""

    from_: Time = Field(alias="from")
    to: Time
    timeline: list[SessionTrace] = Field(description="By start, the earliest first")
    traces_left_out: int = Field(description="Later ones than `limit` shows", examples=[0])


class ListedUser(Figures):
    """A user."""

    user: str = Field(examples=["user-0007"])
    days_active: int = Field(description="Days in UTC", examples=[5])
    sessions: int = Field(examples=[9])


class Users(Answer):
    """A page of users."""

    from_: Time = Field(alias="from")
    to: Time
    users: list[ListedUser]
    next_cursor: str | None = Field(description="For the next page; null on the last one", examples=[None])


class Usage(Answer):
    """What a part of a user's requests came to."""

    traces: int = Field(examples=[4])
    requests: int = Field(examples=[9])
    errors: int = Field(examples=[0])
    input_tokens: int = Field(examples=[11800])
    output_tokens: int = Field(examples=[1020])
    cost_usd: Money
    unpriced_requests: int = Field(examples=[0])


class UsageOfDay(Usage):
    """One day in UTC."""

    time: Time


class UsageOfModel(Usage):
    """One model."""

    model: str = Field(examples=["gpt-4o-mini"])
    share: float = Field(description="Of the requests, from 0 to 1", examples=[0.75])


class UsageOfSession(Usage):
    """One session."""

    session: str = Field(examples=["session-0042"])
    first_time: Time
    last_time: Time = Field(description="Start of its last span")


class User(ListedUser):
    """One user."""

    from_: Time = Field(alias="from")
    to: Time
    daily: list[UsageOfDay] = Field(description="Days with spans, by time")
    model_distribution: list[UsageOfModel] = Field(description="Up to 100, those with the most requests first")
    newest_sessions: list[UsageOfSession] = Field(description="Up to 100, the newest first")
