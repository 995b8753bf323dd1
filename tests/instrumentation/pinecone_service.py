"""A stand-in for Pinecone's data service over HTTP, as far as a search needs it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer `/query` with matches and `/records/namespaces/NAME/search` with hits."""
        self.rfile.read(int(self.headers["content-length"]))
        found = [("a", "Seoul is the capital", 0.98), ("b", "해치는 전설의 동물", 0.25)]
        if self.path == "/query":
            matches = [
                {"id": one, "score": score, "values": [], "metadata": {"text": text}} for one, text, score in found
            ]
            body = {"matches": matches, "namespace": "docs", "usage": {"readUnits": 1}}
        else:
            hits = [{"_id": one, "_score": score, "fields": {"chunk_text": text}} for one, text, score in found]
            body = {"result": {"hits": hits}, "usage": {"read_units": 1}}
        encoded = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name in the base class
        """Say nothing."""


@contextmanager
def service() -> Iterator[str]:
    """Run it until the block ends; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
