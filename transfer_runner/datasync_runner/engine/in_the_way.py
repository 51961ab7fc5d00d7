"""Files whose name, or that of one of their folders, is something of another kind on one side.

| source | destination | |
|---|---|---|
| `a` and `a/b`, as objects | - | the folder wins, `a` is a conflict |
| `a` | `a/`, which is to be deleted | `a` waits for the end of the run |
| `a/b` | `a`, which is to be deleted | `a/b` waits for the end of the run |

What waits is written after the deletions, which come last so that a guard can hold them all; where
they are held or fail, the destination says that it is a conflict.
"""

from datasync_runner.core.entry import Entry
from datasync_runner.core.names import Twins
from datasync_runner.core.obstacles import Obstacles
from datasync_runner.core.tally import Tally
from datasync_runner.engine.failures import record
from datasync_runner.engine.spool import Spool, pack_work
from datasync_runner.engine.work import Work
from datasync_runner.storage.errors import Conflict


class InTheWay:
    """Holds works back until it is sure that nothing is in their way, or for the end."""

    def __init__(self, late: Spool | None, tally: Tally, *, restores: bool) -> None:
        """`late`: what waits for the end; None: nothing is deleted.  `restores`: from objects."""
        self._late, self._tally, self._restores = late, tally, restores
        self._twins: Twins[Work] = Twins()
        self._obstacles = Obstacles()

    def reach(self, source: Entry | None, destination: Entry | None) -> list[Work]:
        """The next pair: the works that no folder can stand in the way of any more."""
        listed = source or destination
        if listed is None or not self._twins:
            return []
        free, taken = self._twins.reach(listed.key)
        for work in taken:
            if source is not None:
                conflict = Conflict("there is a folder of the same name", work.source.key)
                record(self._tally, "prepare", conflict)
            elif self._late is not None:
                self._late.push(pack_work(work))
            else:
                free.append(work)  # a transfer is told by the destination, a dry run foresees it
        return free

    def goes(self, destination: Entry) -> None:
        """A file is to be deleted."""
        if self._late is not None:
            self._obstacles.add(destination.key)

    def add(self, work: Work, destination: Entry | None) -> list[Work]:
        """The work that follows from the pair that was reached last, unless it has to wait."""
        key = work.source.key
        if self._late is not None and self._obstacles.before(key):
            self._late.push(pack_work(work))
        elif self._restores or destination is None:
            self._twins.hold(key, work)
        else:
            return [work]
        return []

    def rest(self) -> list[Work]:
        """No more pairs come: what is held is free."""
        return self._twins.rest()
