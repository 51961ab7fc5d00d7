"""A limit on bytes a second, as AWS DataSync writes it: -1 is unlimited.

One type for the task's option, the execution's own limit and the command line, so that none of
them takes what another refuses.  Nothing is measured or held back here.
"""

from typing import Annotated, Final

from pydantic import Field

from datasync_api.base import Rule

UNLIMITED: Final = -1
MAX_BYTES_PER_SECOND: Final = 10**15
"""A bound, as everything in the API has one; no machine comes near."""

_NO_RATE: Final = "0 would never end: write -1 for unlimited, or the bytes a second, from 1 on"

BytesPerSecond = Annotated[
    int,
    Field(ge=UNLIMITED, le=MAX_BYTES_PER_SECOND),
    Rule(cel="self != 0", message=_NO_RATE, holds=lambda rate: rate != 0),
]
"""-1, or 1 and more (AWS: BytesPerSecond)."""
