"""Whole lives of checks over the fake cluster, with the operator dying at every single call."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datasync_operator.cluster.errors import Unavailable
from datasync_operator.cluster.port import (
    AGENTS,
    CLAIMS,
    EXECUTIONS,
    JOBS,
    LOCATIONS,
    NODES,
    PODS,
    TASKS,
    VOLUMES,
    Manifest,
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
NAS = ObjectKey(Kind.LOCATION, NAMESPACE, "nas")
RUN = ObjectKey(Kind.EXECUTION, NAMESPACE, "run")


class World:
    """An export, an agent, and an operator beside them."""

    def __init__(self, **agent: Any) -> None:
        self.cluster, self.time = FakeCluster(START), START
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.put(NODES, "node-1", {}, namespace=None)["status"] = ready
        self.put(AGENTS, "site", agent)["status"] = {"connection": "Online"}
        nfs = {"server": "nas.example.com", "path": "/export"}
        self.put(LOCATIONS, "nas", {"nfs": nfs, "agentRefs": [{"name": "site"}]})
        self.put(LOCATIONS, "bucket", {"s3": {"bucket": "mirror"}})
        refs = {"sourceLocationRef": {"name": "nas"}, "destinationLocationRef": {"name": "bucket"}}
        self.put(TASKS, "nightly", refs)
        self.restart()

    def put(
        self, resource: Any, name: str, spec: Any, *, namespace: str | None = NAMESPACE
    ) -> Manifest:
        return self.cluster.put(resource, namespace, {"metadata": {"name": name}, "spec": spec})

    def restart(self) -> None:
        """A new operator: nothing of the old one's memory is left."""
        observer = Observer(self.cluster, Exchange(b"key", 8447), clusterwide=True)
        self.reconcile = Reconciler(self.cluster, observer, SETTINGS, now=lambda: self.time)

    def ask(self, tag: str, name: str = "nas") -> None:
        """Set the tag, as a user does."""
        found = self.cluster.objects[LOCATIONS.plural, NAMESPACE, name]
        found["spec"]["check"] = tag
        found["metadata"]["generation"] += 1

    async def settle(self, key: ObjectKey = NAS, *, steps: int = 10) -> None:
        """Steps of an operator that is started again whenever it dies."""
        for _ in range(steps):
            self.time += timedelta(seconds=1)
            self.cluster.now = self.time
            try:
                await self.reconcile(key)
            except Unavailable:
                self.restart()

    async def answer(self) -> None:
        """From the tag to its answer and beyond."""
        await self.settle()
        start_pods(self.cluster)
        await self.settle()
        finish_pods(self.cluster, self.time.isoformat())
        await self.settle()

    def status(self, name: str = "nas") -> Manifest:
        return self.cluster.objects[LOCATIONS.plural, NAMESPACE, name]["status"]

    def reason(self, type_: str = "Reachable", name: str = "nas") -> str:
        found = self.status(name)["conditions"]
        return next((one["reason"] for one in found if one["type"] == type_), "")

    def left(self) -> list[str]:
        """What was made for a check and is there still."""
        return [
            f"{resource.plural}/{one['metadata']['name']}"
            for resource in (JOBS, PODS, CLAIMS, VOLUMES)
            for one in self.cluster.all(resource)
            if "datasync.dev/check-uid" in one["metadata"]["labels"]
        ]


@pytest.fixture
def world() -> Iterator[World]:
    yield World()


async def test_from_a_tag_to_its_answer_with_nothing_left_behind(world: World) -> None:
    world.ask("first")
    await world.answer()
    assert (world.status()["lastCheck"], world.reason()) == ("first", "Reached")
    assert "ongoingCheck" not in world.status()
    assert world.left() == []
    made = [name.partition("/")[0] for name in world.cluster.created]
    assert (made.count("jobs"), made.count("persistentvolumes")) == (1, 1)


async def test_an_operator_that_dies_at_any_call_neither_repeats_nor_forgets(world: World) -> None:
    world.ask("first")
    await world.answer()
    for call in range(1, world.cluster.calls + 1):
        other = World()
        other.ask("first")
        other.cluster.fail_at = call
        await other.answer()
        assert other.status()["lastCheck"] == "first", f"died at call {call}"
        assert other.reason() == "Reached", f"died at call {call}"
        assert sorted(other.cluster.created) == sorted(world.cluster.created), f"call {call}"
        assert other.left() == [], f"died at call {call}"


async def test_the_same_tag_asks_nobody_again_and_another_one_does(world: World) -> None:
    for tag, jobs in (("first", 1), ("first", 1), ("second", 2), ("", 2), ("first", 3)):
        world.ask(tag)
        await world.answer()
        made = [name for name in world.cluster.created if name.startswith("jobs/")]
        assert len(made) == len(set(made)) == jobs, tag
    assert world.status()["lastCheck"] == "first"


async def test_a_spec_that_is_changed_meanwhile_is_looked_at_as_it_is_now(world: World) -> None:
    world.ask("first")
    await world.settle()
    [before] = world.cluster.all(JOBS)
    found = world.cluster.objects[LOCATIONS.plural, NAMESPACE, "nas"]
    found["spec"]["nfs"]["server"] = "other.example.com"
    found["metadata"]["generation"] += 1
    await world.settle()
    [after] = world.cluster.all(JOBS)
    assert after["metadata"]["name"] != before["metadata"]["name"]
    [volume] = world.cluster.all(VOLUMES)
    assert volume["spec"]["nfs"]["server"] == "other.example.com"
    await world.answer()
    assert (world.status()["lastCheck"], world.left()) == ("first", [])


async def test_a_tag_that_is_taken_back_leaves_nothing(world: World) -> None:
    world.ask("first")
    await world.settle()
    assert world.left() != []
    world.ask("")
    await world.settle()
    assert world.left() == []
    assert "lastCheck" not in world.status()


async def test_a_check_and_a_run_never_share_the_last_slot() -> None:
    world = World(maxConcurrentExecutions=1)
    world.ask("first")
    world.put(EXECUTIONS, "run", {"taskRef": {"name": "nightly"}})
    await world.settle(steps=3)
    await world.settle(RUN, steps=3)
    run = world.cluster.objects[EXECUTIONS.plural, NAMESPACE, "run"]
    assert run["status"]["phase"] == "Queued"
    await world.answer()
    await world.settle(RUN, steps=3)
    assert run["status"]["phase"] == "Launching"
    world.ask("second")
    await world.settle(steps=3)
    assert (world.reason(), world.left()) == ("WaitingForSlot", [])


async def test_two_checks_at_once_never_share_the_last_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(maxConcurrentExecutions=1)
    for name in ("nas", "bucket"):
        world.ask("first", name)
    quick = FakeCluster.list

    async def slow(self: FakeCluster, *given: Any, **more: Any) -> Any:
        await asyncio.sleep(0)  # lets the other look at the same moment
        return await quick(self, *given, **more)

    monkeypatch.setattr(FakeCluster, "list", slow)
    keys = [ObjectKey(Kind.LOCATION, NAMESPACE, name) for name in ("nas", "bucket")]
    await asyncio.gather(*map(world.reconcile, keys))
    checks = [world.status(name)["ongoingCheck"] for name in ("nas", "bucket")]
    assert ["launchTime" in check for check in checks] == [True, False]


async def test_without_an_agent_online_the_answer_is_that_within_the_deadline(world: World) -> None:
    site = world.cluster.objects[AGENTS.plural, NAMESPACE, "site"]
    site["status"]["connection"] = "Offline"
    world.ask("first")
    await world.settle()
    assert world.reason() == "WaitingForAgent"
    assert "lastCheck" not in world.status()
    await world.settle(steps=SETTINGS.launch_deadline_seconds)
    assert (world.status()["lastCheck"], world.reason()) == ("first", "WaitingForAgent")
    assert not world.cluster.all(JOBS)


async def test_a_bucket_is_looked_at_from_the_agent_of_its_tasks_runs(world: World) -> None:
    bucket = ObjectKey(Kind.LOCATION, NAMESPACE, "bucket")
    world.ask("first", "bucket")
    await world.settle(bucket)
    assert world.status("bucket")["ongoingCheck"]["agent"] == "site"


@pytest.mark.parametrize("gone", [False, True], ids=["it goes on", "its location is gone"])
async def test_the_sweep_takes_the_volume_of_a_check_only_when_that_is_gone(
    world: World, gone: bool
) -> None:
    world.ask("first")
    await world.settle()
    if gone:
        await world.cluster.delete(LOCATIONS, NAMESPACE, "nas")
    swept = await sweep_volumes(world.cluster)
    assert len(swept) == (1 if gone else 0)
