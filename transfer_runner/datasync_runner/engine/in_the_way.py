"""Files whose name, or that of one of their folders, is something of another kind on one side.

| source | destination | |
|---|---|---|
| `a` and `a/b`, as objects | - | the folder wins, `a` is a conflict |
| `a`, as an object | `a/`, and nothing is deleted | `a` is a conflict |
| `a` | `a/`, which is to be deleted | `a` waits for the end of the run |
| `a/b` | `a`, which is to be deleted | `a/b` waits for the end of the run |

What waits is written after the deletions, which come last so that a guard can hold them all; where
they are held or fail, the destination says that it is a conflict.  Names of a file with several go
on at once, and say that they wait: `hard_links` has them linked or written then.
"""

from datasync_runner.core.entry import Entry
from datasync_runner.core.hard_links import Name
from datasync_runner.core.names import Twins
from datasync_runner.core.obstacles import Obstacles
from datasync_runner.core.tally import Tally
from datasync_runner.engine.failures import record
from datasync_runner.engine.spool import Spool, pack_work
from datasync_runner.engine.work import Work
from datasync_runner.storage.errors import Conflict

Item = Work | Name


class InTheWay:
    """Holds works and names back until it is sure that nothing is in their way, or for the end."""

    def __init__(self, late: Spool | None, tally: Tally, *, restores: bool, deletes: bool) -> None:
        """`late`: what waits for the end; None: nothing can.  `restores`: from objects."""
        self._late, self._tally = late, tally
        self._restores, self._deletes = restores, deletes
        self._twins: Twins[Item] = Twins()
        self._obstacles = Obstacles()

    def reach(self, source: Entry | None, destination: Entry | None) -> list[Item]:
        """The next pair: what no folder can stand in the way of any more."""
        listed = source or destination
        if listed is None or not self._twins:
            return []
        free, taken = self._twins.reach(listed.key)
        for item in taken:
            if source is not None or not self._deletes:
                conflict = Conflict("there is a folder of the same name", item.source.key)
                record(self._tally, "prepare", conflict)
            elif self._late is not None:
                free += _wait(item, self._late)
            else:
                free.append(item)  # by a dry run: a transfer would delete what is in its way
        return free

    def goes(self, destination: Entry) -> None:
        """A file is to be deleted."""
        if self._late is not None:
            self._obstacles.add(destination.key)

    def add(self, item: Item, destination: Entry | None) -> list[Item]:
        """What follows from the pair that was reached last, unless it has to wait."""
        key = item.source.key
        if self._late is not None and self._obstacles.before(key):
            return _wait(item, self._late)
        if self._restores or destination is None:
            self._twins.hold(key, item)
            return []
        return [item]

    def rest(self) -> list[Item]:
        """No more pairs come: what is held is free."""
        return self._twins.rest()


def _wait(item: Item, late: Spool) -> list[Item]:
    """Something is in its way until the deletions; what goes on all the same."""
    if isinstance(item, Name):
        return [item.waiting()]
    late.push(pack_work(item))
    return []
