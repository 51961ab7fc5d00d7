"""Drives the benchmark's server by boto3 and compares each answer with what S3 does; fails loudly.

    .venv/bin/python tests/benchmarks/server/check.py

Run by hand and by `make bench` before it measures: a benchmark against a server that is wrong would be worth nothing.
"""

import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from awscrt import checksums  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.server import SOURCES, BenchServer
from fixtures.testbed import run

MIB = 1 << 20
BODY = os.urandom(5 * MIB)
TAIL = os.urandom(70_001)
ODD_KEYS = [
    "a&b<c>\"'.txt",
    "plus+space here",
    "ünïcödé/日本",
    "per%cent",
    "line\nfeed",
    "dots/../x",
]


def crc64(*parts: bytes) -> str:
    """The checksum of the bytes as S3 writes it."""
    value = 0
    for part in parts:
        value = checksums.crc64nvme(part, value)
    return base64.b64encode(value.to_bytes(8, "big")).decode()


def equal(found: object, expected: object) -> None:
    """Fail with both values unless they are equal."""
    if found != expected:
        raise AssertionError(f"{found!r} where {expected!r} was expected")


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> None:
    """Fail unless the call is refused with this code."""
    try:
        call(**arguments)
    except ClientError as error:
        equal(error.response.get("Error", {}).get("Code"), code)
    else:
        raise AssertionError(f"not refused, but {code} was expected: {arguments.keys()}")


def objects(s3: Any) -> None:
    for body in (b"", b"123456789", TAIL, BODY + TAIL):
        put = s3.put_object(
            Bucket="b1",
            Key="k",
            Body=body,
            ChecksumCRC64NVME=crc64(body),
            Metadata={"mtime": "1.5"},
            ContentType="text/plain",
        )
        equal(put["ChecksumCRC64NVME"], crc64(body))
        got = s3.get_object(Bucket="b1", Key="k", ChecksumMode="ENABLED")
        equal(got["Body"].read(), body)
        head = s3.head_object(Bucket="b1", Key="k", ChecksumMode="ENABLED")
        for answer in (got, head):
            equal(answer["ChecksumCRC64NVME"], crc64(body))
            equal(answer["ChecksumType"], "FULL_OBJECT")
            equal(answer["ETag"], put["ETag"])
            equal(answer["Metadata"], {"mtime": "1.5"})
            equal(answer["ContentType"], "text/plain")
            equal(answer["ContentLength"], len(body))
        again = s3.put_object(Bucket="b1", Key="other", Body=body)
        equal(again["ETag"], put["ETag"])
    for range_, part in (
        ("bytes=1-2", slice(1, 3)),
        ("bytes=-10", slice(-10, None)),
        (f"bytes={2 * MIB - 1}-{2 * MIB}", slice(2 * MIB - 1, 2 * MIB + 1)),
    ):
        got = s3.get_object(Bucket="b1", Key="k", Range=range_, ChecksumMode="ENABLED")
        equal(got["Body"].read(), (BODY + TAIL)[part])
        assert "ChecksumCRC64NVME" not in got
    refused("InvalidRange", s3.get_object, Bucket="b1", Key="k", Range="bytes=99999999-")
    refused(
        "BadDigest", s3.put_object, Bucket="b1", Key="k", Body=b"x", ChecksumCRC64NVME=crc64(b"y")
    )
    equal(s3.head_object(Bucket="b1", Key="k")["ContentLength"], len(BODY + TAIL))
    s3.put_object(Bucket="b1", Key="crc32", Body=b"x", ChecksumAlgorithm="CRC32")
    other = s3.head_object(Bucket="b1", Key="crc32", ChecksumMode="ENABLED")
    assert "ChecksumCRC32" in other and "ChecksumCRC64NVME" not in other, other
    refused("NoSuchKey", s3.get_object, Bucket="b1", Key="none")
    refused("404", s3.head_object, Bucket="b1", Key="none")
    refused("NoSuchBucket", s3.put_object, Bucket="none", Key="k", Body=b"")
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="none")


def conditions(s3: Any) -> None:
    where = {"Bucket": "b1", "Key": "conditional"}
    refused("NoSuchKey", s3.put_object, **where, Body=b"1", IfMatch='"x"')
    etag = s3.put_object(**where, Body=b"1", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", s3.put_object, **where, Body=b"2", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, **where, Body=b"2", IfMatch='"x"')
    refused("PreconditionFailed", s3.get_object, **where, IfMatch='"x"')
    refused("304", s3.get_object, **where, IfNoneMatch=etag)
    equal(s3.get_object(**where, IfMatch=etag)["Body"].read(), b"1")
    s3.put_object(**where, Body=b"2", IfMatch=etag)
    equal(s3.get_object(**where)["Body"].read(), b"2")


def copies(s3: Any) -> None:
    source = {"Bucket": "b1", "Key": ODD_KEYS[0]}
    etag = s3.put_object(**source, Body=BODY, Metadata={"a": "b"}, ChecksumAlgorithm="CRC64NVME")[
        "ETag"
    ]
    copy = s3.copy_object(Bucket="b2", Key="copy", CopySource=source, CopySourceIfMatch=etag)
    equal(copy["CopyObjectResult"]["ETag"], etag)
    equal(copy["CopyObjectResult"]["ChecksumCRC64NVME"], crc64(BODY))
    equal(s3.head_object(Bucket="b2", Key="copy")["Metadata"], {"a": "b"})
    s3.copy_object(
        Bucket="b2", Key="copy", CopySource=source, Metadata={"c": "d"}, MetadataDirective="REPLACE"
    )
    got = s3.get_object(Bucket="b2", Key="copy")
    equal((got["Metadata"], got["Body"].read()), ({"c": "d"}, BODY))
    refused(
        "PreconditionFailed",
        s3.copy_object,
        Bucket="b2",
        Key="copy",
        CopySource=source,
        CopySourceIfMatch='"x"',
    )
    refused("NoSuchKey", s3.copy_object, Bucket="b2", Key="copy", CopySource="b1/none")


def multipart(s3: Any) -> None:
    where = {"Bucket": "b1", "Key": "big/ü&"}
    created = s3.create_multipart_upload(
        **where, ChecksumAlgorithm="CRC64NVME", ChecksumType="FULL_OBJECT", Metadata={"m": "1"}
    )
    upload = {**where, "UploadId": created["UploadId"]}
    s3.put_object(Bucket="b2", Key="source", Body=TAIL + BODY)
    first = s3.upload_part(**upload, PartNumber=1, Body=BODY, ChecksumCRC64NVME=crc64(BODY))
    second = s3.upload_part_copy(
        **upload,
        PartNumber=2,
        CopySource="b2/source",
        CopySourceRange=f"bytes={len(TAIL)}-{len(TAIL + BODY) - 1}",
    )["CopyPartResult"]
    third = s3.upload_part(**upload, PartNumber=3, Body=TAIL)
    equal((first["ChecksumCRC64NVME"], second["ChecksumCRC64NVME"]), (crc64(BODY), crc64(BODY)))
    refused(
        "BadDigest",
        s3.upload_part,
        **upload,
        PartNumber=3,
        Body=b"x",
        ChecksumCRC64NVME=crc64(b"y"),
    )
    refused(
        "NoSuchUpload", s3.upload_part, **{**upload, "UploadId": "none"}, PartNumber=1, Body=b""
    )
    refused("InvalidArgument", s3.upload_part, **upload, PartNumber=10_001, Body=b"")

    parts: list[dict[str, Any]] = []
    for page in s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2}):
        equal(page["ChecksumAlgorithm"], "CRC64NVME")
        parts += page["Parts"]
    equal(
        [(p["PartNumber"], p["Size"]) for p in parts],
        [(1, len(BODY)), (2, len(BODY)), (3, len(TAIL))],
    )
    equal([p["ETag"] for p in parts], [first["ETag"], second["ETag"], third["ETag"]])
    equal([p["ChecksumCRC64NVME"] for p in parts], [crc64(BODY), crc64(BODY), crc64(TAIL)])

    listed = [
        {name: p[name] for name in ("PartNumber", "ETag", "ChecksumCRC64NVME")} for p in parts
    ]
    whole = BODY + BODY + TAIL

    def complete(parts: list[dict[str, Any]], checksum: str = crc64(whole), **options: Any) -> Any:
        return s3.complete_multipart_upload(
            **upload,
            MultipartUpload={"Parts": parts},
            ChecksumCRC64NVME=checksum,
            ChecksumType="FULL_OBJECT",
            **options,
        )

    refused("BadDigest", complete, parts=listed, checksum=crc64(b""))
    refused("InvalidPartOrder", complete, parts=listed[::-1])
    refused("InvalidPart", complete, parts=[{**listed[0], "ETag": '"x"'}])
    refused("InvalidPart", complete, parts=[{**listed[0], "ChecksumCRC64NVME": crc64(b"")}])
    refused("InvalidPart", complete, parts=[listed[0], {**listed[1], "PartNumber": 4}])
    s3.put_object(**where, Body=b"in the way")
    refused("PreconditionFailed", complete, parts=listed, IfNoneMatch="*")
    done = complete(parts=listed)
    equal((done["ChecksumCRC64NVME"], done["ChecksumType"]), (crc64(whole), "FULL_OBJECT"))
    assert done["ETag"].endswith('-3"'), done
    got = s3.get_object(**where, ChecksumMode="ENABLED")
    equal(
        (got["Body"].read() == whole, got["Metadata"], got["ETag"]),
        (True, {"m": "1"}, done["ETag"]),
    )
    equal(got["ChecksumCRC64NVME"], crc64(whole))
    part = s3.get_object(**where, PartNumber=3)
    equal((part["Body"].read() == TAIL, part["PartsCount"]), (True, 3))
    refused("NoSuchUpload", complete, parts=listed)
    uploads(s3)


def uploads(s3: Any) -> None:
    small = s3.create_multipart_upload(Bucket="b2", Key="small", ChecksumAlgorithm="CRC64NVME")[
        "UploadId"
    ]
    etags = [
        s3.upload_part(Bucket="b2", Key="small", UploadId=small, PartNumber=n, Body=b"x")["ETag"]
        for n in (1, 2)
    ]
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
    refused(
        "EntityTooSmall",
        s3.complete_multipart_upload,
        Bucket="b2",
        Key="small",
        UploadId=small,
        MultipartUpload={"Parts": parts},
    )
    made = [small] + [
        s3.create_multipart_upload(Bucket="b2", Key=key, ChecksumAlgorithm="CRC64NVME")["UploadId"]
        for key in ("x/1", "x/1", "x/2")
    ]
    pages = s3.get_paginator("list_multipart_uploads")
    found = [
        u
        for page in pages.paginate(Bucket="b2", PaginationConfig={"PageSize": 1})
        for u in page["Uploads"]
    ]
    equal(
        [(u["Key"], u["UploadId"]) for u in found],
        list(zip(("small", "x/1", "x/1", "x/2"), made, strict=True)),
    )
    equal({u["ChecksumAlgorithm"] for u in found}, {"CRC64NVME"})
    below = s3.list_multipart_uploads(Bucket="b2", Prefix="x/")["Uploads"]
    equal([u["UploadId"] for u in below], made[1:])
    for entry in found:
        s3.abort_multipart_upload(Bucket="b2", Key=entry["Key"], UploadId=entry["UploadId"])
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="b2")
    refused("NoSuchUpload", s3.abort_multipart_upload, Bucket="b2", Key="small", UploadId=small)


def listings(s3: Any) -> None:
    keys = sorted(
        [*ODD_KEYS, *(f"folder/{n:04}" for n in range(1100)), "folder-2", "z"], key=str.encode
    )
    for key in keys:
        s3.put_object(Bucket="bench1", Key=key, Body=key.encode(), ChecksumAlgorithm="CRC64NVME")
    for operation in ("list_objects", "list_objects_v2"):
        for size in (7, 1000):
            pages = list(
                s3.get_paginator(operation).paginate(
                    Bucket="bench1", PaginationConfig={"PageSize": size}
                )
            )
            entries = [entry for page in pages for entry in page["Contents"]]
            equal([entry["Key"] for entry in entries], keys)
            equal([entry["Size"] for entry in entries], [len(key.encode()) for key in keys])
            pages = list(
                s3.get_paginator(operation).paginate(
                    Bucket="bench1", Delimiter="/", PaginationConfig={"PageSize": min(size, 2)}
                )
            )
            equal(
                [e["Key"] for page in pages for e in page.get("Contents", [])],
                [k for k in keys if "/" not in k],
            )
            prefixes = [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])]
            equal(
                prefixes,
                sorted({k.partition("/")[0] + "/" for k in keys if "/" in k}, key=str.encode),
            )
    after = s3.list_objects_v2(Bucket="bench1", Prefix="folder/", StartAfter="folder/1097")
    equal([e["Key"] for e in after["Contents"]], ["folder/1098", "folder/1099"])
    equal(after["Contents"][0]["ChecksumAlgorithm"], ["CRC64NVME"])
    for at in range(0, len(keys), 1000):
        answer = s3.delete_objects(
            Bucket="bench1", Delete={"Objects": [{"Key": key} for key in keys[at : at + 1000]]}
        )
        equal([d["Key"] for d in answer["Deleted"]], keys[at : at + 1000])
    equal(s3.list_objects_v2(Bucket="bench1")["KeyCount"], 0)


def controls(s3: Any, server: BenchServer) -> None:
    server.reset(trim=True)
    equal(s3.list_objects_v2(Bucket="b1")["KeyCount"], 0)
    server.zero()
    s3.put_object(Bucket="b1", Key="k", Body=TAIL)
    s3.get_object(Bucket="b1", Key="k")["Body"].read()
    s3.create_multipart_upload(Bucket="b1", Key="k")
    told = server.stats()
    equal((told["PutObject"], told["GetObject"], told["uploads_open"]), (1, 1, 1))
    equal((told["bytes_in"], told["bytes_out"] >= len(TAIL)), (len(TAIL), True))
    server.clear("b1")
    equal(s3.list_objects_v2(Bucket="b1")["KeyCount"], 0)
    server.reset()
    equal(server.stats()["uploads_open"], 0)


def client(server: BenchServer, endpoint: str, checksum_calculation: Any) -> Any:
    """A client that asks nobody but this server, and once."""
    return boto3.client(  # pyright: ignore[reportUnknownMemberType]
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        verify=str(server.ca),
        config=Config(
            s3={"addressing_style": "path"},
            proxies={},
            retries={"total_max_attempts": 1},
            request_checksum_calculation=checksum_calculation,
        ),
    )


def check(server: BenchServer) -> None:
    """Everything, over http and https; raises AssertionError or ClientError."""
    rustc = shutil.which("rustc")
    assert rustc
    with tempfile.TemporaryDirectory() as folder:
        run(
            rustc,
            "--edition",
            "2021",
            "-O",
            "--test",
            "-o",
            f"{folder}/crc64",
            SOURCES / "crc64.rs",
        )
        run(f"{folder}/crc64")
    for endpoint in (server.endpoint, server.tls_endpoint):
        for calculation in ("when_required", "when_supported"):
            server.reset()
            s3 = client(server, endpoint, calculation)
            for part in (objects, conditions, copies, multipart, listings):
                part(s3)
            controls(s3, server)
            s3.close()


def main() -> int:
    """Check a server of our own."""
    with tempfile.TemporaryDirectory() as folder:
        server = BenchServer.start(Path(folder))
        try:
            check(server)
        finally:
            server.stop()
    print("the benchmark's server answers as S3 does")
    return 0


if __name__ == "__main__":
    sys.exit(main())
