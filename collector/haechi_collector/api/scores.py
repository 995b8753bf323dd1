"""``POST /api/v1/scores``: feedback and outside judgements.

Guarantee: the answer 200 is given when every score of the request is in the collector's journal, on disk; otherwise
none is. A score is checked here and then goes the way of `haechi.score`: as an OTLP log event, with the caller's own
key, through the collector's gate, quotas and admission (`WayIn`).

Source: OpenTelemetry GenAI semantic conventions, event ``gen_ai.evaluation.result``.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import uuid4

import orjson
from fastapi import APIRouter, Request
from pydantic import TypeAdapter, ValidationError

from haechi_collector.api import models
from haechi_collector.api.body import read_body
from haechi_collector.api.limits import SCORES_BYTES_MAX, SCORES_MAX
from haechi_collector.api.models_scores import AcceptedScores, GivenScore
from haechi_collector.errors import Rejected, TooLarge, UnsupportedEncoding, WrongParameter
from haechi_collector.gate.credentials import credential_of_page
from haechi_collector.limits import DISTINCT_VALUE_BYTES_MAX, TIME_AHEAD_S
from haechi_schemas import attributes as names

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US: Final = timedelta(microseconds=1)
_AHEAD: Final = timedelta(seconds=TIME_AHEAD_S)
_INFO: Final = 9  # the number of that severity
_WORDS: Final = ("name", "label", "evaluator", "evaluator_version")
_ONE: Final = TypeAdapter(GivenScore)
_MANY: Final = TypeAdapter(list[GivenScore])
_REF: Final = {"$ref": "#/components/schemas/GivenScore"}
_BODY: Final = {
    "description": f"One score, or up to {SCORES_MAX:,}",
    "required": True,
    "content": {
        "application/json": {
            "example": [
                {"trace_id": "5b8efff798038103d269b633813fc60c", "name": "user_feedback", "label": "thumbs_up"}
            ],
            "schema": {"anyOf": [_REF, {"type": "array", "items": _REF, "minItems": 1, "maxItems": SCORES_MAX}]},
        }
    },
}
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": models.Problem, "description": "A field is wrong; `parameter` names it: `[2].trace_id` in a list"},
    413: {"model": models.Problem, "description": "The body is too long"},
    415: {"model": models.Problem, "description": "The body is not declared as `application/json`"},
    503: {"model": models.Problem, "description": "The collector takes nothing now; `Retry-After` says when to try"},
}


class WayIn(Protocol):
    """How the web port hands telemetry to the collector."""

    async def take_logs(self, body: bytes, key: str) -> None:
        """Return when an OTLP request of logs in JSON is in the journal; ``key`` is the sender's, '' for none.

        Raises:
            Rejected: not now; a quota as `OverQuota`.
            Denied: not with this key.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


class NoWayIn:
    """Takes nothing: the API stands alone, with no collector beside it."""

    async def take_logs(self, body: bytes, key: str) -> None:
        """Refuse."""
        del body, key
        raise Rejected("no collector is here that takes scores")

    async def close(self) -> None:
        """Do nothing."""


def scores_router(way_in: WayIn) -> APIRouter:
    """Build the route."""
    router = APIRouter(prefix="/api/v1", tags=["scores"], responses=_PROBLEMS)

    @router.post("/scores", response_model=AcceptedScores, openapi_extra={"requestBody": _BODY})
    async def post_scores(request: Request) -> AcceptedScores:
        """Keep judgements of people and of other programs. A later score with the id of one takes its place."""
        scores = _read(await _body(request))
        ids = [one.id or uuid4().hex for one in scores]
        key = credential_of_page(request.scope["headers"]) if request.state.caller.key_id else ""
        await way_in.take_logs(_as_logs(scores, ids), key)
        return AcceptedScores(ids=ids)

    return router


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedEncoding("Content-Type must be application/json")
    body = await read_body(request, SCORES_BYTES_MAX)
    if body is None:
        raise TooLarge(f"the body has more than {SCORES_BYTES_MAX:,} bytes; send fewer scores at once")
    return body


def _read(body: bytes) -> list[GivenScore]:
    """Read and check the scores of a body.

    Raises:
        WrongParameter: one is wrong; ``parameter`` says where, ``body`` for the whole.
    """
    is_list = body.lstrip()[:1] == b"["
    try:
        scores = _MANY.validate_json(body) if is_list else [_ONE.validate_json(body)]
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise WrongParameter(_place(first["loc"]), first["msg"]) from None
    if not 1 <= len(scores) <= SCORES_MAX:
        raise WrongParameter("body", f"expected 1 to {SCORES_MAX:,} scores")
    seen: set[str] = set()
    for n, score in enumerate(scores):
        _check(score, (n,) if is_list else (), seen)
    return scores


def _place(path: Sequence[int | str]) -> str:
    """Return where in the body a field is: ``name``, or ``[2].name`` in a list."""
    return ".".join(f"[{part}]" if isinstance(part, int) else part for part in path) or "body"


def _check(score: GivenScore, place: tuple[int, ...], seen: set[str]) -> None:
    """Check what a schema cannot say.

    Raises:
        WrongParameter: it does not hold.
    """
    for name, digits in (("trace_id", score.trace_id), ("span_id", score.span_id or "1")):
        if not int(digits, 16):
            raise WrongParameter(_place((*place, name)), "all digits are 0")
    for name in _WORDS:
        if len((getattr(score, name) or "").encode()) > DISTINCT_VALUE_BYTES_MAX:
            raise WrongParameter(_place((*place, name)), f"more than {DISTINCT_VALUE_BYTES_MAX} bytes")
    if score.value is None and not score.label:
        raise WrongParameter(_place((*place, "value")), "expected a value or a label")
    if score.timestamp is not None and not _EPOCH <= score.timestamp <= datetime.now(UTC) + _AHEAD:
        raise WrongParameter(_place((*place, "timestamp")), "expected a time since 1970, a day ahead at most")
    if score.id is not None and score.id in seen:
        raise WrongParameter(_place((*place, "id")), "two scores of the request have this id")
    seen |= {score.id} if score.id else set()


def _as_logs(scores: Sequence[GivenScore], ids: Sequence[str]) -> bytes:
    """Return the scores as an OTLP request."""
    now = datetime.now(UTC)
    records = [_record(one, id_, now) for one, id_ in zip(scores, ids, strict=True)]
    return orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})


def _record(score: GivenScore, id_: str, now: datetime) -> dict[str, Any]:
    texts = {
        names.EVALUATION_NAME: score.name,
        names.EVALUATION_SCORE_LABEL: score.label,
        names.EVALUATION_EXPLANATION: score.explanation,
        names.SCORE_SOURCE: score.source,
        names.SCORE_EVALUATOR: score.evaluator,
        names.SCORE_EVALUATOR_VERSION: score.evaluator_version,
        names.SCORE_ID: id_,
    }
    attributes: list[dict[str, Any]] = [{"key": k, "value": {"stringValue": v}} for k, v in texts.items() if v]
    if score.value is not None:
        attributes.append({"key": names.EVALUATION_SCORE_VALUE, "value": {"doubleValue": score.value}})
    return {
        "timeUnixNano": str(_ns(score.timestamp or now)),
        "observedTimeUnixNano": str(_ns(now)),
        "severityNumber": _INFO,
        "eventName": names.EVENT_EVALUATION_RESULT,
        "traceId": score.trace_id.lower(),
        "spanId": (score.span_id or "").lower(),
        "attributes": attributes,
    }


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // _US * 1000
