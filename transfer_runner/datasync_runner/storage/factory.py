"""A side of a plan to its storage: the only module that knows the adapters.

Each is loaded where there is a side of its kind: libcurl and the library of shares take their time.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datasync_api import security_descriptors
from datasync_api.plan import TransferPlan
from datasync_api.sides import AnySide, PosixSide, S3Side, SmbSide
from datasync_api.task_options import ObjectTags
from datasync_runner.storage.budget import ByteBudget
from datasync_runner.storage.port import Counting, Destination
from datasync_runner.storage.throttle import Throttle

if TYPE_CHECKING:
    from datasync_runner.storage.posix.storage import PosixStorage
    from datasync_runner.storage.s3.storage import S3Storage
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
    load = {PosixSide: _posix, S3Side: _s3, SmbSide: _smb}
    for side in (plan.source, plan.destination):
        load[type(side)]()


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
        return _s3_storage(side, means, throttle, tags=_object_tags(plan))
    if isinstance(side, SmbSide):
        return _smb()(
            side,
            writes=False,
            started_ns=means.started_ns,
            descriptors=security_descriptors.copied(plan),
        )
    return _posix()(side, writes=False, sets_owner=False, started_ns=means.started_ns)


def _destination(plan: TransferPlan, means: Means, throttle: Throttle | None) -> Destination:
    side, options = plan.destination, plan.options
    if isinstance(side, S3Side):
        return _s3_storage(
            side, means, throttle, tags=_object_tags(plan), checksum=options.checksum_algorithm
        )
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
    return _posix()(
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
    return _by_itself(side, means, writes=True)


def make_checked_storage(side: AnySide, means: Means) -> Destination:
    """A location that is only looked at.  Raises: ConfigurationInvalid."""
    return _by_itself(side, means, writes=False)


def _by_itself(side: AnySide, means: Means, *, writes: bool) -> Destination:
    if isinstance(side, S3Side):
        return _s3_storage(side, means, None, tags="None")
    if isinstance(side, SmbSide):
        return _smb()(side, writes=writes, started_ns=means.started_ns)
    return _posix()(side, writes=writes, sets_owner=False, started_ns=means.started_ns)


def make_manifest_storage(plan: TransferPlan, means: Means) -> Destination | None:
    """The bucket of the manifest, where that is an object; it is not held to the run's rate.

    Raises: ConfigurationInvalid.
    """
    side = plan.manifest_place.side if plan.manifest_place else None
    return None if side is None else _s3_storage(side, means, None, tags="None")


def requests_sent(storage: Destination) -> Counter[str]:
    """How many S3 requests of each kind this process has sent there."""
    return Counter(storage.sent) if isinstance(storage, Counting) else Counter()


def _object_tags(plan: TransferPlan) -> ObjectTags:
    """Files have no tags: only from objects to objects there is something to keep."""
    both = isinstance(plan.source, S3Side) and isinstance(plan.destination, S3Side)
    return plan.options.object_tags if both else "None"


def _s3_storage(
    side: S3Side,
    means: Means,
    throttle: Throttle | None,
    *,
    tags: ObjectTags,
    checksum: str = "CRC64NVME",
) -> "S3Storage":
    from datasync_runner.storage.s3.algorithms import ALGORITHMS

    return _s3()(
        side,
        budget=means.budget,
        throttle=throttle,
        connections=means.connections,
        tags=tags,
        algorithm=ALGORITHMS[checksum],
    )


def _posix() -> "type[PosixStorage]":
    from datasync_runner.storage.posix.storage import PosixStorage

    return PosixStorage


def _s3() -> "type[S3Storage]":
    from datasync_runner.storage.s3.storage import S3Storage

    return S3Storage


def _smb() -> "type[SmbStorage]":
    from datasync_runner.storage.smb.storage import SmbStorage

    return SmbStorage
