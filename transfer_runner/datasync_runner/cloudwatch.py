"""A log stream of Amazon CloudWatch Logs, by botocore, and the border for its errors.

Credentials are the pod's AWS identity (IRSA, EKS Pod Identity, the node's role, the environment),
whatever keys the locations have.  Loaded only where a task asks for it: botocore's client takes a
third of a second and 20 MB.
"""

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, Final

import botocore.exceptions as foreign
import botocore.session
from botocore.config import Config

from datasync_api.logging_target import CloudWatchStream
from datasync_runner.core.log_batches import Event
from datasync_runner.log_delivery import DeliveryRefused, DeliveryUnavailable

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10
_PASSING_CODES: Final = frozenset(
    {
        "OperationAbortedException",
        "RequestTimeout",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
    }
)
_PASSING: Final = (
    foreign.HTTPClientError,
    foreign.ConnectionError,
    foreign.IncompleteReadError,
)
_RIGHTS: Final = (
    "allow logs:CreateLogStream and logs:PutLogEvents on the log group (with createLogGroup also "
    "logs:CreateLogGroup and logs:PutRetentionPolicy)"
)
_IDENTITY: Final = (
    "give the agent a serviceAccountName with a role that may write the log (IRSA, EKS Pod "
    "Identity); keys of a location's Secret are not used for it"
)
_NOBODY: Final = (
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)
_HINTS: Final = {
    **dict.fromkeys(_NOBODY, _IDENTITY),
    "AccessDeniedException": _RIGHTS,
    "ResourceNotFoundException": "make the log group, or set logging.cloudWatch.createLogGroup",
}
_CHECK: Final = "check logging.cloudWatch of the task, and the quotas of the account"


class CloudWatchLogStream:
    """The stream of one run; opening an existing one is no error, its group stays as it is."""

    def __init__(self, stream: CloudWatchStream) -> None:
        self._stream = stream
        self._client: Any = None
        self._retention_due = False

    def open(self) -> None:
        """Make the group, where that is asked for, and the stream.

        Raises: DeliveryRefused, DeliveryUnavailable.
        """
        stream = self._stream
        with _border(stream):
            if self._client is None:
                self._client = botocore.session.get_session().create_client(
                    "logs",
                    region_name=stream.region,
                    config=Config(
                        connect_timeout=CONNECT_SECONDS,
                        read_timeout=ANSWER_SECONDS,
                        retries={"total_max_attempts": 1},  # who delivers has the patience
                    ),
                )
            if stream.create_log_group:
                self._make_group()
            with _that_exists():
                self._client.create_log_stream(
                    logGroupName=stream.log_group, logStreamName=stream.log_stream
                )

    def _make_group(self) -> None:
        stream = self._stream
        with _that_exists():
            self._client.create_log_group(logGroupName=stream.log_group)
            self._retention_due = stream.retention_days is not None
        if self._retention_due:
            self._client.put_retention_policy(
                logGroupName=stream.log_group, retentionInDays=stream.retention_days
            )
            self._retention_due = False

    def send(self, events: Sequence[Event]) -> int:
        """One batch.  Raises: DeliveryRefused, DeliveryUnavailable."""
        with _border(self._stream):
            answer = self._client.put_log_events(
                logGroupName=self._stream.log_group,
                logStreamName=self._stream.log_stream,
                logEvents=[{"timestamp": one.at_ms, "message": one.line} for one in events],
            )
        return rejected(len(events), answer.get("rejectedLogEventsInfo") or {})


def rejected(count: int, told: dict[str, int]) -> int:
    """How many events of a batch were not kept: the old ones at its start, the new ones at its end.

    | answer, of 10 events | not kept |
    |---|---|
    | {} | 0 |
    | tooOldLogEventEndIndex 3 | 3 |
    | tooOldLogEventEndIndex 3, expiredLogEventEndIndex 5 | 5 |
    | tooNewLogEventStartIndex 8 | 2 |
    """
    old = max(told.get("tooOldLogEventEndIndex", 0), told.get("expiredLogEventEndIndex", 0))
    return min(count, old + count - told.get("tooNewLogEventStartIndex", count))


@contextlib.contextmanager
def _that_exists() -> Generator[None]:
    try:
        yield
    except foreign.ClientError as error:
        if _code(error) != "ResourceAlreadyExistsException":
            raise


@contextlib.contextmanager
def _border(stream: CloudWatchStream) -> Generator[None]:
    where = f"log group {stream.log_group} in {stream.region}"
    try:
        yield
    except foreign.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = _code(error)
        if status >= 500 or status == 429 or code in _PASSING_CODES:
            raise DeliveryUnavailable(
                f"{where}: {error}; it is busy, nothing is to be done"
            ) from error
        raise DeliveryRefused(f"{where}: {error}; {_HINTS.get(code, _CHECK)}") from error
    except _PASSING as error:
        raise DeliveryUnavailable(
            f"{where}: {error}; let the pod reach logs.{stream.region}.amazonaws.com"
        ) from error
    except (foreign.BotoCoreError, RuntimeError) as error:  # "credentials are still expired"
        raise DeliveryRefused(f"{where}: {error}; {_IDENTITY}") from error


def _code(error: foreign.ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
