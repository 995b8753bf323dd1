"""The stage that turns decoded batches of any dialect into the columns of the tables. See the modules that it names."""

from haechi_collector.stages.normalize_logs import NormalizedLogs, normalize_logs
from haechi_collector.stages.normalize_metrics import normalize_metric_points
from haechi_collector.stages.normalize_spans import Normalized, normalize_spans

__all__ = ["Normalized", "NormalizedLogs", "normalize_logs", "normalize_metric_points", "normalize_spans"]
