"""ClickHouse's engine (chdb) behind the part of its HTTP interface that these tests need, as a process of its own.

Settings of the URL are set on a connection of the request's own, `readonly` last. GET /killed lists what KILL QUERY
named. The one argument is a directory for the tables.
"""

import json
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import chdb

PATH = sys.argv[1]
NOT_SETTINGS = {"query", "default_format", "query_id", "database", "readonly", "wait_end_of_query"}
NOT_SETTINGS |= {"cancel_http_readonly_queries_on_client_close"}
KILLED: list[str] = []
SEEN: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    """One request, one connection to the engine."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(json.dumps({"killed": KILLED, "seen": SEEN}).encode(), 200, {})

    def do_POST(self) -> None:
        options = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        sql = self.rfile.read(int(self.headers["content-length"])).decode()
        SEEN.append({**options, "sql": sql})
        if sql.startswith("KILL QUERY"):
            KILLED.append(options["param_id"])
            self._send(b"", 200, {})
            return
        connection = chdb.connect(PATH)
        try:
            connection.query(f"USE `{options.get('database', 'haechi')}`")
            for name, value in options.items():
                if name not in NOT_SETTINGS and not name.startswith("param_"):
                    connection.query(f"SET {name} = '{value}'")
            connection.query(f"SET readonly = {options.get('readonly', '0')}")
            self._answer(connection, sql, options)
        except RuntimeError as error:
            code = str(error).partition("Code: ")[2].partition(".")[0]
            self._send(str(error).encode(), 500, {"X-ClickHouse-Exception-Code": code})
        finally:
            connection.close()

    def _answer(self, connection: "chdb.Connection", sql: str, options: dict[str, str]) -> None:
        format_ = options.get("default_format", "TabSeparated")
        headers = {"X-ClickHouse-Query-Id": options.get("query_id", ""), "X-ClickHouse-Format": format_}
        if "chunked" not in sql:
            parameters = {k.removeprefix("param_"): v for k, v in options.items() if k.startswith("param_")}
            self._send(connection.query(sql, format_, params=parameters).bytes(), 200, headers)
            return
        stream = connection.send_query(sql, format_)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in stream:
            data = piece.bytes()
            if options.get("query_id") in KILLED:
                stream.cancel()
                break
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            time.sleep(0.01)
        self.wfile.write(b"0\r\n\r\n")

    def _send(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


keeper = chdb.connect(PATH)
keeper.query("CREATE DATABASE IF NOT EXISTS haechi")
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
sys.stdout.write(f"{server.server_port}\n")
sys.stdout.flush()
server.serve_forever()
