"""A check of a location without a run: the wish for it, and how far it is."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from datasync_api.base import ApiModel
from datasync_api.text import Name

CheckTag = Annotated[str, Field(max_length=253)]


class OngoingCheck(ApiModel):
    """A check that goes on, or that has ended and whose pod is still to be taken away."""

    tag: CheckTag
    generation: int = Field(description="Of the location: a spec that was changed is asked anew.")
    start_time: datetime = Field(description="When the operator first saw the tag.")
    launch_time: datetime | None = Field(
        default=None, description="When it left the queue; from then on it has a slot of the agent."
    )
    run_time: datetime | None = Field(
        default=None, description="When its pod was first seen to run; absent: it does not yet."
    )
    agent: Name | None = None
