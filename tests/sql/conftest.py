"""The door as it stands in a collector: a real store, the API in front of it, and rows of two projects."""

import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from tests.questions import Answering, answering, call, score

SECRET = "the other project's words"


@dataclass(frozen=True)
class Door:
    """``/sql`` of a running API."""

    api: Answering
    http: httpx2.Client

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.api.url}/sql"

    @property
    def port(self) -> int:
        """Of the API."""
        return int(self.api.url.rpartition(":")[2])

    def ask(self, sql: str, project: str = "", **parameters: str) -> httpx2.Response:
        """Send a query in the body."""
        headers = {"Authorization": f"Bearer {project}"} if project else {}
        return self.http.post(
            self.url, params=parameters, content=sql.encode("utf-8", "surrogatepass"), headers=headers
        )

    def head(self, sql: str, **parameters: str) -> bytes:
        """A request as it goes over the wire."""
        target = urllib.parse.urlencode({"query": sql, **parameters})
        return f"GET /sql?{target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def running(self, query_id: str) -> int:
        """How many statements the engine runs under this id."""
        sql = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = {id:String}"
        found: int = self.api.client.query(sql, {"id": query_id})["count()"].to_pylist()[0]
        return found


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A hundred calls of project ``ours``, one with a secret of project ``theirs``."""
    with answering(tmp_path_factory.mktemp("sql")) as api:
        models = ["gpt-4o", "claude-sonnet-4", "qwen-in-house", "gemini-2.5-flash"]
        rows = [
            call(
                number,
                project="ours",
                name=f"chat {models[number % 4]}",
                service_name="support-bot",
                environment="production",
                request_model=models[number % 4],
                user_id=f"user-{number % 7}",
                session_id=f"session-{number % 11}",
                prompt_name="answer",
                prompt_version=f"v{number % 3}",
                output_tokens=number,
                ttft_ns=number * 10**6 if number % 2 else None,
                finish_reasons=["stop"],
                attributes_string=[("demo.language", "한국어")],
                attributes_number=[("temperature", 0.5)],
                input_messages='[{"role":"user","parts":[{"type":"text","content":"환불 refund"}]}]',
            )
            for number in range(100)
        ]
        theirs = call(1000, project="theirs", name="secret", input_messages=SECRET)
        api.fill([*rows, theirs], [score(number, project="ours", name="quality", value=0.9) for number in range(10)])
        with httpx2.Client(trust_env=False, timeout=90) as http:
            yield Door(api, http)
