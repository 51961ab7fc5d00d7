"""Where a run's log goes beside the runner's own stdout: the spec, and the stream of one run."""

from typing import Annotated, Final, Literal

from pydantic import Field

from datasync_api.base import ApiModel, Rule
from datasync_api.text import Region, written_as

_WORDS: Final = "letters, digits, '.', '-', '_', '/' and '#'"
STREAM_MAX_LENGTH: Final = 512

RetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
]  # fmt: skip
"""What CloudWatch Logs takes (API reference, PutRetentionPolicy)."""


class CloudWatch(ApiModel):
    """A log group of Amazon CloudWatch Logs; each run has a log stream of its own in it."""

    rules = (
        Rule(
            cel="!has(self.retentionDays) || self.createLogGroup",
            message="a retention is given to a log group that a run makes: set createLogGroup: "
            "true, or remove retentionDays",
            field=".retentionDays",
            holds=lambda target: target.retention_days is None or target.create_log_group,
        ),
    )

    log_group: Annotated[
        str,
        Field(min_length=1, max_length=512),
        written_as("[A-Za-z0-9._/#-]+", f"is not a log group: use {_WORDS}, as in /aws/datasync"),
    ] = Field(default="/aws/datasync", description="The log group; AWS DataSync's own by default.")
    region: Region = Field(description="The region of the log group, for example eu-central-1.")
    stream_prefix: Annotated[
        str,
        Field(max_length=128),
        written_as("[A-Za-z0-9._/#-]*", f"is not a prefix of a log stream: use {_WORDS}"),
    ] = Field(default="", description="A run's stream is this, then TASK/EXECUTION.")
    create_log_group: bool = Field(
        default=False, description="Make the log group where there is none."
    )
    retention_days: RetentionDays | None = Field(
        default=None,
        description="How long a log group that a run makes keeps its lines; absent: for ever.",
    )


class Logging(ApiModel):
    """Who gets the lines of the log, as much of them as options.logLevel says."""

    cloud_watch: CloudWatch = Field(
        description="Amazon CloudWatch Logs, by the AWS identity of the runner's pod."
    )


class CloudWatchStream(ApiModel):
    """The log stream of one run."""

    log_group: str
    log_stream: str
    region: str
    create_log_group: bool = False
    retention_days: int | None = None


def stream_of(target: CloudWatch, *, task: str, execution: str, uid: str) -> CloudWatchStream:
    """The stream `<prefix><task>/<execution>`; all attempts of a run share it.

    Names of more than 512 characters, which no stream can have, give way to the execution's uid.
    """
    name = f"{target.stream_prefix}{task}/{execution}"
    return CloudWatchStream(
        log_group=target.log_group,
        log_stream=name if len(name) <= STREAM_MAX_LENGTH else f"{target.stream_prefix}{uid}",
        region=target.region,
        create_log_group=target.create_log_group,
        retention_days=target.retention_days,
    )
