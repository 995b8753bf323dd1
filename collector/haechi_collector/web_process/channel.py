"""What the web process asks the collector: the state of its parts, and its metrics.

Guarantee: a question is answered or given up within `WEB_PARENT_ANSWER_S`; an answer that comes too late is not taken
for that of the next question. The pair of sockets has no name that another program could open.

Format: lines of JSON, ``{"id", "ask"}`` there and ``{"id", "answer"}`` back.
"""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from haechi_collector.errors import Rejected
from haechi_collector.web_process.limits import WEB_PARENT_ANSWER_S

logger = logging.getLogger("haechi")

_PART_BYTES: Final = 65_536


class Asked:
    """The collector's end: answers ``questions`` by name, which must not block. One thread for each child."""

    def __init__(self, questions: Mapping[str, Callable[[], object]]) -> None:
        self._questions = questions

    def open(self) -> socket.socket:
        """Return the end for a new child; the thread ends when the last copy of it is closed."""
        ours, theirs = socket.socketpair()
        threading.Thread(target=self._answer_all, args=(ours,), name="web-asks", daemon=True).start()
        return theirs

    def _answer_all(self, ours: socket.socket) -> None:
        with ours, ours.makefile("rwb") as stream:
            try:
                for line in stream:
                    question = json.loads(line)
                    answer = {"id": question["id"], "answer": self._questions[question["ask"]]()}
                    stream.write(json.dumps(answer).encode() + b"\n")
                    stream.flush()
            except OSError as error:
                logger.info("the web process asked and left: %s", error)


class Asking:
    """The web process's end. Safe for many threads; one question at a time."""

    def __init__(self, end: socket.socket, answer_s: float = WEB_PARENT_ANSWER_S) -> None:
        self._end, self._answer_s = end, answer_s
        self._lock = threading.Lock()  # held from a question to its answer, `answer_s` at most
        self._count = 0
        self._rest = b""

    def ask(self, question: str) -> Any:
        """Return the collector's answer.

        Raises:
            Rejected: it does not answer in time.
        """
        deadline = time.monotonic() + self._answer_s
        if not self._lock.acquire(timeout=self._answer_s):
            raise _silent()
        try:
            self._count += 1
            self._end.settimeout(max(0.001, deadline - time.monotonic()))
            self._end.sendall(json.dumps({"id": self._count, "ask": question}).encode() + b"\n")
            while True:
                answer = json.loads(self._line(deadline))
                if answer["id"] == self._count:
                    return answer["answer"]
        except OSError:
            raise _silent() from None
        finally:
            self._lock.release()

    def _line(self, deadline: float) -> bytes:
        parts = [self._rest]
        while b"\n" not in parts[-1]:
            self._rest = b"".join(parts)  # kept when the time is over
            self._end.settimeout(max(0.001, deadline - time.monotonic()))
            part = self._end.recv(_PART_BYTES)
            if not part:
                raise BrokenPipeError
            parts.append(part)
        line, _, self._rest = b"".join(parts).partition(b"\n")
        return line


def _silent() -> Rejected:
    return Rejected("the collector's process does not answer the web process; its log says why")
