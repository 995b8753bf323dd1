"""Numbers, markup and chart options: pure functions."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi_collector.web import charts, formats, widgets
from haechi_collector.web.charts import Line
from haechi_collector.web.comparing import forest, shown, signed
from haechi_collector.web.html import Html, tag
from haechi_collector.web.language import Translator
from haechi_collector.web.lines import by_group, single, with_rest
from haechi_collector.web.state import State

STATIC = Path(charts.__file__).parent / "static"
T = Translator("en")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "–"),
        ("0", "$0"),
        ("0.000000001234", "$0.00000000123"),
        ("0.0123456", "$0.0123"),
        ("0.9999", "$1.000"),
        ("12.3456", "$12.35"),
        ("1234.5", "$1,234"),
        ("-3.5", "-$3.50"),
    ],
)
def test_money_keeps_three_digits(text: str | None, expected: str) -> None:
    """However small; unknown is no zero."""
    assert formats.money(text) == expected


@given(st.decimals(min_value=Decimal("1e-12"), max_value=Decimal(10) ** 9, places=12))
def test_shortened_money_is_within_a_percent(amount: Decimal) -> None:
    """What is shown is what there is."""
    text = formats.money(f"{amount:f}").removeprefix("$").replace(",", "")
    assert abs(Decimal(text) - amount) <= amount / 100


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (None, "–"),
        (0.25, "0.25 ms"),
        (12.34, "12.3 ms"),
        (812.4, "812 ms"),
        (2911.0, "2.91 s"),
        (32_750.0, "32.8 s"),
        (92_000.0, "1m 32s"),
        (7_500_000.0, "2h 05m"),
    ],
)
def test_durations_are_read_at_a_glance(ms: float | None, expected: str) -> None:
    """In the unit that fits."""
    assert formats.duration(ms) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(None, "–"), (0, "0"), (12_480, "12,480"), (123_456, "123k"), (1_250_000, "1.25M"), (7e12, "7,000B")],
)
def test_counts_are_whole_up_to_a_hundred_thousand(number: float | None, expected: str) -> None:
    """Then shortened."""
    assert formats.count(number) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(None, "–"), (0, "0%"), (0.0003, "0.03%"), (0.042, "4.2%"), (1.0, "100%")]
)
def test_shares_are_percents(share: float | None, expected: str) -> None:
    """None is not zero."""
    assert formats.percent(share) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(None, "–"), (0.042, "+4.2%"), (-0.12, "−12%"), (0.0001, "0.0%"), (6.38, "+638%")]
)
def test_changes_carry_a_sign(share: float | None, expected: str) -> None:
    """Unless there is none."""
    assert formats.signed_percent(share) == expected


@given(st.text(), st.text())
def test_text_is_escaped_in_children_and_attributes(child: str, attribute: str) -> None:
    """No text becomes markup."""
    made = tag("p", child, title=attribute)
    assert re.fullmatch(r'<p title="[^"<>]*">[^<>]*</p>', made, re.DOTALL)


def test_markup_is_kept_and_nothing_is_left_out() -> None:
    """Html stands as it is; None, False and lists do what they say."""
    made = tag("div", Html("<b>x</b>"), ["a", None, 5], hidden=False, open=True, class_="c", data_go="/?a&b")
    assert made == '<div open class="c" data-go="/?a&amp;b"><b>x</b>a5</div>'


def answer(**more: Any) -> dict[str, Any]:
    """An answer with groups and a series, of which a step is absent."""
    points = [("2026-09-21T14:00:00Z", "a", 5), ("2026-09-21T14:02:00Z", "a", 7), ("2026-09-21T14:00:00Z", "b", 1)]
    return {
        "from": "2026-09-21T14:00:30Z",
        "to": "2026-09-21T14:03:00Z",
        "interval_s": 60,
        "rows": [{"group": {"model": "b"}}, {"group": {"model": "a"}}],
        "series": [{"time": time, "group": {"model": name}, "requests": n} for time, name, n in points],
        **more,
    }


def requests(row: Any) -> float:
    value: float = row["requests"]
    return value


def test_every_step_has_its_point() -> None:
    """An absent step is a gap, or nothing, as the chart wants it."""
    found = answer()
    found["series"] = [point for point in found["series"] if point["group"]["model"] == "a"]
    begin = charts.milliseconds("2026-09-21T14:00:00Z")
    assert single(found, "all", requests, "--good").points == [(begin, 5), (begin + 60_000, None), (begin + 120_000, 7)]
    assert [value for _, value in single(found, "all", requests, "--good", 0).points] == [5, 0, 7]


def test_a_group_keeps_its_colour_from_chart_to_chart() -> None:
    """By its name's place among the names, not by its rank."""
    lines = by_group(answer(), T, requests, 0)
    assert [(line.name, line.colour) for line in lines] == [("b", "--series-2"), ("a", "--series-1")]
    assert set(charts.colours(str(n) for n in range(20)).values()) == {
        *(f"--series-{n}" for n in range(1, 9)),
        "--series-other",
    }


def test_what_a_stack_leaves_out_is_in_the_rest() -> None:
    """So that the height is the whole."""
    found = answer(rows=[{"group": {"model": "a"}}])
    shown_lines = with_rest(found, by_group(found, T, requests, 0), T, requests)
    assert [(line.name, sum(v or 0 for _, v in line.points)) for line in shown_lines] == [("a", 12), ("(other)", 1)]


ONE = Line("p95", [(0, 1.0), (60_000, None), (120_000, 2.0)])
OPTIONS = {
    "lines": charts.lines([ONE], "ms"),
    "stacked": charts.stacked([ONE, ONE], "usd"),
    "histogram": charts.histogram([{"low": 1.0, "high": 2.0, "requests": 3}], ["1 ms"], "Requests"),
    "heatmap": charts.heatmap([{"x": 0, "y": 0, "count": 4, "label": "l", "data": {}}], ["14:00"], ["1 ms"]),
    "bars": charts.bars(["a", "b"], [1.0, None], "usd"),
    "projection": charts.with_projection(charts.stacked([ONE], "usd") or {}, ONE, ONE, ONE),
}


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", OPTIONS)
def test_options_name_only_colours_and_formats_that_there_are(name: str) -> None:
    """Colours are of page.css in both themes, formats of chart.js."""
    options = OPTIONS[name]
    assert options is not None
    css, script = (STATIC / "page.css").read_text(), (STATIC / "chart.js").read_text()
    light, dark = css.split(':root[data-theme="dark"]', 1)
    used = set(texts(options))
    for colour in {text for text in used if text.startswith("--")} - {"--font"}:
        assert f"  {colour}:" in light
        assert f"  {colour}:" in dark.split("}", 1)[0]
    for form in {text for text in used if text.startswith("@")} - {"@time"}:
        assert f'"{form}"' in script


def test_nothing_to_draw_is_none() -> None:
    """So that the card says it."""
    gap = Line("x", [(0, None)])
    assert charts.lines([gap], "ms") is None
    assert charts.stacked([gap], "usd") is None
    assert charts.histogram([], [], "n") is None
    assert charts.heatmap([], [], []) is None
    assert charts.bars([], [], "usd") is None


def test_a_lone_point_between_gaps_is_drawn() -> None:
    """A line through one point shows nothing without its symbol."""
    lone = charts.lines([Line("x", [(0, None), (1, 2.0), (2, None), (3, 1.0), (4, 1.0), (5, 1.0)])], "ms")
    assert lone is not None
    assert lone["series"][0]["showSymbol"]


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("colour", "least"),
    [
        *(("--text", 7.0), ("--text-2", 4.5), ("--text-3", 4.0), ("--accent", 4.5), ("--bad", 4.5), ("--good", 4.5)),
        *((f"--series-{n}", 2.5) for n in range(1, 9)),
    ],
)
def test_colours_stand_out_from_the_surface(theme: int, colour: str, least: float) -> None:
    """Contrast by WCAG 2."""
    css = (STATIC / "page.css").read_text().split(':root[data-theme="dark"]')[theme]
    found = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", css))
    light, dark = sorted((_luminance(found[colour]), _luminance(found["--surface"])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least


def test_a_table_sorts_by_its_state_and_puts_the_unknown_last() -> None:
    """Both ways; the head tells it."""
    rows: list[dict[str, Any]] = [{"n": 2}, {"n": None}, {"n": 3}]
    columns = [widgets.Column[dict[str, Any]]("N", lambda r: str(r["n"]), True, "n", lambda r: r["n"])]
    for sort, expected in (("n", ["2", "3", "None"]), ("-n", ["3", "2", "None"]), ("", ["2", "None", "3"])):
        made = widgets.table(columns, rows, state=State("/x").with_params(sort=sort))
        assert re.findall(r'<td class="is-number">(\w+)</td>', made) == expected
    assert 'aria-sort="ascending"' in widgets.table(columns, rows, state=State("/x").with_params(sort="n"))


def test_a_difference_is_shown_in_its_unit() -> None:
    """Shares in points, money by three digits, each with its sign."""
    assert [signed("share", -0.012), signed("usd", "0.0000451"), signed("ms", 240.0), signed("ms", None)] == [
        "−1.20 pp",
        "+$0.0000451",
        "+240 ms",
        "–",
    ]
    assert [shown("score", 0.8234), shown("tokens/s", 52.71), shown("usd", None)] == ["0.823", "52.7", "–"]


def test_the_forest_draws_interval_and_point_in_their_places() -> None:
    """The middle of the plot is no difference; what is better is green."""
    one = {"metric": "p95_latency_ms", "unit": "ms", "a": 90.0, "b": 100.0, "difference": -10.0}
    made = forest(T, [{**one, "low": -15.0, "high": -5.0, "verdict": "lower"}])
    assert 'class="h-plot is-good"' in made
    assert 'class="h-interval" style="left:12.50%;width:25.00%"' in made
    assert 'class="h-point" style="left:25.00%"' in made
