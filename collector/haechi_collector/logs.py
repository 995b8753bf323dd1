"""Structured logs: one JSON object a line on standard error, without payloads or secrets.

A message of ours never holds attribute values, message content or credentials: errors name counts, ids of blocks,
tables and addresses. Passwords in addresses are masked where they are parsed (`store.client.Dsn`).
"""

import json
import logging
import sys
import time
from typing import Any, Final

# What these report, with tracebacks and whole statements, reaches the log as one line of ours.
_REPEATED: Final = ("clickhouse_connect", "urllib3")
_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class JsonFormatter(logging.Formatter):
    """One line of JSON: time (RFC 3339, UTC), level, logger, message, and the traceback when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: str) -> None:
    """Send the logs of every library to standard error, ours from that level on, others from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("haechi", "haechi_collector"):
        logging.getLogger(name).setLevel(_LEVELS[level])
    for name in _REPEATED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
