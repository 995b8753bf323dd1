"""The examples and fields of docs/api.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from tests.questions import Answering, answering, call, taking

from haechi_collector import limits
from haechi_collector.api import limits as api_limits
from haechi_collector.api import models
from haechi_collector.api.models_scores import GivenScore
from haechi_collector.api.sessions import SessionsOrder
from haechi_collector.api.users import UsersOrder
from haechi_collector.query import limits as question_limits
from haechi_collector.query.dimensions import COLUMNS, FILTERS
from haechi_collector.query.requests import Order as RequestsOrder
from haechi_collector.stages.dialects import dialects

PAGE = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text("utf-8")
EXAMPLES = re.findall(r"\$ curl 'localhost:8318([^']+)'", PAGE)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    directory = tmp_path_factory.mktemp("docs")
    with taking(directory) as way_in, answering(directory / "store", way_in) as running:
        ids = {"trace_id": "5b8efff798038103d269b633813fc60c", "span_id": "051581bf3cb55c13"}
        running.fill([call(1, **ids, session_id="session-0042", user_id="user-0007")])
        yield running


@pytest.mark.parametrize("path", EXAMPLES)
def test_every_example_answers(api: Answering, path: str) -> None:
    """As it stands on the page."""
    answer = api.raw(path)
    assert answer.status_code == 200, answer.text


def test_the_score_is_taken_as_it_stands(api: Answering) -> None:
    """The body of the page's example, with the answer that it shows; every field is in the table."""
    shown = re.search(r"api/v1/scores' -d '\n(.*?)'\n(.*?)\n```", PAGE, re.DOTALL)
    assert shown
    assert api.post("scores", shown[1].encode()).text == shown[2]
    assert [name for name in GivenScore.model_fields if f"`{name}`" not in PAGE] == []


def test_the_sql_of_a_request_counts_what_the_routes_count(api: Answering) -> None:
    """The page's own statement, over all time."""
    statement = re.search(r"```sql\n(.*?)\n```", PAGE, re.DOTALL)
    assert statement
    everything = statement[1].replace("now() - INTERVAL 1 DAY", "toDateTime(0)")
    assert api.client.command(everything) == api.get("summary")["total_requests"] == 1
    assert set(re.findall(r"'(\w+)'", statement[1])) == dialects().words.inference | {"repeated"}


def test_every_order_of_a_list_is_on_the_page() -> None:
    """Those of sessions, users and requests."""
    orders = {*get_args(SessionsOrder), *get_args(UsersOrder), *get_args(RequestsOrder)}
    assert [order for order in orders if f"`{order}`" not in PAGE] == []


def test_every_field_filter_and_limit_is_on_the_page() -> None:
    """Fields of the summary and of every row, the filters, the dimensions, the numbers of the limits."""
    rows = models.LatencyTotal, models.CostsTotal, models.Summary
    fields = {field for model in rows for field in model.model_fields} - {"from_"}
    assert [name for name in {*fields, *FILTERS} if f"`{name}" not in PAGE] == []
    columns = set(COLUMNS) - set(FILTERS) - set(FILTERS.values())
    assert [name for name in columns if f"`{name}`" not in PAGE] == []
    numbers = [
        f"{question_limits.QUESTION_SECONDS_MAX} s",
        f"{question_limits.QUESTION_GROUPS_MAX:,} groups",
        f"{question_limits.QUESTION_POINTS_MAX:,} points",
        f"{question_limits.QUESTION_VALUES_MAX} values",
        f"{question_limits.QUESTION_VALUES_BYTES_MAX:,} bytes",
        f"{question_limits.TRACE_SPANS_MAX:,} spans",
        f"{limits.SQL_QUERIES_AT_ONCE} queries",
        f"{question_limits.SESSION_TRACES_MAX:,}) traces",
        f"greatest {question_limits.FAILURES_MAX}",
        f"newest {question_limits.ATTRIBUTE_SPANS_MAX:,} spans",
        f"{question_limits.SPAN_TEXT_CHARS_MAX:,} characters",
        f"{question_limits.SPAN_ATTRIBUTES_MAX:,} of each type",
        f"{question_limits.SPAN_ATTRIBUTE_CHARS_MAX:,} characters of each",
        f"up to {api_limits.SCORES_MAX:,} that",
        f"{api_limits.SCORES_BYTES_MAX // limits.MIB} MiB, 415",
        f"up to {api_limits.SCORE_ID_CHARS_MAX} characters",
        f"up to {api_limits.SCORE_EXPLANATION_CHARS_MAX:,} characters",
        f"up to {limits.DISTINCT_VALUE_BYTES_MAX} bytes",
    ]
    assert [text for text in numbers if text not in PAGE] == []
