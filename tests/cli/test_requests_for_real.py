"""The requests that a run says it has sent are those that arrived, over all its processes."""

import os

import pytest

from cli.test_run_for_real import Local
from fixtures.s3 import S3Server

pytestmark = [pytest.mark.storage, pytest.mark.timeout(90)]
METHODS = {
    "PUT": {"PutObject", "UploadPart", "CopyObject", "UploadPartCopy"},
    "GET": {"ListObjectsV2", "GetObject", "ListMultipartUploads", "ListParts"},
    "HEAD": {"HeadObject"},
    "POST": {"DeleteObjects", "CreateMultipartUpload", "CompleteMultipartUpload"},
    "DELETE": {"AbortMultipartUpload", "DeleteObject"},
}


@pytest.mark.parametrize("permille", [0, 100], ids=["no fault", "with repetitions"])
def test_as_many_as_the_server_saw(tmp_path, s3_server, bucket, fault_proxy, permille):
    proxy = fault_proxy(permille=permille, kinds=("internal-error", "slow-down"))
    server = S3Server(proxy.endpoint, s3_server.access_key, s3_server.secret_key)
    local = Local(tmp_path, server, bucket)
    for number in range(300):
        (local.tree / f"file-{number}").write_bytes(b"x" * number)
    (local.tree / "large").write_bytes(os.urandom(17 * 1024 * 1024))
    for round_number in range(3):
        proxy.zero()
        code, status = local.run()
        assert code == 0, status
        seen = proxy.stats()
        told = status["requests"]
        assert sum(told.values()) == seen.requests
        for method, kinds in METHODS.items():
            count = sum(told.get(kind, 0) for kind in kinds)
            assert count == seen.methods.get(method, 0), (method, told, seen)
        assert "estimatedCost" not in status  # nobody knows what this server takes
        if round_number == 0:
            (local.tree / "file-1").unlink()
            (local.tree / "file-2").write_bytes(b"changed")
