"""A port in use is refused by the name of its setting, or waited for."""

import threading

import pytest

from haechi_collector.errors import SettingError
from haechi_collector.sockets import listen


def test_a_port_in_use_is_refused() -> None:
    """With the setting, the address and the reason."""
    with listen("127.0.0.1", 0, "web_port") as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingError, match=f"web_port = {port}: cannot listen on 127.0.0.1:{port}: Address"):
            listen("127.0.0.1", port, "web_port")


def test_a_port_that_is_given_up_is_waited_for() -> None:
    """A killed collector's web process has it until it notices."""
    other = listen("127.0.0.1", 0, "web_port")
    port = other.getsockname()[1]
    later = threading.Timer(0.3, other.close)
    later.start()
    with listen("127.0.0.1", port, "web_port", 30) as mine:
        assert mine.getsockname()[1] == port
    later.join()
