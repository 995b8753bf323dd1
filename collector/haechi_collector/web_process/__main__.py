"""How the collector starts the web port's process: says what it does without, then imports the rest (`serve`)."""

import sys

from haechi_collector.libraries import UNUSED_BY_WEB, leave_out


def main() -> int:
    """Serve until the parent goes; return the exit status."""
    leave_out(UNUSED_BY_WEB)
    from haechi_collector.web_process.serve import serve  # noqa: PLC0415  see the module

    return serve()


if __name__ == "__main__":
    sys.exit(main())
