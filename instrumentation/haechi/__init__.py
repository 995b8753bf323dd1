"""Haechi's SDK: what an LLM application imports.

``haechi run`` needs none of this; `init` does the same in code. The rest adds what only the application knows.
"""

from haechi._context import context
from haechi._init import flush, init, shutdown
from haechi._observe import observe
from haechi._score import current_trace_id, score
from haechi._span import span

__version__ = "0.1.0"

__all__ = ["context", "current_trace_id", "flush", "init", "observe", "score", "shutdown", "span"]
