"""A typed client of Haechi's API and SQL, for scripts and notebooks.

``with Client() as haechi: haechi.costs(from_="-7d", group_by="model")``. Answers are frozen dataclasses with money as
`Decimal` and times as aware datetimes; the end of a name is its unit. pyarrow and pandas are used where they are
installed, and not brought along.
"""

from haechi.client import answers
from haechi.client._answer import Answer
from haechi.client._client import Client
from haechi.client._errors import (
    Answered,
    Busy,
    ClientError,
    Forbidden,
    NotFound,
    NotInstalled,
    SqlError,
    TooExpensive,
    Unauthenticated,
    Unreachable,
    WrongParameter,
)
from haechi.client._pages import Pages
from haechi.client._scores import Score
from haechi.client._statement import Rows, Statement

__all__ = [
    "Answer",
    "Answered",
    "Busy",
    "Client",
    "ClientError",
    "Forbidden",
    "NotFound",
    "NotInstalled",
    "Pages",
    "Rows",
    "Score",
    "SqlError",
    "Statement",
    "TooExpensive",
    "Unauthenticated",
    "Unreachable",
    "WrongParameter",
    "answers",
]
