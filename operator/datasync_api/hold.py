"""Hold: a deletion that a guard of the task does not allow, until somebody acknowledges it.

Its token says how many files it is about and is bound to the places, so nobody has to remember it:
a run that lists again knows its own tokens when it sees them (`TransferPlan.acknowledged`).
"""

from typing import Annotated, Final

from pydantic import Field

from datasync_api.base import ApiModel
from datasync_api.conditions import Reason
from datasync_api.text import written_as

TOKEN_GRAMMAR: Final = "[0-9]{1,19}-[0-9a-f]{10}"  # noqa: S105 - a grammar, no token
"""The number of files, and a hash that binds it."""

Acknowledgement = Annotated[
    str,
    Field(max_length=30),
    written_as(
        f"({TOKEN_GRAMMAR})?",
        "is not the token of a hold: write the one in status.hold.token, or leave it empty",
    ),
]


class Hold(ApiModel):
    """What a guard holds back, and the token that lets it go on."""

    token: Annotated[str, Field(max_length=30)]
    reason: Reason
    deletions: Annotated[int, Field(ge=0)] = Field(
        description="Files that would be deleted at the destination."
    )
    limit: Annotated[int, Field(ge=0)] = Field(description="Files that may be deleted.")
