"""A server of the Model Context Protocol, as a process: `python mcp_server.py stdio`, or with the port for HTTP.

It tells its spans to the collector at HAECHI_ENDPOINT, and is written for every version of the SDK.
"""

import logging
import sys
from typing import Any

import haechi

try:
    from mcp.server import MCPServer
except ImportError:  # before 2.0
    from mcp.server.fastmcp import FastMCP as MCPServer


def made(**options: Any) -> Any:
    server = MCPServer("demo", **options)

    @server.tool()
    def add(a: int, b: int) -> str:
        """Adds two numbers."""
        return str(a + b)

    @server.tool()
    def greet(name: str) -> str:
        """Greets."""
        with haechi.span("inside of a tool"):
            return f"안녕하세요, {name}님"

    @server.tool()
    def broken() -> str:
        """Fails."""
        raise ValueError("the tool broke")

    @server.resource("memo://today")
    def memo() -> str:
        return "메모"

    @server.prompt()
    def ask(name: str) -> str:
        return f"Who is {name}?"

    return server


if __name__ == "__main__":
    haechi.init(content="on")
    logging.disable(logging.CRITICAL)
    if sys.argv[1] == "stdio":
        made().run("stdio")
    elif MCPServer.__name__ == "MCPServer":
        made().run("streamable-http", port=int(sys.argv[1]))
    else:
        made(port=int(sys.argv[1])).run("streamable-http")
