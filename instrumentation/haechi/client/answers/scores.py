"""What `scores` answers. Written by docs/make_client.py: change the API's models instead."""

from dataclasses import dataclass

from haechi.client._answer import Answer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AcceptedScores(Answer):
    """The scores are on disk; questions see them about a second later.

    Attributes:
        ids: of each, in the order of the request
    """

    ids: list[str]
