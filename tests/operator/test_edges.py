"""The operator's edges: settings, the installation's key, what wakes which key, log lines."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from datasync_operator.cluster.port import CSI_DRIVERS, EXECUTIONS, SECRETS, VOLUMES
from datasync_operator.exchange_key import installation_key
from datasync_operator.keys import Kind, ObjectKey
from datasync_operator.logs import JsonFormatter
from datasync_operator.settings import Settings, SettingsError
from datasync_operator.watch import key_of_owned, keys_of
from fakes.cluster import FakeCluster
from fakes.objects import NOW, task


class TestSettings:
    def test_the_image_is_needed(self) -> None:
        with pytest.raises(SettingsError, match="DATASYNC_RUNNER_IMAGE"):
            Settings.from_environment({})

    def test_everything_can_be_set(self) -> None:
        settings = Settings.from_environment(
            {
                "DATASYNC_NAMESPACE": "system",
                "DATASYNC_RUNNER_IMAGE": "runner:2",
                "DATASYNC_RUNNER_IMAGE_PULL_POLICY": "Never",
                "DATASYNC_LAUNCH_DEADLINE_SECONDS": "1",
                "DATASYNC_STALL_DEADLINE_SECONDS": "2",
                "DATASYNC_EXCHANGE_INTERVAL_SECONDS": "3",
                "DATASYNC_EXCHANGE_PORT": "4",
                "DATASYNC_EXCHANGE_KEY_SECRET": "key",
                "DATASYNC_EXCHANGE_KEY_FILE": "/key",
                "DATASYNC_WATCH_NAMESPACES": "a, b",
                "DATASYNC_LIVENESS_PORT": "5",
                "DATASYNC_LOG_LEVEL": "debug",
                "KUBERNETES_SERVICE_HOST": "10.96.0.1",
                "KUBERNETES_SERVICE_PORT": "443",
            }
        )
        assert settings == Settings(
            namespace="system",
            runner_image="runner:2",
            runner_image_pull_policy="Never",
            launch_deadline_seconds=1,
            stall_deadline_seconds=2,
            exchange_interval_seconds=3,
            exchange_port=4,
            exchange_key_secret="key",
            exchange_key_file=Path("/key"),
            watch_namespaces=("a", "b"),
            api_server="https://10.96.0.1:443",
            liveness_port=5,
            log_level="DEBUG",
        )
        assert not settings.clusterwide

    def test_what_is_no_number_is_named(self) -> None:
        with pytest.raises(SettingsError, match="DATASYNC_EXCHANGE_PORT"):
            Settings.from_environment(
                {"DATASYNC_RUNNER_IMAGE": "x", "DATASYNC_EXCHANGE_PORT": "many"}
            )

    def test_an_ipv6_api_server(self) -> None:
        environment = {"DATASYNC_RUNNER_IMAGE": "x", "KUBERNETES_SERVICE_HOST": "fd00::1"}
        assert Settings.from_environment(environment).api_server == "https://[fd00::1]:443"


class TestInstallationKey:
    def settings(self, file: Path) -> Settings:
        return Settings(namespace="system", runner_image="x", exchange_key_file=file)

    async def test_the_first_start_makes_and_stores_one(self, tmp_path: Path) -> None:
        cluster = FakeCluster(NOW)
        key = await installation_key(cluster, self.settings(tmp_path / "key"))
        assert len(key) == 32
        assert cluster.created == ["secrets/datasync-exchange-key"]

    async def test_later_starts_find_it_mounted(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"mounted")
        cluster = FakeCluster(NOW)
        assert await installation_key(cluster, self.settings(tmp_path / "key")) == b"mounted"
        assert cluster.created == []

    @pytest.mark.looptime
    async def test_one_that_exists_and_is_not_mounted_yet_is_waited_for(
        self, tmp_path: Path
    ) -> None:
        cluster = FakeCluster(NOW)
        file = tmp_path / "key"
        await installation_key(cluster, self.settings(file))
        waiting = asyncio.create_task(installation_key(cluster, self.settings(file)))
        await asyncio.sleep(5)
        assert not waiting.done()
        await asyncio.to_thread(file.write_bytes, b"mounted")
        assert await waiting == b"mounted"
        assert len(cluster.all(SECRETS)) == 1


class TestWaking:
    @pytest.mark.parametrize("kind", [Kind.AGENT, Kind.LOCATION, Kind.TASK])
    def test_a_definition_wakes_itself(self, kind: Kind) -> None:
        body = {"metadata": {"namespace": "ns", "name": "x"}, "spec": {}}
        assert keys_of(kind, body) == [ObjectKey(kind, "ns", "x")]

    @pytest.mark.parametrize(
        ("status", "agents"),
        [({}, []), ({"resolved": {"agent": "site"}}, ["site"]), ({"resolved": {}}, [])],
    )
    def test_an_execution_wakes_itself_its_task_and_its_agent(
        self, status: dict[str, Any], agents: list[str]
    ) -> None:
        body = {
            "metadata": {"namespace": "ns", "name": "run"},
            "spec": {"taskRef": {"name": "nightly"}},
            "status": status,
        }
        assert keys_of(Kind.EXECUTION, body) == [
            ObjectKey(Kind.EXECUTION, "ns", "run"),
            ObjectKey(Kind.TASK, "ns", "nightly"),
            *(ObjectKey(Kind.AGENT, "ns", name) for name in agents),
        ]

    def test_an_execution_wakes_the_locations_that_it_has_looked_at(self) -> None:
        ends = {"sourceLocation": {"name": "nas"}, "destinationLocation": {"name": "bucket"}}
        found = {"source": {"reason": "Reached"}}
        body = {
            "metadata": {"namespace": "ns", "name": "run"},
            "status": {"resolved": ends, "preflight": found},
        }
        assert keys_of(Kind.EXECUTION, body)[1:] == [ObjectKey(Kind.LOCATION, "ns", "nas")]

    def test_a_task_wakes_the_locations_that_it_refers_to(self) -> None:
        the_task = task(
            source="a",
            destination="b",
            report={"locationRef": {"name": "c"}},
            manifest={"s3": {"locationRef": {"name": "d"}, "key": "files.csv"}},
        )
        assert keys_of(Kind.TASK, the_task.manifest()) == [
            ObjectKey(Kind.TASK, "team-a", "nightly"),
            *(ObjectKey(Kind.LOCATION, "team-a", name) for name in the_task.spec.location_names()),
        ]

    def test_a_job_wakes_its_execution(self) -> None:
        note = {"datasync.dev/execution": "run"}
        body = {"metadata": {"namespace": "ns", "name": "job", "annotations": note}}
        assert key_of_owned(body) == ObjectKey(Kind.EXECUTION, "ns", "run")

    def test_the_job_of_a_check_wakes_its_location(self) -> None:
        note = {"datasync.dev/location": "nas"}
        body = {"metadata": {"namespace": "ns", "name": "job", "annotations": note}}
        assert key_of_owned(body) == ObjectKey(Kind.LOCATION, "ns", "nas")

    def test_a_stranger_wakes_nobody(self) -> None:
        assert key_of_owned({"metadata": {"namespace": "ns", "name": "job"}}) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            EXECUTIONS.path("ns", "run", sub="status"),
            "/apis/datasync.dev/v1alpha1/namespaces/ns/datasynctaskexecutions/run/status",
        ),
        (EXECUTIONS.path(None), "/apis/datasync.dev/v1alpha1/datasynctaskexecutions"),
        (VOLUMES.path("ns", "pv"), "/api/v1/persistentvolumes/pv"),
        (
            CSI_DRIVERS.path(None, "efs.csi.aws.com"),
            "/apis/storage.k8s.io/v1/csidrivers/efs.csi.aws.com",
        ),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_log_lines_are_json() -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("x", logging.WARNING, "", 0, "key %s", ("k",), info)
    line = json.loads(JsonFormatter().format(record))
    assert (line["level"], line["message"]) == ("WARNING", "key k")
    assert "ValueError: why" in line["exception"]
