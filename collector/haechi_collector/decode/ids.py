"""The two forms in which ids arrive: bytes in protobuf, hex text in JSON.

Guarantee: both become lowercase text. What is no hex in JSON stays as it came, so that the one row with it can
be refused (`haechi_collector.decode.validate`) and not its whole request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from haechi_collector.decode import arrays
from haechi_collector.decode.values import utf8


@dataclass(frozen=True, slots=True)
class IdForm:
    """How ids are turned into text."""

    column: Callable[[pa.Array], pa.Array]
    one: Callable[[bytes], str]


BINARY: Final = IdForm(arrays.hex_text, bytes.hex)
TEXT: Final = IdForm(arrays.text, utf8)
"""The bytes are the UTF-8 of the lowercase text."""
