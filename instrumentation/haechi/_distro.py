"""What the command ``opentelemetry-instrument`` finds of ours: the distribution and the configurator.

Guarantee: with no other configurator installed, ``opentelemetry-instrument python app.py`` does what
``haechi run -- python app.py`` does. With another one, that one's providers and exporters are used and ours add
nothing (`haechi._providers`).

Imported by the package opentelemetry-instrumentation alone, which is no dependency of ours.
"""

from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]  # untyped

from haechi import _init


class Distro(BaseDistro):  # type: ignore[misc]  # the base class has no types
    """Ours needs no settings beyond the defaults."""

    def _configure(self, **_: object) -> None:
        """Leave the environment as it is."""


class Configurator:
    """Sets up the providers, in the way that the SDK's own configurator does."""

    def configure(self, **_: object) -> None:
        """Turn the SDK on."""
        _init.init_outside()
