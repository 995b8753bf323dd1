"""Real requests of real libraries come out priced, or unpriced for a reason that the request itself shows."""

from collections import Counter
from pathlib import Path

from haechi.pricing import PriceBook
from haechi_collector.decode import decode_traces
from haechi_collector.stages.count_once import CallMemory, count_once
from haechi_collector.stages.normalize import normalize_spans
from haechi_collector.stages.price import price

CAPTURES = Path(__file__).parent.parent / "data" / "captures"


def test_every_captured_call_with_usage_has_a_cost_unless_its_model_is_invented() -> None:
    """No dialect yields usage that contradicts itself, and only `my-model` is unknown."""
    book, seen = PriceBook.load(), Counter[str]()
    for file in sorted(CAPTURES.glob("*--traces-*.binpb")):
        normal = normalize_spans(decode_traces(file.read_bytes()), project="p", ingested_at_ns=0)
        priced = price(count_once(normal.spans, normal, CallMemory(1000)), normal, book)
        priced.validate(full=True)
        columns = ["cost_usd", "cost_source", "cost_details", "request_model", "usage_source"]
        for row in priced.select(columns).to_pylist():
            why = dict(row["cost_details"]).get("unpriced")
            assert why in {None, "no_usage"} or (why, row["request_model"]) == ("unknown_model", "my-model"), file.name
            assert (row["cost_usd"] is not None) == (row["cost_source"] in {"price_book", "reported"})
            assert row["cost_usd"] is None or row["usage_source"] == "reported"
            seen[row["cost_source"]] += 1
    assert seen["price_book"] > 150
