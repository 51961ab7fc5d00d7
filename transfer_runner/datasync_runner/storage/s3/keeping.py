"""How S3 shall keep what is written: its storage class and its encryption, as headers.

The rules of classes are AWS DataSync's (user guide, "Storage class considerations with Amazon S3
locations").  Nothing here is sent where the bucket's own default is meant: every server knows that.
"""

from typing import Final

from datasync_api.s3_location import Encryption, StorageClass
from datasync_api.sides import S3Side
from datasync_runner.core.entry import ARCHIVES, Entry

STORAGE_CLASS: Final = "x-amz-storage-class"
STANDARD: Final = "STANDARD"
SPELLINGS: Final[dict[StorageClass, str]] = {
    "Standard": STANDARD,
    "StandardIA": "STANDARD_IA",
    "OneZoneIA": "ONEZONE_IA",
    "IntelligentTiering": "INTELLIGENT_TIERING",
    "GlacierInstantRetrieval": "GLACIER_IR",
    "GlacierFlexibleRetrieval": "GLACIER",
    "DeepArchive": "DEEP_ARCHIVE",
}
"""S3's own names."""

WRITABLE: Final = frozenset(SPELLINGS.values()) | {"REDUCED_REDUNDANCY"}
"""Classes that a PUT may name; others (a server's own tiers) come about in other ways."""

SMALLEST_BYTES: Final = {
    **dict.fromkeys(("STANDARD_IA", "ONEZONE_IA", "GLACIER_IR"), 128 * 1024),
    **dict.fromkeys(ARCHIVES, 40 * 1024),
}
"""Smaller objects would be charged as if they had this size."""


def storage_class(wished: StorageClass, size_bytes: int, there: str) -> str:
    """The class to name when an object is written; empty: none, which S3 takes for STANDARD.

    `there` is the class of the object that is overwritten; empty: there is none.

    | wished | bytes | there | class |
    |---|---|---|---|
    | Standard | 0 | | |
    | StandardIA | 131071 | | |
    | StandardIA | 131072 | | STANDARD_IA |
    | OneZoneIA | 131071 | | |
    | OneZoneIA | 131072 | | ONEZONE_IA |
    | IntelligentTiering | 0 | | INTELLIGENT_TIERING |
    | GlacierInstantRetrieval | 131071 | | |
    | GlacierInstantRetrieval | 131072 | | GLACIER_IR |
    | GlacierFlexibleRetrieval | 40959 | | |
    | GlacierFlexibleRetrieval | 40960 | | GLACIER |
    | DeepArchive | 40959 | | |
    | DeepArchive | 40960 | | DEEP_ARCHIVE |
    | DeepArchive | 40960 | STANDARD | |
    | Standard | 0 | GLACIER | GLACIER |
    | StandardIA | 131072 | DEEP_ARCHIVE | DEEP_ARCHIVE |
    | Standard | 0 | REDUCED_REDUNDANCY | REDUCED_REDUNDANCY |
    | StandardIA | 131072 | COLD-TIER | |
    """
    if there:
        return there if there != STANDARD and there in WRITABLE else ""
    name = SPELLINGS[wished]
    if name == STANDARD or size_bytes < SMALLEST_BYTES.get(name, 0):
        return ""
    return name


def encryption_headers(wished: Encryption | None) -> list[tuple[str, str]]:
    """The headers that ask for an encryption; none: as the bucket has it."""
    if wished is None:
        return []
    if wished.type == "SSE_S3":
        return [("x-amz-server-side-encryption", "AES256")]
    kms = [("x-amz-server-side-encryption", "aws:kms")]
    if wished.kms_key_id is not None:
        kms.append(("x-amz-server-side-encryption-aws-kms-key-id", wished.kms_key_id))
    return kms


class Keeping:
    """What a side wishes, in headers; most sides wish nothing."""

    def __init__(self, side: S3Side) -> None:
        self._wished: StorageClass = side.storage_class
        self._encryption = encryption_headers(side.encryption)
        self._nothing = self._wished == "Standard" and not self._encryption

    def headers(self, entry: Entry) -> list[tuple[str, str]]:
        """For an object that is written; it keeps the class of the one in its place."""
        if self._nothing and not entry.storage_class:
            return []
        name = self.class_of(entry)
        return [*self._encryption, (STORAGE_CLASS, name)] if name else self._encryption

    def class_of(self, entry: Entry) -> str:
        """The class to name for it; empty: none."""
        return storage_class(self._wished, entry.size_bytes, entry.storage_class)
