"""docs/statistics.md and the sections of docs/api.md on comparison, forecast and report say what the code does."""

from pathlib import Path
from typing import get_args

from haechi_collector.api import models_compare, models_forecast, models_report
from haechi_collector.query import limits
from haechi_collector.query.clusters import GROUPS
from haechi_collector.query.compare_metrics import METRICS
from haechi_collector.query.forecast_model import CONFIDENCE, DAYS_MIN, RHYTHM_DAYS_MIN
from haechi_collector.query.intervals import ranks
from haechi_collector.query.prefixes import HEAD_BYTES, PREFIX_TOKENS_MIN, REQUESTS_MIN
from haechi_collector.query.report_models import MARGIN, SCORES_MIN

DOCS = Path(__file__).parent.parent.parent / "docs"
STATISTICS = (DOCS / "statistics.md").read_text("utf-8")
API = (DOCS / "api.md").read_text("utf-8")


def test_every_kind_and_method_is_explained() -> None:
    """Kinds of recommendations, methods of intervals."""
    names = {*get_args(models_report.Kind), *(metric.method for metric in METRICS)}
    assert [name for name in sorted(names) if f"`{name}`" not in STATISTICS] == []


def test_every_field_is_on_the_page_of_the_api() -> None:
    """Of a difference, of the forecast, of a recommendation."""
    shown = (models_compare.Difference, models_forecast.Forecast, models_report.Recommendation)
    told = {"metric", "unit", "month", "confidence", "method", "based_on_days", "kind"}
    fields = {field for model in shown for field in model.model_fields} - told
    assert [field for field in sorted(fields) if f"`{field}`" not in API] == []


def test_the_numbers_are_those_of_the_code() -> None:
    """Limits and thresholds."""
    assert ranks(367, 0.99) is None
    assert ranks(368, 0.99) is not None
    told = [
        f"{len(METRICS)} lines",
        f"{GROUPS} groups",
        "(368 independent ones for p99)",
        f"fewer than {DAYS_MIN} whole days",
        f"{DAYS_MIN} to {RHYTHM_DAYS_MIN - 1}",
        f"the {CONFIDENCE:.0%} intervals".replace("%", " %"),
        f"first {HEAD_BYTES:,} bytes",
        f"below {PREFIX_TOKENS_MIN:,} tokens",
        f"fewer than {REQUESTS_MIN} requests",
        f"fewer than {SCORES_MIN} scored traces",
        f"−{MARGIN * 100:.0f} % of the dearer",
        f"{limits.REPORT_TEXT_REQUESTS_MAX:,} requests",
        f"{limits.REPORT_TEXT_TOKENS_MAX:,} input tokens",
    ]
    words = " ".join(STATISTICS.split())
    assert [text for text in told if text not in words] == []
