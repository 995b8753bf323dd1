"""Ask every route of the API what schemathesis makes of its OpenAPI: `python bench/openapi_fuzz.py --examples 300`.

A store of its own is filled with a day of traffic. Prints JSON: how often each status came, and every wrong answer; the
exit status is 1 if there is one.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import filled  # noqa: E402  after the path of the tests
from tests.openapi.fuzzing import Fuzzer  # noqa: E402
from tests.questions import answering, taking  # noqa: E402


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=300, help="of right and of wrong requests to each operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--prefix", default="/", help="only the routes below it")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with taking(directory) as way_in, answering(directory / "store", way_in) as api:
            api.fill(filled.spans(), filled.scores())
            found = Fuzzer(api.url, options.examples, options.seed, filled.IDS)
            found.run(options.prefix)
    requests = sum(sum(one.values()) for one in found.statuses.values())
    figures = {"requests": requests, "seconds": round(time.monotonic() - begun), "wrong": list(found.wrong.values())}
    print(json.dumps({**figures, "statuses": found.statuses}, indent=1, ensure_ascii=False))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
