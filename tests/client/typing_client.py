"""The client as a consumer writes it, for a type checker: each line here must be accepted, or refused, as it says.

Checked by test_client_typing.py; never imported.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_type

from haechi.client import Client, Pages, Rows, Statement, WrongParameter, answers

with Client("http://localhost:8318", key="hk_x", timeout_s=5, retries=0) as client:
    assert_type(client, Client)
Client(verify="ca.pem", cert=("a.pem", "b.pem"))
Client("http://localhost:8318", "hk_x", 5)  # type: ignore[call-arg]

summary = client.summary(from_=timedelta(hours=1), to=datetime.now(UTC), model=["a", "b"], user=None)
assert_type(summary, answers.Summary)
assert_type(summary.total_cost_usd, Decimal | None)
assert_type(summary.from_, datetime)
assert_type(summary.model_distribution, list[answers.ModelShare])
summary.total_requests = 1  # type: ignore[misc]
client.summary(from_=3)  # type: ignore[arg-type]
client.summary(modell="a")  # type: ignore[call-arg]
client.summary("-1h")  # type: ignore[call-arg]
client.summary(attributes={"tenant": ["a", "b"], "temperature": 0.5, "vip": True})
client.summary(attributes={"tenant": None})  # type: ignore[dict-item]

latency = client.latency(metric="ttft", quantiles=[0.5], group_by="model", interval="1h", limit=3)
assert_type(latency.rows[0].quantiles, dict[str, float | None])
assert_type(latency.series, list[answers.LatencyPoint] | None)
client.latency(metric="speed")  # type: ignore[arg-type]
assert_type(client.costs(include=["users"]).total.cost_usd, Decimal | None)
assert_type(client.forecast(budget_usd=Decimal(500), at="now"), answers.Forecast)
client.forecast(from_="-1h")  # type: ignore[call-arg]
assert_type(client.report().recommendations, list[answers.Recommendation])
assert_type(client.compare(by="prompt_version", a="1", b="2"), answers.Comparison)

assert_type(client.traces(q="refund", order="dearest", limit=10), Pages[answers.FoundTrace])
for trace in client.traces():
    assert_type(trace, answers.FoundTrace)
client.traces(order="cheapest")  # type: ignore[arg-type]
assert_type(client.trace("ff"), answers.Trace)
assert_type(client.span("ff", "ff"), answers.Span)
assert_type(client.sessions(order="longest"), Pages[answers.ListedSession])
assert_type(client.session("s", limit=5), answers.Session)
assert_type(client.users(), Pages[answers.ListedUser])
assert_type(client.user("u"), answers.User)
assert_type(client.requests(order="failing"), Pages[answers.FoundRequest])
assert_type(client.failures().failures, list[answers.FailureGroup])
assert_type(client.facets("model", q="gpt"), answers.Facets)
assert_type(client.attributes(), answers.Attributes)

assert_type(client.score("quality", 0.5, trace_id="ff", source="judge"), str)
assert_type(client.scores([{"trace_id": "ff", "name": "quality", "label": "good"}]), list[str])
client.score("quality", 0.5, trace_id="ff", source="god")  # type: ignore[arg-type]
client.scores([{"name": "quality"}])  # type: ignore[typeddict-item]

asked = client.sql("SELECT {x:Array(UInt8)}", {"x": [1, 2]})
assert_type(asked, Statement)
assert_type(asked.rows(), Rows)
assert_type(asked.rows()[0], dict[str, Any])
assert_type(asked.export("a.parquet"), int)
client.sql("SELECT 1", {"x": object()})  # type: ignore[dict-item]

try:
    client.summary()
except WrongParameter as error:
    assert_type(error.parameter, str | None)
    assert_type(error.status, int)
