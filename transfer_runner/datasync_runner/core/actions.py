"""What can happen to a pair, and the stable words that say why.

`compare` chooses among them; nothing here judges.
"""

from enum import Enum
from typing import NamedTuple


class Action(Enum):
    """What happens to a pair."""

    COPY = "Copy"
    UPDATE_METADATA = "UpdateMetadata"
    SKIP = "Skip"
    DELETE = "Delete"
    INSPECT = "Inspect"
    CONFLICT = "Conflict"


class Decision(NamedTuple):
    """An action and the stable word that says why."""

    action: Action
    reason: str


KEPT = Decision(Action.SKIP, "NotAtSource")
DELETE = Decision(Action.DELETE, "NotAtSource")
SPECIAL = Decision(Action.SKIP, "SpecialFile")
IMPLIED = Decision(Action.SKIP, "ImpliedFolder")
NEVER = Decision(Action.SKIP, "OverwriteNever")
UNCHANGED = Decision(Action.SKIP, "Unchanged")
SAME = Decision(Action.SKIP, "Same")
MISSING = Decision(Action.COPY, "NotAtDestination")
NO_MARKER = Decision(Action.COPY, "FolderMarkerMissing")
ALL = Decision(Action.COPY, "TransferModeAll")
SIZE = Decision(Action.COPY, "SizeDiffers")
KIND = Decision(Action.COPY, "KindDiffers")
DEVICE = Decision(Action.COPY, "DeviceDiffers")
MTIME_UNKNOWN = Decision(Action.COPY, "MtimeUnknown")
MTIME = Decision(Action.COPY, "MtimeDiffers")
NEWER = Decision(Action.COPY, "SourceNewer")
METADATA = Decision(Action.UPDATE_METADATA, "MetadataDiffers")
LINKED = Decision(Action.COPY, "LinkedElsewhere")
USER_METADATA = Decision(Action.UPDATE_METADATA, "UserMetadataDiffers")
TAGS = Decision(Action.UPDATE_METADATA, "TagsDiffer")
UNKNOWN = Decision(Action.INSPECT, "MetadataUnknown")
DESCRIPTOR_UNKNOWN = Decision(Action.INSPECT, "DescriptorUnknown")
CONTENT_UNKNOWN = Decision(Action.INSPECT, "ContentUnknown")
CONTENT = Decision(Action.COPY, "ContentDiffers")
IN_THE_WAY = Decision(Action.CONFLICT, "SpecialFileInTheWay")
