"""What the start of a run finds out about its two locations: are they there, are we let in?

The runner looks before it lists anything, and the kubelet before that mounts what the pod needs.
Nothing here says how; it holds what was found, on its way from runner and kubelet to the status of
an execution, and on to that of its locations.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel
from datasync_api.conditions import Reason

End = Literal["source", "destination"]


class Reached(ApiModel):
    """When a runner was let in by each location; absent: not yet, or not at all."""

    source: datetime | None = None
    destination: datetime | None = None


class LocationCheck(ApiModel):
    """What was found out about one location, and when the operator first heard of it."""

    time: datetime
    reason: Reason
    """`Reached`, or why it was not."""
    message: Annotated[str, Field(max_length=1024)] = ""


class Preflight(ApiModel):
    """What the last start of a run found out; absent: nobody got that far."""

    source: LocationCheck | None = None
    destination: LocationCheck | None = None
