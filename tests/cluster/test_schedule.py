"""A schedule starts a run by itself; the session's first minute has passed meanwhile."""

import re

import pytest

from cluster.transfers import Transfers

STARTED_BY = "datasync.dev/started-by"


@pytest.mark.timeout(120)
def test_every_minute_starts_one_run(every_minute: Transfers) -> None:
    transfers = every_minute

    def succeeded() -> list[str]:
        runs = transfers.space.list("dse", selector=f"{STARTED_BY}=schedule")
        phases = [run.get("status", {}).get("phase") for run in runs]
        return [run["metadata"]["name"] for run in runs] if "Success" in phases else []

    names = transfers.space.wait("a scheduled run to succeed", succeeded, deadline_seconds=100)

    # One for a minute, named after it.
    assert all(re.fullmatch(r"minutely-\d{12}", name) for name in names)
    status = (transfers.space.get("dst", "minutely") or {})["status"]
    assert status["nextScheduleTime"] > status["lastScheduleTime"]
    assert "lastSuccessfulTime" in status
    assert transfers.diff() == ""
