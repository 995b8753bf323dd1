"""schemathesis asks the API, over a filled store."""

from pathlib import Path

from tests import filled
from tests.openapi.fuzzing import Fuzzer
from tests.questions import answering, taking


def test_no_request_that_the_openapi_allows_or_forbids_breaks_the_server(tmp_path: Path) -> None:
    """Every operation: no 500, no status, media type or body that is not described; `make fuzz` asks oftener."""
    with taking(tmp_path) as way_in, answering(tmp_path / "store", way_in) as api:
        api.fill(filled.spans(), filled.scores())
        fuzzer = Fuzzer(api.url, examples=5, ids=filled.IDS)
        fuzzer.run()
    assert list(fuzzer.wrong.values()) == []
    unanswered = {name for name, statuses in fuzzer.statuses.items() if 200 not in statuses} - {"GET /sql", "POST /sql"}
    assert unanswered == set()
