"""A side of a plan to its storage: the only module, with `app`, that knows the adapters."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasync_api import security_descriptors
from datasync_api.plan import TransferPlan
from datasync_api.sides import AnySide, PosixSide, S3Side, SmbSide
from datasync_api.task_options import ObjectTags
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Destination
from datasync_runner.storage.posix.storage import PosixStorage
from datasync_runner.storage.s3.algorithms import ALGORITHMS, CRC64NVME, Algorithm
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.throttle import Throttle

if TYPE_CHECKING:
    from datasync_runner.storage.smb.storage import SmbStorage


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


def load_adapters(plan: TransferPlan) -> None:
    """Import now what both sides need; it starts no thread, so it may be forked."""
    if isinstance(plan.source, SmbSide) or isinstance(plan.destination, SmbSide):
        _smb()


def make_storages(plan: TransferPlan, means: Means) -> tuple[Destination, Destination]:
    """Source and destination.  Raises: ConfigurationInvalid."""
    from_objects, to_objects = (
        isinstance(side, S3Side) for side in (plan.source, plan.destination)
    )
    charged_at_source = from_objects and not to_objects
    source_throttle = means.throttle if charged_at_source else None
    destination_throttle = None if charged_at_source else means.throttle
    return _source(plan, means, source_throttle), _destination(plan, means, destination_throttle)


def _source(plan: TransferPlan, means: Means, throttle: Throttle | None) -> Destination:
    side = plan.source
    if isinstance(side, S3Side):
        return _s3(side, means, throttle, tags=_object_tags(plan))
    if isinstance(side, SmbSide):
        return _smb()(
            side,
            writes=False,
            started_ns=means.started_ns,
            descriptors=security_descriptors.copied(plan),
        )
    return PosixStorage(side, writes=False, sets_owner=False, started_ns=means.started_ns)


def _destination(plan: TransferPlan, means: Means, throttle: Throttle | None) -> Destination:
    side, options = plan.destination, plan.options
    if isinstance(side, S3Side):
        algorithm = ALGORITHMS[options.checksum_algorithm]
        return _s3(side, means, throttle, tags=_object_tags(plan), algorithm=algorithm)
    verifies, creates = options.verify_mode != "None", plan.mode == "Transfer"
    if isinstance(side, SmbSide):
        return _smb()(
            side,
            writes=True,
            started_ns=means.started_ns,
            verifies=verifies,
            creates=creates,
            throttle=throttle,
            descriptors=security_descriptors.copied(plan),
        )
    return PosixStorage(
        side,
        writes=True,
        sets_owner="IntValue" in (options.uid, options.gid),
        started_ns=means.started_ns,
        verifies=verifies,
        creates=creates,
        makes_devices=options.preserve_devices == "Preserve" and isinstance(plan.source, PosixSide),
        throttle=throttle,
    )


def make_report_storage(side: AnySide, means: Means) -> Destination:
    """The place of a run's report; what goes there is not held to the run's rate.

    Raises: ConfigurationInvalid.
    """
    if isinstance(side, S3Side):
        return _s3(side, means, None, tags="None")
    if isinstance(side, SmbSide):
        return _smb()(side, writes=True, started_ns=means.started_ns)
    return PosixStorage(side, writes=True, sets_owner=False, started_ns=means.started_ns)


def make_manifest_storage(plan: TransferPlan, means: Means) -> Destination | None:
    """The bucket of the manifest, where that is an object; it is not held to the run's rate.

    Raises: ConfigurationInvalid.
    """
    side = plan.manifest_place.side if plan.manifest_place else None
    return None if side is None else _s3(side, means, None, tags="None")


def requests_sent(storage: Destination) -> Counter[str]:
    """How many S3 requests of each kind this process has sent there."""
    return Counter(storage.sent) if isinstance(storage, S3Storage) else Counter()


def _object_tags(plan: TransferPlan) -> ObjectTags:
    """Files have no tags: only from objects to objects there is something to keep."""
    both = isinstance(plan.source, S3Side) and isinstance(plan.destination, S3Side)
    return plan.options.object_tags if both else "None"


def _s3(
    side: S3Side,
    means: Means,
    throttle: Throttle | None,
    *,
    tags: ObjectTags,
    algorithm: Algorithm = CRC64NVME,
) -> S3Storage:
    return S3Storage(
        side,
        budget=means.budget,
        throttle=throttle,
        connections=means.connections,
        tags=tags,
        algorithm=algorithm,
    )


def _smb() -> "type[SmbStorage]":
    """Loaded only where it is needed: the library takes 15 MB, and time to start."""
    from datasync_runner.storage.smb.storage import SmbStorage

    return SmbStorage
