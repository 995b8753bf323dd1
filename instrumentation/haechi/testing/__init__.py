"""`haechi.testing`: what an application's tests need to see its telemetry.

Guarantee: `capture` records in memory alone, sends nothing anywhere, works whether or not `haechi.init` ran, and
leaves everything as it was. With the default clock and ids the same program yields the same spans, bit by bit.
"""

from haechi.testing._capture import Captured, Measured, capture
from haechi.testing._deterministic import Clock, IdGenerator
from haechi.testing._memory import MemoryExporter

__all__ = ["Captured", "Clock", "IdGenerator", "Measured", "MemoryExporter", "capture"]
