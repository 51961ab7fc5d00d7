"""A side of a plan to its storage: the only module, with `app`, that knows the adapters."""

from datasync_api.plan import S3Side, TransferPlan
from datasync_runner.storage.port import Destination
from datasync_runner.storage.posix import PosixStorage
from datasync_runner.storage.s3.storage import S3Storage


def make_storages(plan: TransferPlan, *, started_ns: int) -> tuple[Destination, Destination]:
    """Source and destination.  Raises: ConfigurationInvalid."""
    return (
        _make(plan, started_ns=started_ns, writes=False),
        _make(plan, started_ns=started_ns, writes=True),
    )


def _make(plan: TransferPlan, *, started_ns: int, writes: bool) -> Destination:
    side = plan.destination if writes else plan.source
    if isinstance(side, S3Side):
        return S3Storage(side)
    keeps_owner = "IntValue" in (plan.options.uid, plan.options.gid)
    return PosixStorage(side, writes=writes, sets_owner=keeps_owner, started_ns=started_ns)
