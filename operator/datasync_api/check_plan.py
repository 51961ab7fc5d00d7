"""CheckPlan: what a runner needs to know to look at one location, as one JSON document.

Whether the location will be a source or a destination is not known, so it is looked at as a source:
nothing is written.  The answer is a TransferResult with this uid: of `reached` and `error` the
source is meant.
"""

from typing import Literal

from datasync_api.base import ApiModel
from datasync_api.sides import Side


class CheckPlan(ApiModel):
    """One location, and whose the answer is."""

    version: Literal[1] = 1
    uid: str
    location: Side

    def text(self) -> str:
        """The JSON document, the same text for the same plan."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
