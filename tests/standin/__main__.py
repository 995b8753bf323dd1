"""`python -m tests.standin`: the stand-in as a process; prints its port, and ends when stdin closes."""

import sys

from tests.standin.server import Standin

if __name__ == "__main__":
    with Standin() as standin:
        sys.stdout.write(f"{standin.port}\n")
        sys.stdout.flush()
        sys.stdin.read()
