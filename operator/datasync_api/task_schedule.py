"""When a task starts by itself: the fields; what an expression means is `schedule`'s to say."""

from typing import Annotated, Literal

from pydantic import Field

from datasync_api.base import ApiModel, ListOf
from datasync_api.schedule_grammar import EXPRESSION_GRAMMAR
from datasync_api.text import written_as
from datasync_api.windows import Window


class Schedule(ApiModel):
    """When the task starts by itself."""

    expression: Annotated[
        str,
        Field(min_length=1, max_length=256),
        written_as(
            EXPRESSION_GRAMMAR,
            "is not a schedule: write cron(0 3 * * ? *), rate(15 minutes) or a five-field cron "
            "such as 0 3 * * 1-5",
        ),
    ] = Field(description="EventBridge cron(…), rate(…), or a plain five-field cron expression.")
    time_zone: Annotated[
        str,
        Field(min_length=1, max_length=64),
        written_as(
            "[A-Za-z][A-Za-z0-9_+/-]*",
            "is not a time zone: use an IANA name such as Europe/Berlin",
        ),
    ] = Field(default="UTC", description="IANA time zone, for example Europe/Berlin.")
    status: Literal["Enabled", "Disabled"] = Field(
        default="Enabled", description="Disabled: no runs by schedule."
    )
    jitter_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=0,
        description="Start up to this many seconds later, always the same for one task.",
    )
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=604_800)] = Field(
        default=3600, description="A slot missed by more than this is not caught up."
    )
    windows: Annotated[list[Window], ListOf(), Field(max_length=32)] = Field(
        default_factory=list[Window],
        description="Parts of the week with another rate, or without transfers. They hold for "
        "every run of the task, whoever started it; the first one that fits counts.",
    )

    def problem(self) -> str | None:
        """What is wrong beyond the grammar (a 13th month, an unknown zone), or None."""
        from datasync_api import schedule  # loads a calendar; few readers of a task need one

        try:
            schedule.parse_schedule(self.expression, self.time_zone)
        except schedule.ScheduleError as error:
            return str(error)
        return None
