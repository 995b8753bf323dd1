"""Limits of the web port's process, and what breaks if they change. Of its answers: `api.limits`, `query.limits`."""

from typing import Final

WEB_READY_S: Final = 60.0
"""How long the web port's process may take until it answers. It takes a second or two; where memory is short, more."""

WEB_STOP_S: Final = 5.0
"""How long open answers of the web port may go on after a request to end. Longer: one slow query holds up the end."""

WEB_NICE: Final = 10
"""How much the web process stands back where the CPU is short. Less: people at the page make acknowledgements wait, p99
120 instead of 60 ms with ten of them. More: pages starve beside a collector at full speed."""

WEB_PORT_WAIT_S: Final = 5.0
"""How long a start waits for a web port that is in use. Shorter: a collector that is started right after one was killed
finds the port with the other's web process, which ends as soon as it looks. Longer: so much later it complains."""

WEB_RESTART_DELAYS_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before the first, second, ... restart of a web process that died; the last one repeats. Requests wait."""

WEB_PARENT_ANSWER_S: Final = 3.0
"""How long /readyz and /metrics wait for the collector's process. Longer than a probe waits: it learns nothing."""
