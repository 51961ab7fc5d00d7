"""Whole lives of executions over the fake cluster, with the operator dying at every single call."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from datasync_api.plan import TransferPlan
from datasync_operator.cluster.errors import Unavailable
from datasync_operator.cluster.port import (
    AGENTS,
    CLAIMS,
    CONFIG_MAPS,
    CSI_DRIVERS,
    EVENTS,
    EXECUTIONS,
    JOBS,
    LOCATIONS,
    NODES,
    PODS,
    SECRETS,
    TASKS,
    VOLUMES,
    Manifest,
    ResourceType,
)
from datasync_operator.exchange import Exchange
from datasync_operator.keys import Kind, ObjectKey
from datasync_operator.observe import Observer
from datasync_operator.reconcile import Reconciler
from datasync_operator.sweep import sweep_volumes
from fakes.cluster import FakeCluster
from fakes.kubelet import finish_pods, start_pods
from fakes.objects import NAMESPACE, SETTINGS

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ZoneInfo("UTC")  # read once and kept: a zone's first use is one small read, not a blocking call
RUN = ObjectKey(Kind.EXECUTION, NAMESPACE, "run")
TASK = ObjectKey(Kind.TASK, NAMESPACE, "nightly")
SITE = ObjectKey(Kind.AGENT, NAMESPACE, "site")
SHARE = ObjectKey(Kind.LOCATION, NAMESPACE, "efs")
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


class SilentExchange(Exchange):
    """No runner answers: these lives are told by Jobs and pods alone.  What it was told is kept."""

    def __init__(self) -> None:
        super().__init__(b"key", 8447)
        self.rates: list[int | None] = []

    async def ask(self, pod_ip: str, execution_uid: str, *, bytes_per_second: int | None) -> None:
        self.rates.append(bytes_per_second)


class World:
    """The fake cluster with everything that a user applied, and an operator beside it."""

    def __init__(self, **task_spec: Any) -> None:
        self.cluster = FakeCluster(START)
        self.time = START
        nfs = {"server": "nas.example.com", "path": "/export"}
        s3 = {"endpoint": "https://s3.example.com", "bucket": "mirror"}
        refs = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "bucket"}}
        self.put(NODES, "node-1", {}, namespace=None, status=READY)
        self.put(AGENTS, "site", {}, status={"connection": "Online"})
        self.put(LOCATIONS, "nas", {"nfs": nfs, "agentRefs": [{"name": "site"}]})
        self.put(LOCATIONS, "bucket", {"objectStorage": s3})
        self.put(TASKS, "nightly", {**refs, **task_spec})
        self.restart()

    def put(
        self,
        resource: ResourceType,
        name: str,
        spec: dict[str, Any],
        *,
        namespace: str | None = NAMESPACE,
        status: dict[str, Any] | None = None,
    ) -> Manifest:
        body = {"metadata": {"name": name}, "spec": spec, **({"status": status} if status else {})}
        return self.cluster.put(resource, namespace, body)

    def run(self, name: str = "run") -> None:
        self.put(EXECUTIONS, name, {"taskRef": {"name": "nightly"}})

    def restart(self) -> None:
        """A new operator: nothing of the old one's memory is left."""
        self.exchange = SilentExchange()
        observer = Observer(self.cluster, self.exchange, clusterwide=True)
        self.reconcile = Reconciler(self.cluster, observer, SETTINGS, now=lambda: self.time)

    async def step(self, key: ObjectKey = RUN) -> float | None:
        self.time += timedelta(seconds=1)
        self.cluster.now = self.time
        return await self.reconcile(key)

    async def settle(self, key: ObjectKey = RUN, *, steps: int = 10) -> None:
        for _ in range(steps):
            await self.step(key)

    def execution(self, name: str = "run") -> Manifest:
        return self.cluster.objects[EXECUTIONS.plural, NAMESPACE, name]

    def status(self, resource: ResourceType, name: str) -> Manifest:
        return self.cluster.objects[resource.plural, NAMESPACE, name]["status"]

    def conditions(self, resource: ResourceType, name: str) -> dict[str, str]:
        """The reasons, by type."""
        return {one["type"]: one["reason"] for one in self.status(resource, name)["conditions"]}

    def phase(self, name: str = "run") -> str:
        return self.execution(name)["status"]["phase"]

    def finish(self, exit_code: int = 0, hold: dict[str, Any] | None = None) -> None:
        finish_pods(self.cluster, self.time.isoformat(), exit_code=exit_code, hold=hold)


async def live(world: World) -> None:
    """From asked for to the end."""
    await world.settle()
    start_pods(world.cluster)
    await world.settle()
    world.finish()
    await world.settle()


async def stubborn(world: World, *, steps: int = 10) -> None:
    """Steps of an operator that is started again whenever it dies."""
    for _ in range(steps):
        try:
            await world.step()
        except Unavailable:
            world.restart()


async def test_from_asked_for_to_success_with_nothing_left_behind() -> None:
    world = World()
    world.run()
    await live(world)
    assert world.phase() == "Success"
    assert world.execution()["status"]["counters"]["filesTransferred"] == 5
    assert not world.execution()["metadata"].get("finalizers")
    assert not world.cluster.all(VOLUMES)
    assert not world.cluster.all(CLAIMS)
    assert not world.cluster.all(JOBS)  # its pod, though it has ended, would hold the claim


async def test_an_operator_that_dies_at_any_call_changes_nothing_about_the_outcome() -> None:
    calm = World()
    calm.run()
    await live(calm)
    for call in range(1, calm.cluster.calls + 1):
        world = World()
        world.run()
        world.cluster.fail_at = call
        await stubborn(world)
        start_pods(world.cluster)
        await stubborn(world)
        world.finish()
        await stubborn(world)
        assert world.phase() == "Success", f"died at call {call}"
        assert sorted(world.cluster.created) == sorted(calm.cluster.created), f"call {call}"
        assert not world.cluster.all(VOLUMES)
        assert not world.execution()["metadata"].get("finalizers")


TOKEN = "9-0123456789"
HOLD = {"token": TOKEN, "reason": "TooManyDeletions", "deletions": 9, "limit": 5}


async def live_until_held(world: World) -> None:
    """From asked for to where a guard holds it."""
    await stubborn(world, steps=6)
    start_pods(world.cluster)
    await stubborn(world, steps=6)
    world.finish(12, HOLD)
    await stubborn(world, steps=6)


async def live_on(world: World) -> None:
    """From the acknowledgement to the end."""
    world.execution()["spec"]["acknowledge"] = TOKEN
    await stubborn(world, steps=6)
    start_pods(world.cluster)
    await stubborn(world, steps=6)
    world.finish()
    await stubborn(world, steps=6)


def plans(world: World) -> list[TransferPlan]:
    stored = world.cluster.all(CONFIG_MAPS)
    return [TransferPlan.model_validate_json(one["data"]["plan.json"]) for one in stored]


async def test_a_held_run_waits_and_goes_on_by_its_token_as_a_new_attempt() -> None:
    world = World()
    world.run()
    await live_until_held(world)
    assert world.phase() == "Held"
    assert world.execution()["status"]["hold"] == HOLD
    assert len(world.cluster.all(VOLUMES)) == 1, "its volume waits with it"
    await live_on(world)
    assert world.phase() == "Success"
    status = world.execution()["status"]
    assert (status["attempts"], status["acknowledged"]) == (2, TOKEN)
    assert "hold" not in status
    assert [plan.acknowledge for plan in plans(world)] == ["", TOKEN]
    assert not world.cluster.all(JOBS)
    assert not world.cluster.all(VOLUMES)
    assert not world.execution()["metadata"].get("finalizers")


@pytest.mark.timeout(60)
async def test_an_operator_that_dies_at_any_call_loses_no_hold() -> None:
    calm = World()
    calm.run()
    await live_until_held(calm)
    calls = calm.cluster.calls
    await live_on(calm)
    for call in range(calls + 1, calm.cluster.calls + 1):
        world = World()
        world.run()
        world.cluster.fail_at = call
        await live_until_held(world)
        assert world.phase() == "Held"
        await live_on(world)
        assert world.phase() == "Success", f"died at call {call}"
        assert sorted(world.cluster.created) == sorted(calm.cluster.created), f"call {call}"
        assert not world.cluster.all(VOLUMES)


async def test_a_held_run_makes_room_for_the_next_and_ends_when_that_has_judged() -> None:
    world = World(options={"taskQueueing": "Disabled"})
    world.run()
    await live_until_held(world)
    world.run("next")
    following = ObjectKey(Kind.EXECUTION, NAMESPACE, "next")
    await world.settle(following)
    start_pods(world.cluster)
    await world.settle(following)
    await world.settle()
    assert (world.phase(), world.phase("next")) == ("Held", "Launching")
    world.finish(12, HOLD)
    await world.settle(following)
    await world.settle()
    assert (world.phase(), world.phase("next")) == ("Error", "Held")
    assert world.execution()["status"]["result"]["errorCode"] == "TooManyDeletions"


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
async def test_a_held_run_that_nobody_wants_leaves_nothing(how: str) -> None:
    world = World()
    world.run()
    await live_until_held(world)
    if how == "cancelled":
        world.execution()["spec"]["cancel"] = True
    else:
        await world.cluster.delete(EXECUTIONS, NAMESPACE, "run")
    await world.settle()
    assert not world.cluster.all(VOLUMES)
    assert not world.cluster.all(CLAIMS)
    if how == "cancelled":
        assert world.phase() == "Cancelled"


async def test_a_deleted_job_is_made_anew_and_limited() -> None:
    world = World(retry={"limit": 1})
    world.run()
    await world.settle()
    for attempt in (1, 2):
        [job] = world.cluster.all(JOBS)
        assert job["metadata"]["name"].endswith(f"-{attempt}")
        await world.cluster.delete(JOBS, NAMESPACE, job["metadata"]["name"])
        await world.settle()
    assert world.phase() == "Error"
    assert world.execution()["status"]["result"]["errorCode"] == "RetriesExhausted"


async def test_deleting_a_running_execution_stops_its_job_and_takes_its_volumes() -> None:
    world = World()
    world.run()
    await world.settle()
    start_pods(world.cluster)
    await world.settle()
    await world.cluster.delete(EXECUTIONS, NAMESPACE, "run")
    await world.settle()
    kept = {key[0] for key in world.cluster.objects}
    assert kept == {"nodes", "datasyncagents", "datasynclocations", "datasynctasks"}


async def test_cancelling_a_running_execution() -> None:
    world = World()
    world.run()
    await world.settle()
    start_pods(world.cluster)
    await world.settle()
    world.execution()["spec"]["cancel"] = True
    await world.settle()
    assert world.phase() == "Cancelled"
    assert not world.cluster.all(JOBS)
    assert not world.cluster.all(VOLUMES)


async def test_a_running_execution_is_told_its_rate_and_every_change_of_it_at_once() -> None:
    world = World(options={"bytesPerSecond": 3000})
    world.run()
    await world.settle()
    start_pods(world.cluster)
    await world.step()
    spec = world.execution()["spec"]
    spec["bytesPerSecond"] = 1000
    await world.step()
    spec["bytesPerSecond"] = -1
    await world.step()
    task = world.cluster.objects[TASKS.plural, NAMESPACE, "nightly"]
    task["spec"]["options"]["bytesPerSecond"] = 9999  # not for a run that has started
    del spec["bytesPerSecond"]
    await world.step()
    assert world.exchange.rates == [3000, 1000, -1, 3000]


async def test_a_rate_of_the_execution_is_in_force_from_the_first_byte() -> None:
    world = World(options={"bytesPerSecond": 3000})
    refs = {"taskRef": {"name": "nightly"}}
    world.put(EXECUTIONS, "run", {**refs, "bytesPerSecond": 1000})
    await world.settle()
    [stored] = world.cluster.all(CONFIG_MAPS)
    plan = TransferPlan.model_validate_json(stored["data"]["plan.json"])
    assert plan.options.bytes_per_second == 1000
    assert world.execution()["status"]["resolved"]["bytesPerSecond"] == 3000


async def test_the_overrides_of_a_run_and_its_report_are_frozen_into_its_plan() -> None:
    world = World(options={"bytesPerSecond": 3000}, includes=[{"value": "/a"}])
    told = {"s3": {"bucket": "told", "prefix": "reports"}}
    world.put(
        EXECUTIONS,
        "run",
        {
            "taskRef": {"name": "nightly"},
            "overrides": {"options": {"logLevel": "Off"}, "includes": [], "report": told},
        },
    )
    await world.settle()
    [stored] = world.cluster.all(CONFIG_MAPS)
    plan = TransferPlan.model_validate_json(stored["data"]["plan.json"])
    assert (plan.options.log_level, plan.options.bytes_per_second) == ("Off", 3000)
    assert plan.includes == ()
    assert plan.report is not None
    assert plan.report.destination.uri == "s3://told/reports/"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"report": {"locationRef": {"name": "bucket"}}}, "name a location outside of both"),
        ({"report": {"locationRef": {"name": "missing"}}}, "no DataSyncLocation missing"),
    ],
)
async def test_overrides_that_do_not_fit_the_task_are_told(overrides: Any, words: str) -> None:
    world = World()
    world.put(EXECUTIONS, "run", {"taskRef": {"name": "nightly"}, "overrides": overrides})
    await world.settle()
    [ready] = [c for c in world.execution()["status"]["conditions"] if c["type"] == "Ready"]
    assert words in ready["message"]
    assert world.phase() == ("Error" if "outside" in words else "Queued")
    assert not world.cluster.all(JOBS)


async def test_the_second_run_of_a_task_waits_for_the_first() -> None:
    world = World()
    world.run("first")
    world.run("second")
    first, second = (ObjectKey(Kind.EXECUTION, NAMESPACE, name) for name in ("first", "second"))
    await world.settle(first)
    await world.settle(second)
    assert (world.phase("first"), world.phase("second")) == ("Launching", "Queued")
    start_pods(world.cluster)
    world.finish()
    await world.settle(first)
    await world.settle(second)
    assert (world.phase("first"), world.phase("second")) == ("Success", "Launching")


async def test_a_run_waits_for_the_task_that_comes_before_it() -> None:
    world = World(runAfter=["export"])
    refs = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "bucket"}}
    world.put(TASKS, "export", refs)
    world.run()
    await world.settle()
    assert world.phase() == "Queued"
    assert world.conditions(EXECUTIONS, "run")["Ready"] == "WaitingForTask"
    world.put(EXECUTIONS, "first", {"taskRef": {"name": "export"}})
    first = ObjectKey(Kind.EXECUTION, NAMESPACE, "first")
    await world.settle(first)
    start_pods(world.cluster)
    world.finish()
    await world.settle(first)
    await world.settle(ObjectKey(Kind.TASK, NAMESPACE, "export"), steps=1)
    await world.settle()
    assert (world.phase("first"), world.phase()) == ("Success", "Launching")


async def test_a_window_slows_a_run_the_next_one_pauses_it_and_then_it_goes_on() -> None:
    windows = [
        {"from": "12:00", "to": "12:01", "bytesPerSecond": 1000},
        {"from": "12:01", "to": "12:02", "pause": True},
    ]
    world = World(schedule={"expression": "rate(1 day)", "windows": windows})
    world.run()
    await world.settle()
    start_pods(world.cluster)
    await world.settle(steps=5)
    assert world.exchange.rates[-1] == 1000
    [plan] = [m for m in world.cluster.all(CONFIG_MAPS) if "plan.json" in m.get("data", {})]
    told = TransferPlan.model_validate_json(plan["data"]["plan.json"])
    assert told.options.bytes_per_second == 1000
    await world.settle(steps=60)
    assert world.phase() == "Queued"
    assert world.conditions(EXECUTIONS, "run")["Ready"] == "Paused"
    assert not world.cluster.all(JOBS)
    await world.settle(steps=60)
    assert world.phase() == "Launching"
    start_pods(world.cluster)
    world.finish()
    await world.settle()
    assert world.phase() == "Success"
    assert world.execution()["status"]["attempts"] == 2


async def test_runs_on_one_agent_share_its_ceiling() -> None:
    world = World()
    refs = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "bucket"}}
    world.cluster.objects[AGENTS.plural, NAMESPACE, "site"]["spec"] = {"bytesPerSecond": 9000}
    world.put(TASKS, "other", {**refs, "options": {"bytesPerSecond": 1000}})
    world.run()
    await world.settle()
    start_pods(world.cluster)
    await world.settle()
    assert world.exchange.rates[-1] == 9000
    world.put(EXECUTIONS, "second", {"taskRef": {"name": "other"}})
    second = ObjectKey(Kind.EXECUTION, NAMESPACE, "second")
    await world.settle(second)
    start_pods(world.cluster)
    await world.settle()
    assert world.exchange.rates[-1] == 4500
    await world.settle(second)
    assert world.exchange.rates[-1] == 1000
    plans = [json.loads(m["data"]["plan.json"]) for m in world.cluster.all(CONFIG_MAPS)]
    assert [plan["options"]["bytesPerSecond"] for plan in plans] == [9000, 1000]


async def test_tasks_that_wait_for_each_other_are_refused() -> None:
    world = World(runAfter=["other"])
    refs = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "bucket"}}
    world.put(TASKS, "other", {**refs, "runAfter": ["nightly"]})
    world.run()
    await world.settle(TASK, steps=1)
    await world.settle()
    assert world.conditions(TASKS, "nightly")["Ready"] == "InvalidSpec"
    assert world.phase() == "Error"
    assert "(nightly, other, nightly)" in world.execution()["status"]["result"]["errorDetail"]


async def test_a_schedule_and_a_trigger_start_one_run_each() -> None:
    world = World(trigger="go", schedule={"expression": "rate(1 minute)"})
    await world.settle(TASK, steps=59)
    assert len(world.cluster.all(EXECUTIONS)) == 1, "the trigger's"
    await world.settle(TASK, steps=3)
    runs = [run["metadata"]["name"] for run in world.cluster.all(EXECUTIONS)]
    assert len(runs) == 2
    assert "nightly-202611231201" in runs


async def test_a_status_that_says_nothing_new_is_not_written() -> None:
    world = World()
    await world.settle(TASK, steps=2)
    version = world.cluster.objects[TASKS.plural, NAMESPACE, "nightly"]["metadata"][
        "resourceVersion"
    ]
    await world.settle(TASK, steps=5)
    again = world.cluster.objects[TASKS.plural, NAMESPACE, "nightly"]["metadata"]["resourceVersion"]
    assert again == version


async def test_an_agent_goes_offline_with_its_nodes() -> None:
    world = World()
    await world.step(SITE)
    assert (
        world.cluster.objects[AGENTS.plural, NAMESPACE, "site"]["status"]["connection"] == "Online"
    )
    await world.cluster.delete(NODES, None, "node-1")
    await world.step(SITE)
    agent = world.cluster.objects[AGENTS.plural, NAMESPACE, "site"]
    assert agent["status"]["connection"] == "Offline"


async def test_a_run_waits_for_its_driver_before_anything_is_made_and_then_goes() -> None:
    world = World()
    world.put(LOCATIONS, "efs", {"efs": {"fileSystemId": "fs-0123456789abcdef0"}})
    refs = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "efs"}}
    world.put(TASKS, "to-efs", refs)
    world.put(EXECUTIONS, "run", {"taskRef": {"name": "to-efs"}})
    await world.settle()
    await world.step(SHARE)
    assert world.phase() == "Queued"
    assert world.conditions(EXECUTIONS, "run")["Ready"] == "DriverNotInstalled"
    assert world.conditions(LOCATIONS, "efs")["DriverInstalled"] == "DriverNotInstalled"
    assert not any(world.cluster.all(kind) for kind in (VOLUMES, CLAIMS, CONFIG_MAPS, JOBS))
    world.put(CSI_DRIVERS, "efs.csi.aws.com", {}, namespace=None)
    await live(world)
    await world.step(SHARE)
    assert world.phase() == "Success"
    assert world.conditions(LOCATIONS, "efs")["DriverInstalled"] == "DriverInstalled"
    made = [name for name in world.cluster.created if name.startswith("persistentvolumes/")]
    assert [name.rsplit("-", 1)[1] for name in made] == ["source", "destination"]
    assert not world.cluster.all(VOLUMES)


async def test_a_namespaced_installation_asks_for_no_driver() -> None:
    world = World()
    world.put(LOCATIONS, "efs", {"efs": {"fileSystemId": "fs-0123456789abcdef0"}})
    observer = Observer(world.cluster, world.exchange, clusterwide=False)
    seen = await observer.location(SHARE)
    assert seen.missing_drivers is None


async def test_a_location_tells_which_tasks_refer_to_it() -> None:
    world = World()
    world.put(LOCATIONS, "idle", {"s3": {"bucket": "idle"}})
    for name in ("nas", "bucket", "idle"):
        await world.step(ObjectKey(Kind.LOCATION, NAMESPACE, name))
    used = {name: world.status(LOCATIONS, name)["usedBy"] for name in ("nas", "bucket", "idle")}
    assert used == {"nas": ["nightly"], "bucket": ["nightly"], "idle": []}


async def test_locations_tell_what_a_run_found_out_about_them() -> None:
    world = World()
    ends = [ObjectKey(Kind.LOCATION, NAMESPACE, name) for name in ("nas", "bucket")]
    world.run()
    await world.settle()
    start_pods(world.cluster)
    [pod] = world.cluster.all(PODS)
    started, pod["status"] = pod["status"], {"phase": "Pending"}
    world.cluster.put(
        EVENTS,
        NAMESPACE,
        {
            "metadata": {"name": "no-secret"},
            "involvedObject": {"uid": pod["metadata"]["uid"]},
            "type": "Warning",
            "reason": "FailedMount",
            "message": 'failed for volume "destination-credentials" : secret "keys" not found',
        },
    )
    await world.settle()
    for end in ends:
        await world.step(end)
    assert world.conditions(LOCATIONS, "nas") == {"Ready": "Valid"}
    missing = "CredentialsMissing"
    expected = {"CredentialsAvailable": missing, "Reachable": missing, "Ready": missing}
    assert world.conditions(LOCATIONS, "bucket") == expected
    pod["status"] = started
    world.finish()
    await world.settle()
    for end in ends:
        await world.step(end)
    assert world.phase() == "Success"
    assert world.conditions(LOCATIONS, "nas") == {"Reachable": "Reached", "Ready": "Valid"}
    let_in = {"CredentialsAvailable": "Reached", "Reachable": "Reached", "Ready": "Valid"}
    assert world.conditions(LOCATIONS, "bucket") == let_in
    checked = world.status(LOCATIONS, "bucket")["lastCheckTime"]
    world.cluster.objects.pop((EXECUTIONS.plural, NAMESPACE, "run"))
    await world.step(ends[1])
    assert world.conditions(LOCATIONS, "bucket") == let_in
    assert world.status(LOCATIONS, "bucket")["lastCheckTime"] == checked


LISTED = {"s3": {"locationRef": {"name": "lists"}, "key": "today.csv", "versionId": "v7"}}


async def test_a_manifest_in_another_bucket_is_in_the_plan_and_its_location_in_use() -> None:
    world = World(manifest=LISTED)
    s3 = {"endpoint": "https://s3.example.com", "bucket": "lists", "prefix": "daily"}
    world.put(LOCATIONS, "lists", {"objectStorage": s3})
    world.run()
    await world.settle()
    [stored] = world.cluster.all(CONFIG_MAPS)
    place = TransferPlan.model_validate_json(stored["data"]["plan.json"]).manifest_place
    assert place is not None
    assert place.side is not None
    told = (place.side.bucket, place.side.prefix, place.path, place.version_id)
    assert told == ("lists", "daily/", "today.csv", "v7")
    await world.step(ObjectKey(Kind.LOCATION, NAMESPACE, "lists"))
    assert world.status(LOCATIONS, "lists")["usedBy"] == ["nightly"]


@pytest.mark.parametrize(
    ("spec", "phase", "words"),
    [
        (None, "Queued", "no DataSyncLocation lists in this namespace"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "Error", "name a location of the kind s3"),
    ],
    ids=["no location", "a location without objects"],
)
async def test_a_manifest_whose_location_does_not_do_starts_nothing(
    spec: Any, phase: str, words: str
) -> None:
    world = World(manifest=LISTED)
    if spec is not None:
        world.put(LOCATIONS, "lists", spec)
    world.run()
    await world.settle()
    [ready] = [c for c in world.execution()["status"]["conditions"] if c["type"] == "Ready"]
    assert (world.phase(), words in ready["message"]) == (phase, True)
    assert not world.cluster.all(JOBS)


async def test_no_secret_is_ever_read() -> None:
    """The fake would answer; the operator must not ask."""

    class Watched(FakeCluster):
        async def get(self, resource: ResourceType, namespace: str | None, name: str) -> Manifest:
            assert resource != SECRETS
            return await super().get(resource, namespace, name)

        async def list(self, resource: ResourceType, *args: Any, **more: Any) -> Any:
            assert resource != SECRETS
            return await super().list(resource, *args, **more)

    world = World()
    watched = Watched(START)
    watched.objects = world.cluster.objects
    world.cluster = watched
    world.restart()
    world.run()
    await live(world)
    assert world.phase() == "Success"


@pytest.mark.parametrize("stripped", [False, True], ids=["its run lives", "its run is gone"])
async def test_the_sweep_takes_orphaned_volumes_only(stripped: bool) -> None:
    world = World()
    world.run()
    await world.settle()
    if stripped:
        world.execution()["metadata"]["finalizers"] = []
        await world.cluster.delete(EXECUTIONS, NAMESPACE, "run")
    swept = await sweep_volumes(world.cluster)
    assert len(swept) == (1 if stripped else 0)
    assert len(world.cluster.all(VOLUMES)) == (0 if stripped else 1)
