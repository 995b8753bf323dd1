"""SQL: an editor over the tables, with their columns, examples, charts and downloads."""

from typing import Any, Final

from nicegui.element import Element

from haechi_collector.query.engine import Engine
from haechi_collector.query.statement import Statement
from haechi_collector.web import words
from haechi_collector.web import words_sql as own
from haechi_collector.web.canvas import STATIC
from haechi_collector.web.language import Translator, Word
from haechi_collector.web.sql_examples import EXAMPLES
from haechi_collector.web.view import Page, Question, View

Schema = list[dict[str, Any]]

_TABLES: Final = ("spans", "scores", "logs", "metric_points", "otel_traces", "dead_letters", "ledger")
_COLUMNS: Final = Statement(
    "SELECT table, groupArray((name, type)) AS columns FROM (SELECT table, name, type FROM system.columns"
    " WHERE database = currentDatabase() ORDER BY table, position) GROUP BY table"
)
_WORDS: Final[dict[str, Word]] = {
    "tables": own.TABLES,
    "find": own.FIND,
    "run": own.RUN,
    "stop": own.STOP,
    "running": own.RUNNING,
    "stopped": own.STOPPED,
    "examples": own.EXAMPLES,
    "save": own.SAVE_AS,
    "curl": own.COPY_CURL,
    "table": own.TABLE,
    "chart": own.CHART,
    "rows": own.ROWS,
    "cut": own.CUT,
    "kind": own.KIND,
    "line": own.LINE,
    "bar": own.BAR,
    "series": own.SERIES,
    "editor": own.EDITOR,
    "copy": words.COPY,
    "close": words.CLOSE,
}


class SqlEditor(Element, component=STATIC / "sql.js"):
    """The editor; it asks ``/sql`` from the browser."""

    def __init__(self, t: Translator, query: str) -> None:
        super().__init__()
        self._props["words"] = {name: t(word) for name, word in _WORDS.items()}
        self._props["examples"] = [{"title": t(title), "sql": sql} for title, sql in EXAMPLES]
        self._props.update({"tables": [], "query": query or EXAMPLES[0][1], "failure": ""})

    def schema(self, tables: Schema, failure: str = "") -> None:
        """Show tables and columns, or why there are none."""
        self._props.update({"tables": tables, "failure": failure})
        self.update()


class _SchemaBlock:
    def __init__(self, question: Question[Schema], editor: SqlEditor) -> None:
        self.question = question
        self._editor = editor

    def show(self, answer: Schema) -> None:
        """Draw it."""
        self._editor.schema(answer)

    def fail(self, error: Exception) -> None:
        """Say why there is none."""
        self._editor.schema([], str(error))


async def _schema(engine: Engine) -> Schema:
    """Return our tables with names and types of their columns, those first that people ask most."""
    found = {row["table"]: row["columns"] for row in (await engine.ask(_COLUMNS)).rows}
    return [{"name": name, "columns": [_pair(one) for one in found[name]]} for name in _TABLES if name in found]


def _pair(column: Any) -> list[str]:
    # The engine writes a tuple as a list, one with names as an object.
    return [str(part) for part in (column.values() if isinstance(column, dict) else column)]


def build(view: View) -> None:
    """Draw the page."""
    columns = view.ask(lambda _: _schema(view.engine))
    with view.place():
        editor = SqlEditor(view.t, view.state.get("query"))
    view.add(_SchemaBlock(columns, editor))


PAGE: Final = Page("/query", words.SQL, build, "q", "M5 7l5 5-5 5M12 17h7", is_windowed=False)
