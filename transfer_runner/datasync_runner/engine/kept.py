"""What a run finds out while it lists and does at its end: who lists fills it, the end empties it.

It decides nothing: the order at the end is `pipeline`'s, and what may be deleted is `delete`'s.
"""

from dataclasses import dataclass

from datasync_runner.engine.hard_links import HardLinks
from datasync_runner.engine.shared_content import SharedContent
from datasync_runner.engine.spool import Spool
from datasync_runner.engine.unread import Unread


@dataclass
class Kept:
    """What waits for the end of the run."""

    deletes: Spool
    late: Spool | None
    """Files that can be written only when what has their name, or that of one of their folders, is
    deleted; None: nothing has to wait."""
    folders: Spool
    """Folders to be made, whose metadata differs or is not known yet; on a file system those that
    are right too, as our own writes change their times.  In the order of their keys."""
    names: HardLinks | SharedContent | None = None
    """Files with several names, where the destination can link or copy; None: they are as any."""
    unread: Unread | None = None
    """Large objects that may be further names, to a file system with links; None: all are read."""
    new_folders: bool = False
    source_unlisted: bool = False
    """Part of the source could not be listed: nothing may be deleted."""
