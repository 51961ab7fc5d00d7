"""How requests name what they are about: versions of objects, and objects to be copied."""

import re
from typing import Final

from datasync_api.sides import S3Side
from datasync_runner.storage.s3.signer import canonical_query, encode_key
from datasync_runner.storage.s3.standing import reading_headers

_ETAG: Final = re.compile(rb"(?i)\r\netag: *([^\r\n ]+)")
_VERSION: Final = re.compile(rb"(?i)\r\nx-amz-version-id: *([^\r\n ]+)")


def etag_of(head: bytes) -> str:
    """The ETag that an answer tells of the object it has made; empty: none."""
    found = _ETAG.search(head)
    return found[1].decode("ascii", "replace") if found else ""


def version_of(head: bytes) -> str:
    """The version that an answer says it has made; empty: the bucket keeps none."""
    found = _VERSION.search(head)
    version_id = found[1].decode("ascii", "replace") if found else ""
    return "" if version_id == "null" else version_id


def copy_source(
    source: S3Side, name: str, destination: S3Side, *, version_id: str = ""
) -> list[tuple[str, str]]:
    """The headers that name what is copied: of a bucket, or through an access point."""
    bucket = source.bucket
    if bucket.startswith("arn:"):
        where = encode_key(f"{bucket}/object/{name}")
    else:
        where = f"/{bucket}/{encode_key(name)}"
    query = version_query(version_id)
    return [
        ("x-amz-copy-source", f"{where}{query and '?'}{query}"),
        *reading_headers(source, destination),
    ]


def version_query(version_id: str) -> str:
    """The query that asks for a version; empty: for the current one."""
    return canonical_query([("versionId", version_id)]) if version_id else ""
