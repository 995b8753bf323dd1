"""A question as SQL with its values beside it.

Guarantee: a value never becomes part of the SQL text. It is bound, and its place is ``{name:Type}``, which the engine
fills in after parsing.

Source: https://clickhouse.com/docs/interfaces/http#cli-queries-with-parameters (values travel in ClickHouse's TSV
escapes, whatever their type).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL and the values of its places, in ClickHouse's escapes.

    ``is_wide`` says that most rows of its window meet its conditions, ``is_kept`` that it reads what `kept` knows, and
    ``is_settled`` that late content cannot change that.
    """

    sql: str
    values: Mapping[str, str] = field(default_factory=dict)
    is_wide: bool = False
    is_kept: bool = False
    is_settled: bool = False


class Values:
    """Binds values, each once; ``bound`` is what has been bound so far."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], str] = {}
        self.bound: dict[str, str] = {}

    def text(self, value: str) -> str:
        """Return the place of a text."""
        return self._place(value.translate(_ESCAPES), "String")

    def texts(self, values: Iterable[str]) -> str:
        """Return the places of several texts, for ``IN``."""
        return f"({', '.join(self.text(value) for value in values)})"

    def number(self, value: float) -> str:
        """Return the place of a number."""
        return self._place(repr(value), "Int64" if isinstance(value, int) else "Float64")

    def time(self, nanoseconds: int) -> str:
        """Return the place of a moment, nanoseconds since the epoch."""
        return f"fromUnixTimestamp64Nano({self.number(nanoseconds)}, 'UTC')"

    def _place(self, value: str, kind: str) -> str:
        name = self._places.setdefault((value, kind), f"p{len(self._places)}")
        self.bound[name] = value
        return f"{{{name}:{kind}}}"
