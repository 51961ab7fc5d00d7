"""One gate before the S3 server, one namespace with the usual manifests for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.failing import Failing, start_failing
from cluster.gate import Gate, open_gate
from cluster.transfers import Transfers
from fixtures import s3
from fixtures.cluster import Cluster
from fixtures.kube import Namespace, fresh_namespace

LAST = "test_audit"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Put the module that judges the whole tier behind everything, whatever shuffles the rest."""
    yield
    items.sort(key=lambda item: item.path.stem == LAST)


@pytest.fixture(scope="session")
def gate(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Yield the gate; locations use it unless a test says otherwise."""
    network = Path("/run/netns") / cluster.kubeconfig.parent.name
    with open_gate(network, cluster.address, tmp_path_factory.mktemp("gate")) as opened:
        yield opened


@pytest.fixture
def transfers(cluster: Cluster, cluster_namespace: Namespace, gate: Gate) -> Transfers:
    """Return the words of these tests in a namespace of the test's own."""
    ready = Transfers(cluster, cluster_namespace, gate.endpoint)
    ready.prepare()
    return ready


@pytest.fixture
def make_bucket(cluster_s3: Any) -> Iterator[Callable[[], str]]:
    """Yield a function that makes buckets, which go with the test."""
    made: list[str] = []

    def make() -> str:
        made.append(s3.make_bucket(cluster_s3))
        return made[-1]

    yield make
    for name in made:
        s3.remove_bucket(cluster_s3, name)


@pytest.fixture(scope="session", autouse=True)
def early(request: pytest.FixtureRequest) -> None:
    """Start what takes its time before all tests, where a test asks for it at all."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    for name in ("failing", "every_minute"):
        if name in wanted:
            request.getfixturevalue(name)


@pytest.fixture(scope="session")
def failing(cluster: Cluster, cluster_s3: Any, gate: Gate) -> Iterator[Failing]:
    """Yield the runs that must fail; most of them wait for a deadline."""
    with fresh_namespace(cluster) as namespace:
        transfers = Transfers(cluster, namespace, gate.endpoint)
        transfers.prepare()
        with start_failing(cluster, cluster_s3, transfers) as started:
            yield started


@pytest.fixture(scope="session")
def every_minute(cluster: Cluster, cluster_s3: Any, gate: Gate) -> Iterator[Transfers]:
    """Yield the namespace of a task with a schedule; its first minute passes meanwhile."""
    with fresh_namespace(cluster) as namespace:
        transfers = Transfers(cluster, namespace, gate.endpoint)
        transfers.prepare()
        bucket = s3.make_bucket(cluster_s3)
        cluster_s3.put_object(Bucket=bucket, Key="from/file", Body=b"file")
        transfers.apply(
            transfers.bucket("from", bucket, prefix="from"),
            transfers.bucket("to", bucket, prefix="to"),
            transfers.task("minutely", "from", "to", schedule={"expression": "* * * * *"}),
        )
        yield transfers
        s3.remove_bucket(cluster_s3, bucket)
