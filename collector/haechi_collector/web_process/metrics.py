"""The metrics of two processes as one answer: the collector's over the channel, and the web process's own.

Guarantee: no series is the sum of both, so that none falls when the web process is started again: what both count (the
gate's families) carries ``process="web"`` where this process counted it, and what this process alone counts is shown
from here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from haechi_collector.telemetry import GATE, WEB
from haechi_collector.web_process.channel import Asking


def told(registry: CollectorRegistry) -> list[Sequence[object]]:
    """Return a registry's metrics as what JSON can say."""
    return [(m.name, m.documentation, m.type, [s[:3] for s in m.samples]) for m in registry.collect()]


class BothProcesses(Collector):
    """Collects the collector's metrics and those of ``own``."""

    def __init__(self, parent: Asking, own: CollectorRegistry) -> None:
        self._parent, self._own = parent, own

    def collect(self) -> Iterator[Metric]:
        """Yield each family once.

        Raises:
            Rejected: the collector does not answer.
        """
        families = {metric.name: metric for metric in map(_read, self._parent.ask("metrics"))}
        for metric in self._own.collect():
            if _is_of(metric, GATE):
                families[metric.name].samples += [
                    s._replace(labels={**s.labels, "process": "web"}) for s in metric.samples
                ]
            elif _is_of(metric, WEB):
                families[metric.name] = metric
        yield from families.values()


def _is_of(metric: Metric, names: frozenset[str]) -> bool:
    return metric.name in names or f"{metric.name}_total" in names


def _read(told: Any) -> Metric:
    name, documentation, kind, samples = told
    metric = Metric(name, documentation, kind)
    metric.samples = [Sample(*sample) for sample in samples]
    return metric
