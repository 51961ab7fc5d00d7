"""What the work queue holds: the kind and the name of an object, never its state."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The four kinds, by their API name."""

    AGENT = "DataSyncAgent"
    LOCATION = "DataSyncLocation"
    TASK = "DataSyncTask"
    EXECUTION = "DataSyncTaskExecution"


@dataclass(frozen=True, order=True)
class ObjectKey:
    """One object of our kinds."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"
