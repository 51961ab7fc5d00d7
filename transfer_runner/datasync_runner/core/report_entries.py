"""The entries of detailed task reports, as JSON text: the names and shapes of AWS DataSync's.

AWS has two shapes (user guide, "Monitoring your data transfers with task reports"): one for objects
that go to object storage, of its Enhanced mode, and one for everything else, of its Basic mode.  It
shows an entry of a transfer alone; the others are named as that one is.  The reasons of failures
are words (`ErrorCode`, `ErrorDetail`), for AWS's numbers (`FailureCode`) are not public.

Made as text at once, for there may be millions, and nobody reads them before they are in a file.
"""

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from datasync_runner.core.entry import Entry, Kind, path_of
from datasync_runner.core.tally import Failed, printable

ReportKind = Literal["transferred", "verified", "deleted", "skipped"]
TransferType = Literal["CONTENT_AND_METADATA", "METADATA"]
SECTIONS: Final[dict[ReportKind, str]] = {
    "transferred": "Transferred",
    "verified": "Verified",
    "deleted": "Deleted",
    "skipped": "Skipped",
}
"""Each detailed report's only list."""

_TYPES: Final = {
    Kind.FILE: "Regular",
    Kind.FOLDER: "Directory",
    Kind.SYMLINK: "Symlink",
    Kind.SPECIAL: "Special",
    Kind.DEVICE: "Device",
}
_VERB: Final = {
    "transferred": "Transfer",
    "verified": "Verify",
    "deleted": "Delete",
    "skipped": "Skip",
}


class ReportEntry(NamedTuple):
    """One item of one detailed report."""

    kind: ReportKind
    text: str
    """A JSON object."""


class Shape(NamedTuple):
    """How items are told of in one run."""

    objects: bool
    """Both sides are object storage: AWS's Enhanced shape."""

    def path(self, key: bytes) -> str:
        """The item's path as AWS writes it: from the root, or a key."""
        path = printable(path_of(key))
        return path[1:] + ("/" if key.endswith(b"/") else "") if self.objects else path

    def metadata(self, entry: Entry) -> dict[str, Any]:
        """What the source says of an item, under AWS's name for it."""
        if self.objects:
            return {"SourceMetadata": _object(entry)}
        return {"SrcMetadata": _posix(entry)}

    def transferred(
        self,
        entry: Entry,
        moment: str,
        *,
        transfer_type: TransferType,
        overwrite: bool,
        version_id: str = "",
    ) -> ReportEntry:
        """An item that is at the destination now; a folder has no content."""
        fields = {
            "RelativePath": self.path(entry.key),
            **self.metadata(entry),
            "Overwrite": str(overwrite),
            **({"DstS3VersionId": version_id} if version_id else {}),
            "TransferTimestamp": moment,
            "TransferType": transfer_type,
            "TransferStatus": "SUCCESS",
        }
        return ReportEntry("transferred", json.dumps(fields))

    def verified(self, entry: Entry, moment: str, *, checksum: int | None) -> ReportEntry:
        """An item that is at the destination what it was at the source."""
        told = b64encode(checksum.to_bytes(8, "big")).decode() if checksum is not None else ""
        known = {"ChecksumAlgorithm": "CRC64NVME", "SrcChecksum": told, "DstChecksum": told}
        fields = {
            "RelativePath": self.path(entry.key),
            **self.metadata(entry),
            **(known if told else {}),
            "VerifyTimestamp": moment,
            "VerifyStatus": "SUCCESS",
        }
        return ReportEntry("verified", json.dumps(fields))

    def deleted(self, key: bytes, moment: str) -> ReportEntry:
        """An item that is gone from the destination."""
        fields = {
            "RelativePath": self.path(key),
            "DeleteTimestamp": moment,
            "DeleteStatus": "SUCCESS",
        }
        return ReportEntry("deleted", json.dumps(fields))

    def skipped(self, entry: Entry, moment: str, *, reason: str) -> ReportEntry:
        """An item that is left as it is, rightly."""
        fields = {
            "RelativePath": self.path(entry.key),
            **self.metadata(entry),
            "SkipTimestamp": moment,
            "SkipReason": reason,
            "SkipStatus": "SUCCESS",
        }
        return ReportEntry("skipped", json.dumps(fields))

    def failed(
        self, kind: ReportKind, item: Entry | bytes, moment: str, *, why: Failed
    ) -> ReportEntry:
        """An item that could not be done; of the source it is told what is known."""
        entry = item if isinstance(item, Entry) else None
        verb = _VERB[kind]
        fields = {
            "RelativePath": self.path(item if isinstance(item, bytes) else item.key),
            **(self.metadata(entry) if entry is not None else {}),
            f"{verb}Timestamp": moment,
            f"{verb}Status": "FAILED",
            **({} if self.objects else {"FailureReason": printable(why.detail)}),
            "ErrorCode": why.code,
            "ErrorDetail": printable(why.detail),
        }
        return ReportEntry(kind, json.dumps(fields))


def _posix(entry: Entry) -> dict[str, Any]:
    known = entry.metadata
    told: dict[str, Any] = {"Type": _TYPES[entry.kind]}
    if entry.kind is not Kind.FOLDER:
        told["ContentSize"] = entry.size_bytes
    mtime_ns = entry.mtime_ns if known is None or known.mtime_ns is None else known.mtime_ns
    if mtime_ns:
        told["Mtime"] = moment_ns(mtime_ns)
    if known is not None:
        if known.atime_ns is not None:
            told["Atime"] = moment_ns(known.atime_ns)
        if known.uid is not None:
            told["Uid"] = known.uid
        if known.gid is not None:
            told["Gid"] = known.gid
        if known.mode is not None:
            told["Mode"] = f"{known.mode:04o}"
    return told


def _object(entry: Entry) -> dict[str, Any]:
    system: dict[str, str] = {}
    user: dict[str, str] = {}
    tags: tuple[tuple[str, str], ...] = ()
    if (own := entry.headers) is not None:
        named = (
            ("ContentType", own.content_type),
            ("ContentEncoding", own.content_encoding),
            ("ContentLanguage", own.content_language),
            ("ContentDisposition", own.content_disposition),
        )
        system = {name: value for name, value in named if value}
        user = dict(own.user_metadata)
        tags = getattr(own, "tags", None) or ()
    if entry.etag:
        system["ETag"] = entry.etag
    modified = moment_ns(entry.mtime_ns)
    return {
        "Type": "Object",
        "ContentSize": entry.size_bytes,
        "LastModified": modified.replace(".000000000", ""),
        "SystemMetadata": system,
        "UserMetadata": user,
        "Tags": [{"Key": key, "Value": value} for key, value in tags],
    }


def moment_ns(ns: int) -> str:
    """UTC to the nanosecond: 2022-01-07T16:59:26.136114671Z; or the last that a calendar has.

    Times before 1970 are as good as later ones.
    """
    seconds, rest = divmod(ns, 1_000_000_000)
    try:
        told = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        told = datetime(9999 if seconds > 0 else 1, 1, 1, tzinfo=UTC)
    return f"{told:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
