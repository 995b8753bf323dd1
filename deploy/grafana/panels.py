"""Panels of a dashboard, as Grafana's JSON has them; each with its query, its units and what its columns mean.

Guarantee: panels are laid out left to right in the order they are given, so that none overlaps another; ids are their
order. The library of the test (tests/grafana) holds columns and field settings against what the queries answer.
"""

from dataclasses import dataclass, field
from typing import Any, Final

DATASOURCE: Final = {"type": "grafana-clickhouse-datasource", "uid": "${datasource}"}
WIDTH: Final = 24
SCHEMA_VERSION: Final = 39
"""Of dashboards that Grafana 10.4 and later read."""

TRACE_LINK: Final = {
    "title": "The trace in Haechi",
    "url": "${haechi_url:raw}/traces/${__value.raw}",
    "targetBlank": True,
}


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title, sql: what it shows.
        kind: Grafana's type of panel.
        unit: Grafana's unit of every number.
        units: those of single columns that differ.
        links: columns with the id of a trace, which lead to our page.
        width, height: on Grafana's grid.
        text: for whoever looks at the panel and wonders.
        stacked: areas add up.
    """

    title: str
    sql: str
    kind: str = "timeseries"
    unit: str = "short"
    units: dict[str, str] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    width: int = 12
    height: int = 8
    text: str = ""
    stacked: bool = False

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return it at a place."""
        return {
            "id": number,
            "title": self.title,
            "description": self.text,
            "type": self.kind,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "interval": "$interval" if self.kind == "timeseries" else None,
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "targets": [
                {
                    "refId": "A",
                    "datasource": DATASOURCE,
                    "editorType": "sql",
                    "format": 0 if self.kind == "timeseries" else 1,
                    "queryType": "timeseries" if self.kind == "timeseries" else "table",
                    "rawSql": self.sql,
                }
            ],
        }

    def _defaults(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"unit": self.unit, "color": {"mode": "palette-classic"}}
        if self.kind == "timeseries":
            style = "bars" if self.stacked else "line"
            stacking = {"mode": "normal" if self.stacked else "none", "group": "A"}
            shown["custom"] = {
                "drawStyle": style,
                "fillOpacity": 70 if self.stacked else 10,
                "lineWidth": 1,
                "showPoints": "auto",
                "spanNulls": False,
                "stacking": stacking,
            }
            shown["min"] = 0
        elif self.kind == "stat":
            shown["color"] = {"mode": "thresholds"}
            shown["thresholds"] = {"mode": "absolute", "steps": [{"color": "text", "value": None}]}
            shown["noValue"] = "unknown"
        return shown

    def _overrides(self) -> list[dict[str, Any]]:
        properties: dict[str, list[dict[str, Any]]] = {}
        for column, unit in self.units.items():
            properties.setdefault(column, []).append({"id": "unit", "value": unit})
        for column in self.links:
            properties.setdefault(column, []).append({"id": "links", "value": [TRACE_LINK]})
        return [
            {"matcher": {"id": "byName", "options": column}, "properties": own} for column, own in properties.items()
        ]

    def _options(self) -> dict[str, Any]:
        if self.kind == "stat":
            reduce = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": reduce, "colorMode": "none", "graphMode": "none", "textMode": "auto"}
        if self.kind == "table":
            return {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}}
        return {
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True)
class Row:
    """A heading, with its panels below."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice of values of a column; none chosen means all."""

    name: str
    label: str
    sql: str

    def json(self) -> dict[str, Any]:
        """Return it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": DATASOURCE,
            "definition": self.sql,
            "query": {"editorType": "sql", "rawSql": self.sql, "refId": self.name},
            "includeAll": True,
            "multi": True,
            "allValue": None,
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            "options": [],
            "refresh": 2,
            "sort": 1,
            "hide": 0,
            "regex": "",
            "skipUrlSync": False,
        }


FIXED_VARIABLES: Final[list[dict[str, Any]]] = [
    {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "grafana-clickhouse-datasource",
        "current": {"selected": True, "text": "Haechi", "value": "haechi"},
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "skipUrlSync": False,
    },
    {
        "name": "interval",
        "label": "Step at least",
        "type": "interval",
        "query": "10s,1m,5m,15m,1h,6h,1d",
        "current": {"selected": True, "text": "1m", "value": "1m"},
        "auto": False,
        "options": [
            {"selected": step == "1m", "text": step, "value": step}
            for step in ("10s", "1m", "5m", "15m", "1h", "6h", "1d")
        ],
        "refresh": 2,
        "hide": 0,
        "skipUrlSync": False,
    },
    {
        "name": "haechi_url",
        "label": "Haechi's page",
        "type": "textbox",
        "query": "http://localhost:8318",
        "current": {"selected": True, "text": "http://localhost:8318", "value": "http://localhost:8318"},
        "options": [{"selected": True, "text": "http://localhost:8318", "value": "http://localhost:8318"}],
        "hide": 0,
        "skipUrlSync": False,
    },
]


def dashboard(uid: str, title: str, text: str, rows: list[Row], variables: list[Variable]) -> dict[str, Any]:
    """Return a whole dashboard."""
    return {
        "id": None,
        "uid": uid,
        "title": title,
        "description": text,
        "tags": ["haechi", "llm"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-24h", "to": "now"},
        "timepicker": {},
        "refresh": "1m",
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "weekStart": "",
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": [*FIXED_VARIABLES, *(one.json() for one in variables)]},
        "panels": _laid_out(rows),
    }


def _laid_out(rows: list[Row]) -> list[dict[str, Any]]:
    laid: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        heading = {"type": "row", "title": row.title, "collapsed": False, "panels": []}
        laid.append({**heading, "id": len(laid) + 1, "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}})
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            laid.append(panel.json(len(laid) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return laid
