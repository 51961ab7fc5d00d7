"""Conditions: one vocabulary of types and reasons for status, logs and documentation.

The reasons are a closed enum; each message says what happened, why, and how to fix it.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, ListMap

MESSAGE_MAX_LENGTH = 4096


class Reason(StrEnum):
    """Why a condition is as it is, or why a run ended as it did."""

    # progress of a run
    WAITING_FOR_SLOT = "WaitingForSlot"
    WAITING_FOR_AGENT = "WaitingForAgent"
    WAITING_FOR_TASK = "WaitingForTask"
    PAUSED = "Paused"
    LAUNCHING = "Launching"
    SUSPENDED = "Suspended"
    RUNNING = "Running"
    RETRYING = "Retrying"
    CANCEL_REQUESTED = "CancelRequested"
    CANCELLED = "Cancelled"
    SUCCEEDED = "Succeeded"
    # a run that cannot start
    TASK_NOT_FOUND = "TaskNotFound"
    LOCATION_NOT_FOUND = "LocationNotFound"
    AGENT_NOT_FOUND = "AgentNotFound"
    DRIVER_NOT_INSTALLED = "DriverNotInstalled"
    TASK_BUSY = "TaskBusy"
    INVALID_SPEC = "InvalidSpec"
    CONFLICTING_IDENTITIES = "ConflictingIdentities"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    MOUNT_FAILED = "MountFailed"
    CREDENTIALS_MISSING = "CredentialsMissing"
    POD_CREATION_FAILED = "PodCreationFailed"
    LAUNCH_DEADLINE_EXCEEDED = "LaunchDeadlineExceeded"
    # a run that failed
    CONFIGURATION_INVALID = "ConfigurationInvalid"
    CREDENTIALS_REFUSED = "CredentialsRefused"
    BUCKET_NOT_FOUND = "BucketNotFound"
    LOCATION_UNREACHABLE = "LocationUnreachable"
    SOURCE_EMPTY = "SourceEmpty"
    SOURCE_REPLACED = "SourceReplaced"
    TOO_MANY_DELETIONS = "TooManyDeletions"
    FILES_FAILED = "FilesFailed"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    OUT_OF_MEMORY = "OutOfMemory"
    RESULT_MISSING = "ResultMissing"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    NO_PROGRESS = "NoProgress"
    INTERNAL_ERROR = "InternalError"
    # the log of a run
    LOGS_DELIVERED = "LogsDelivered"
    LOGS_INCOMPLETE = "LogsIncomplete"
    # the report of a run
    REPORT_WRITTEN = "ReportWritten"
    REPORT_FAILED = "ReportFailed"
    # definitions
    VALID = "Valid"
    DRIVER_INSTALLED = "DriverInstalled"
    REACHED = "Reached"
    NODES_READY = "NodesReady"
    NO_MATCHING_NODE = "NoMatchingNode"
    NO_EXECUTION = "NoExecution"


class Condition(ApiModel):
    """One aspect of an object's state, in the form of Kubernetes' `metav1.Condition`."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    message: Annotated[str, Field(max_length=MESSAGE_MAX_LENGTH)] = ""
    observed_generation: int | None = None
    last_transition_time: datetime | None = None


Conditions = Annotated[tuple[Condition, ...], ListMap("type"), Field(max_length=16)]


def find_condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    """The condition of this type, if there is one."""
    return next((known for known in conditions if known.type == type_), None)


def set_condition(
    conditions: Iterable[Condition], wanted: Condition, *, now: datetime
) -> tuple[Condition, ...]:
    """Put the wanted condition in place; its transition time moves only when its status does.

    | known status | wanted status | lastTransitionTime |
    |---|---|---|
    | none | any | now |
    | True | True | kept |
    | True | False | now |
    """
    others = [known for known in conditions if known.type != wanted.type]
    known = find_condition(conditions, wanted.type)
    since = known.last_transition_time if known and known.status == wanted.status else now
    placed = wanted.model_copy(
        update={
            "last_transition_time": since,
            "message": wanted.message[:MESSAGE_MAX_LENGTH],
        }
    )
    return tuple(sorted([*others, placed], key=lambda condition: condition.type))
