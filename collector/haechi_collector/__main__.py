"""`python -m haechi_collector` is `haechi`."""

import sys

from haechi_collector.cli import main

sys.exit(main())
