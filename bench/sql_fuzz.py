"""Fuzz the SQL guard against ClickHouse's own parser, longer than the tests do; prints JSON, fails on any finding.

python bench/sql_fuzz.py --rounds 20 --seed 100
"""

import argparse
import json
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.query.conftest import ask
from tests.query.fuzzing import accepted, forbidden, mutations

MUTATIONS = 5_000


def main() -> int:
    """Run the rounds; 1 when an accepted text holds something forbidden."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    begun, passed, found = time.monotonic(), 0, {}
    for seed in range(options.seed, options.seed + options.rounds):
        texts = accepted(mutations(Random(seed), MUTATIONS))
        passed += len(texts)
        trees = ask([f"EXPLAIN AST {text}" for text in texts])
        found |= {sql: bad for sql, tree in zip(texts, trees, strict=True) if (bad := forbidden(tree))}
    told = {"mutations": options.rounds * MUTATIONS, "accepted": passed, "found": found}
    print(json.dumps({**told, "seconds": round(time.monotonic() - begun, 1)}, ensure_ascii=False))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
