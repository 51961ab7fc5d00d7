"""Our one finalizer: on an execution whose transfer must be stopped first, and none elsewhere."""

from collections.abc import Set

from datasync_api.execution import Execution
from datasync_operator.decide import naming
from datasync_operator.decide.plan import Action, SetFinalizers


def finalizers(execution: Execution, ours: Set[str]) -> list[Action]:
    """Set exactly ours beside others', as an action where something changes."""
    known = execution.metadata.finalizers
    wanted = (*(name for name in known if name != naming.FINALIZER), *sorted(ours))
    return [] if known == wanted else [SetFinalizers(wanted)]
