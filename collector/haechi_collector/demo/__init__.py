"""Sample traffic: a pretend support application whose spans come through the ordinary OpenTelemetry SDK."""

from haechi_collector.demo.command import run_demo

__all__ = ["run_demo"]
