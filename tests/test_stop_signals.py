"""A signal is never lost, whatever the main thread is doing, and never blocks it."""

import select
import signal
import subprocess
import sys

PROGRAM = """
from haechi_collector.stop_signals import stop_event
stop = stop_event()
print("ready", flush=True)
stop.wait()
for _ in range(2000):  # what comes after the first finds the main thread inside the event's own lock
    stop.set()
    stop.wait(0.0001)
print("done", flush=True)
input()
"""


def test_a_hail_of_signals_ends_the_program_in_order() -> None:
    """Thousands of SIGTERM and SIGINT while it waits and sets: it ends by itself with status 0."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        while not select.select([child.stdout], [], [], 0)[0]:
            child.send_signal(signal.SIGTERM)
            child.send_signal(signal.SIGINT)
        assert child.communicate("end\n")[0] == "done\n"
    assert child.returncode == 0
