"""The four kinds by their names; the model of each is loaded when there is an object of it."""

from typing import Final

from datasync_api.meta import Resource

AGENT: Final = "DataSyncAgent"
LOCATION: Final = "DataSyncLocation"
TASK: Final = "DataSyncTask"
EXECUTION: Final = "DataSyncTaskExecution"
NAMES: Final = (AGENT, LOCATION, TASK, EXECUTION)


def model_of(kind: str) -> type[Resource]:
    """The model of a kind.  Raises: KeyError, for what is none of `NAMES`."""
    match kind:
        case "DataSyncAgent":
            from datasync_api.agent import Agent

            return Agent
        case "DataSyncLocation":
            from datasync_api.location import Location

            return Location
        case "DataSyncTask":
            from datasync_api.task import Task

            return Task
        case "DataSyncTaskExecution":
            from datasync_api.execution import Execution

            return Execution
        case _:
            raise KeyError(kind)
