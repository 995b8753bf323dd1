"""Every answer of the API, as a frozen dataclass. Written by docs/make_client.py: change the API's models instead."""

from haechi.client.answers.attributes import AttributeKey, Attributes
from haechi.client.answers.compare import ComparedSide, Comparison, Difference
from haechi.client.answers.costs import Costs, CostsPoint, CostsRow, CostsTotal, UnpricedModel
from haechi.client.answers.facets import Facets, FacetValue
from haechi.client.answers.forecast import Forecast, ForecastDay
from haechi.client.answers.latency import Bin, Cell, Latency, LatencyPoint, LatencyRow, LatencyTotal
from haechi.client.answers.report import Recommendation, Report
from haechi.client.answers.requests import FailureGroup, FoundRequest, Requests
from haechi.client.answers.scores import AcceptedScores
from haechi.client.answers.sessions import JudgedTrace, ListedSession, Session, Sessions, SessionTrace
from haechi.client.answers.spans import Attribute, Receipt, ReceiptLine, ScoreOfSpan, Span, Text
from haechi.client.answers.summary import ModelShare, Summary
from haechi.client.answers.traces import Context, FoundTrace, Message, ScoreOfTrace, Trace, Traces, TraceSpan
from haechi.client.answers.users import ListedUser, UsageOfDay, UsageOfModel, UsageOfSession, User, Users

__all__ = [
    "AcceptedScores",
    "Attribute",
    "AttributeKey",
    "Attributes",
    "Bin",
    "Cell",
    "ComparedSide",
    "Comparison",
    "Context",
    "Costs",
    "CostsPoint",
    "CostsRow",
    "CostsTotal",
    "Difference",
    "FacetValue",
    "Facets",
    "FailureGroup",
    "Forecast",
    "ForecastDay",
    "FoundRequest",
    "FoundTrace",
    "JudgedTrace",
    "Latency",
    "LatencyPoint",
    "LatencyRow",
    "LatencyTotal",
    "ListedSession",
    "ListedUser",
    "Message",
    "ModelShare",
    "Receipt",
    "ReceiptLine",
    "Recommendation",
    "Report",
    "Requests",
    "ScoreOfSpan",
    "ScoreOfTrace",
    "Session",
    "SessionTrace",
    "Sessions",
    "Span",
    "Summary",
    "Text",
    "Trace",
    "TraceSpan",
    "Traces",
    "UnpricedModel",
    "UsageOfDay",
    "UsageOfModel",
    "UsageOfSession",
    "User",
    "Users",
]
