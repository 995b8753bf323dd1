"""Times are read as people write them."""

from datetime import UTC, datetime

import pytest

from haechi_collector.errors import SettingError
from haechi_collector.times import parse_time

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("-90s", datetime(2026, 11, 22, 8, 58, 30, tzinfo=UTC)),
        ("-1h", datetime(2026, 11, 22, 8, tzinfo=UTC)),
        ("-2w", datetime(2026, 11, 8, 9, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T18:00:00+09:00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, moment: datetime) -> None:
    """Relative, RFC 3339, and without an offset UTC."""
    assert moment == parse_time(text, NOW, "from")


@pytest.mark.parametrize("text", ["", "yesterday", "-1y", "1h", "-999999w", "2026-13-01"])
def test_what_is_no_time_is_named(text: str) -> None:
    """The message names the parameter and shows what is expected."""
    with pytest.raises(SettingError, match=r"from = .*expected a time such as"):
        parse_time(text, NOW, "from")
