"""``python -m haechi_collector.demo``: the sample traffic without the rest of the command line."""

import argparse
import sys

from haechi_collector.demo.command import run_demo
from haechi_collector.errors import SettingError


def main() -> int:
    """Read the options and run; 2 for a wrong one."""
    parser = argparse.ArgumentParser(prog="haechi_collector.demo", description="sample traffic over OTLP/HTTP")
    parser.add_argument("--endpoint", default="http://127.0.0.1:4318", help="OTLP/HTTP base URL")
    parser.add_argument("--rate", type=float, default=2.0, help="mean traces per second")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same traffic")
    parser.add_argument("--backfill", default="0", help="past traffic to send first, such as 1h")
    parser.add_argument("--duration", type=float, default=None, metavar="SECONDS", help="stop after so long")
    options = parser.parse_args()
    try:
        return run_demo(options.endpoint, options.rate, options.seed, options.backfill, options.duration)
    except SettingError as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
