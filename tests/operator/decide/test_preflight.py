"""What is known of a run's locations, from the words of the runner and the kubelet."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from datasync_api.conditions import find_condition
from datasync_api.counters import Counters
from datasync_api.execution import Execution, ExecutionStatus, ResolvedLocation
from datasync_api.location import LocationStatus
from datasync_api.preflight import Preflight
from datasync_api.report import Progress
from datasync_operator.decide.execution import decide_execution
from datasync_operator.decide.ledger import Ledger
from datasync_operator.decide.location import LocationView, decide_location
from datasync_operator.decide.recipe import Recipe
from datasync_operator.decide.view import ExecutionView
from fakes.objects import (
    NOW,
    SETTINGS,
    agent,
    ago,
    bucket,
    execution,
    job,
    nfs,
    pod,
    resolved,
    result,
    task,
    warning,
)

NO_SECRET = warning(
    "FailedMount",
    'MountVolume.SetUp failed for volume "destination-credentials" : secret "keys" not found',
)


def running(preflight: dict[str, Any] | None = None) -> Execution:
    known = {"attempts": 1, "launchTime": ago(3).isoformat(), "resolved": resolved()}
    return execution(phase="Launching", status={**known, "preflight": preflight})


def step(run: Execution, *, now: datetime = NOW, **seen: Any) -> ExecutionStatus:
    view = ExecutionView(execution=run, recipe=Recipe(task(), nfs(), bucket(), agent()), **seen)
    plan = decide_execution(view, SETTINGS, now=now)
    assert isinstance(plan.status, ExecutionStatus)
    return plan.status


def short(found: Preflight | None) -> dict[str, tuple[str, float]]:
    """By end: the reason, and how many seconds ago the operator heard of it."""
    checks = [("source", found.source), ("destination", found.destination)] if found else []
    return {
        end: (check.reason, (NOW - check.time).total_seconds())
        for end, check in checks
        if check is not None
    }


def live(**reached: str) -> Progress:
    return Progress.model_validate(
        {
            "executionUid": "uid-run",
            "phase": "Preparing",
            "counters": Counters(),
            "totalsFinal": False,
            "reached": reached,
        }
    )


def test_a_run_remembers_which_state_of_its_locations_it_was_started_with() -> None:
    ends = [
        one.model_copy(update={"metadata": one.metadata.model_copy(update={"generation": number})})
        for number, one in ((4, nfs()), (5, bucket()))
    ]
    made, run = Recipe(task(), ends[0], ends[1], agent()), execution()
    by_name = {one.metadata.name: one for one in ends}
    ledger = Ledger([run], {"nightly": made.task}, by_name, {"site": agent()})
    view = ExecutionView(execution=run, recipe=made, ledger=ledger)
    status = decide_execution(view, SETTINGS, now=NOW).status
    assert isinstance(status, ExecutionStatus)
    assert status.resolved is not None
    assert [
        (end.name, end.uid, end.generation)
        for end in (status.resolved.source_location, status.resolved.destination_location)
        if end is not None
    ] == [("nas", "uid-nas", 4), ("bucket", "uid-bucket", 5)]


def test_what_a_live_runner_has_reached() -> None:
    pods = [pod(phase="Running")]
    some = step(running(), job=job(), pods=pods, progress=live(source=ago(2).isoformat()))
    assert short(some.preflight) == {"source": ("Reached", 0)}
    assert some.preflight is not None
    times = {"source": ago(2).isoformat(), "destination": ago(1).isoformat()}
    run = running(some.preflight.manifest())
    later = step(run, now=NOW + timedelta(seconds=9), job=job(), pods=pods, progress=live(**times))
    assert short(later.preflight) == {"source": ("Reached", 0), "destination": ("Reached", -9)}


@pytest.mark.parametrize("ahead_seconds", [3600, 0, -3600])
def test_the_clocks_of_nodes_do_not_say_which_run_was_the_later(ahead_seconds: float) -> None:
    nas, half_an_hour_ago = nfs(), ago(1800)
    told = live(source=(half_an_hour_ago + timedelta(seconds=ahead_seconds)).isoformat())
    let_in = step(
        running(), now=half_an_hour_ago, job=job(), pods=[pod(phase="Running")], progress=told
    )
    failed = warning("FailedMount", 'MountVolume.SetUp failed for volume "source" : refused')
    refused = step(running(), job=job(), pods=[pod()], events=[failed])
    ends = {"source_location": ResolvedLocation.of(nas.metadata)}
    for statuses, expected in (
        ((let_in,), "True"),
        ((let_in, refused), "False"),
        ((refused, let_in), "False"),
    ):
        runs: list[Execution] = []
        for status in statuses:
            assert status.resolved is not None
            known = status.model_copy(update={"resolved": status.resolved.model_copy(update=ends)})
            runs.append(execution().model_copy(update={"status": known}))
        seen = LocationView(location=nas, agents={"site"}, executions=runs)
        found = decide_location(seen, SETTINGS, now=NOW).status
        assert isinstance(found, LocationStatus)
        reachable = find_condition(found.conditions, "Reachable")
        assert reachable is not None
        assert reachable.status == expected


@pytest.mark.parametrize(
    ("reached", "error", "expected"),
    [
        (
            ("source", "destination"),
            None,
            {"source": ("Reached", 0), "destination": ("Reached", 0)},
        ),
        (
            ("source",),
            {"code": "CredentialsRefused", "location": "destination"},
            {"source": ("Reached", 0), "destination": ("CredentialsRefused", 0)},
        ),
        (
            (),
            {"code": "LocationUnreachable", "location": "source"},
            {"source": ("LocationUnreachable", 0)},
        ),
        ((), {"code": "ConfigurationInvalid"}, {}),
    ],
)
def test_what_a_runner_said_at_its_end(
    reached: tuple[str, ...], error: dict[str, str] | None, expected: dict[str, Any]
) -> None:
    told: dict[str, Any] = {"reached": {end: ago(2).isoformat() for end in reached}}
    if error is not None:
        told |= {"outcome": "Error", "error": {"detail": "why", **error}}
    ended = pod(phase="Failed", exit_code=30, message=result(**told))
    status = step(running(), job=job(failed=True), pods=[ended])
    assert short(status.preflight) == expected


def test_a_secret_that_is_not_there_is_told_once_and_until_the_runner_was_let_in() -> None:
    waiting: dict[str, Any] = {"job": job(), "pods": [pod()], "events": [NO_SECRET]}
    first = step(running(), **waiting)
    assert short(first.preflight) == {"destination": ("CredentialsMissing", 0)}
    assert first.preflight is not None
    assert first.preflight.destination is not None
    assert "create it" in first.preflight.destination.message
    run = execution(phase="Launching").model_copy(update={"status": first})
    view = ExecutionView(execution=run, recipe=Recipe(task(), nfs(), bucket(), agent()), **waiting)
    later = decide_execution(view, SETTINGS, now=NOW.replace(second=1)).status
    assert isinstance(later, ExecutionStatus)
    assert later.preflight == first.preflight
    view = replace(
        view, pods=[pod(phase="Running")], events=[], progress=live(destination=ago(9).isoformat())
    )
    let_in = decide_execution(view, SETTINGS, now=NOW).status
    assert isinstance(let_in, ExecutionStatus)
    assert short(let_in.preflight) == {"destination": ("Reached", 0)}


def test_a_run_that_ends_for_want_of_a_secret_tells_it_too() -> None:
    old = job(created=ago(100))
    status = step(running(), job=old, pods=[pod(created=ago(90))], events=[NO_SECRET])
    assert status.phase == "Error"
    assert short(status.preflight) == {"destination": ("CredentialsMissing", 0)}
