"""How requests name what they are about: versions of objects, and objects to be copied."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Final

from datasync_api.sides import S3Side
from datasync_runner.storage.s3.signer import canonical_query, encode_key
from datasync_runner.storage.s3.standing import reading_headers

_ETAG_TOLD: Final = re.compile(rb"<ETag>([^<]*)</ETag>")


def etag_in(body: bytes) -> str:
    """The ETag that the body of an answer tells, in quotes as in a header; empty: none."""
    found = _ETAG_TOLD.search(body)
    told = unescape(found[1].decode("ascii", "replace")).strip('"') if found else ""
    return f'"{told}"' if told else ""


def version_of(headers: Mapping[str, str]) -> str:
    """The version that an answer says it has made; empty: the bucket keeps none."""
    version_id = headers.get("x-amz-version-id", "")
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
