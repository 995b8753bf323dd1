"""Many rounds of ``kill -9`` of collector, store or both, under load.

    python bench/kills.py [--rounds 50] [--seed 1]

Four senders, half of them gRPC and half HTTP, send spans, log records and metric points; a request that is not
acknowledged is sent again unchanged. At random moments the collector, its embedded store, both, or a collector that is
just starting are killed and started again. At the end every row is compared by its id with what was acknowledged, and
the ledger is asked whether it balances.

Prints a progress line per round to standard error and one JSON object to standard output; exits with 1 unless nothing
was lost, doubled or altered. `tests/faults/test_kills.py` runs a few of these rounds.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' harness is no installed package

from tests.faults.kills import run
from tests.faults.oracle import Verdict


def main() -> int:
    """Run the rounds; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    def tell(number: int, target: str, rows: int) -> None:
        print(f"{number}/{options.rounds} killed {target}; {rows} rows acknowledged", file=sys.stderr, flush=True)

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="haechi-kills-") as directory:
        result = run(Path(directory), options.rounds, options.seed, tell)
    print(json.dumps({"seed": options.seed, **asdict(result), "seconds": round(time.monotonic() - began)}, indent=1))
    return int(result.verdict != Verdict() or bool(result.imbalance))


if __name__ == "__main__":
    sys.exit(main())
