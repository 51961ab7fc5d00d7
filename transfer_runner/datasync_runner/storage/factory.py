"""A side of a plan to its storage: the only module, with `app`, that knows the adapters."""

from collections import Counter
from dataclasses import dataclass

from datasync_api.plan import S3Side, TransferPlan
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Destination
from datasync_runner.storage.posix import PosixStorage
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Means:
    """What the storages of one process share."""

    budget: ByteBudget
    throttle: Throttle
    """Charged once for each byte: at the connection that sends it, else the one it comes by."""
    connections: int
    """At most so many to each side."""
    started_ns: int
    """When the run began: temporary files that are older are leftovers."""


def make_storages(plan: TransferPlan, means: Means) -> tuple[Destination, Destination]:
    """Source and destination.  Raises: ConfigurationInvalid."""
    charged = "destination"
    if isinstance(plan.source, S3Side) and not isinstance(plan.destination, S3Side):
        charged = "source"
    source_throttle = means.throttle if charged == "source" else None
    destination_throttle = means.throttle if charged == "destination" else None
    source: Destination
    destination: Destination
    if isinstance(plan.source, S3Side):
        source = _s3(plan.source, means, source_throttle)
    else:
        source = PosixStorage(
            plan.source, writes=False, sets_owner=False, started_ns=means.started_ns
        )
    if isinstance(plan.destination, S3Side):
        destination = _s3(plan.destination, means, destination_throttle)
    else:
        destination = PosixStorage(
            plan.destination,
            writes=True,
            sets_owner="IntValue" in (plan.options.uid, plan.options.gid),
            started_ns=means.started_ns,
            verifies=plan.options.verify_mode == "OnlyFilesTransferred",
            creates=plan.mode == "Transfer",
            throttle=destination_throttle,
        )
    return source, destination


def requests_sent(storage: Destination) -> Counter[str]:
    """How many S3 requests of each kind this process has sent there."""
    return Counter(storage.sent) if isinstance(storage, S3Storage) else Counter()


def _s3(side: S3Side, means: Means, throttle: Throttle | None) -> S3Storage:
    return S3Storage(side, budget=means.budget, throttle=throttle, connections=means.connections)
