"""Runs of the runner's process as a child, trees for them, and looks at what they left.

The looks use nothing of the product: the operating system for folders, boto3 and plain HTTP for
buckets, always at the server itself and never through a proxy.
"""

import base64
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

from awscrt import checksums
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from datasync_api.report import TransferResult

MIB = 1024 * 1024
LARGE = (9 * MIB, 17 * MIB, 40 * MIB)
"""Read whole or by ranges, written in parts: beside and above the runner's limits."""
RUN_SECONDS = 60


class Plain:
    """An S3 client without retries, one connection for each request unless one is given."""

    def __init__(self, endpoint, server, bucket):
        self.endpoint, self.bucket = endpoint, bucket
        self.credentials = Credentials(server.access_key, server.secret_key)
        self.address = urlsplit(endpoint).netloc

    def connection(self):
        """A connection to be kept; close it after use."""
        return http.client.HTTPConnection(self.address, timeout=10)

    def ask(self, method, key, body=None, *, connection=None, query="", **headers):
        """Status, headers with lower-case names, body; the key is escaped already."""
        mine = connection or self.connection()
        url = f"{self.endpoint}/{self.bucket}/{key}{query and '?'}{query}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = AWSRequest(method, url, data=body, headers=named)
        S3SigV4Auth(self.credentials, "s3", "us-east-1").add_auth(request)
        try:
            mine.request(method, url.removeprefix(self.endpoint), body, dict(request.headers))
            with mine.getresponse() as answer:
                named = {name.lower(): value for name, value in answer.getheaders()}
                return answer.status, named, answer.read()
        finally:
            if connection is None:
                mine.close()

    def put(self, key, body, **more):
        """As ask, with the body's checksum, which the server compares and keeps."""
        stated = base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()
        return self.ask("PUT", key, body, x_amz_checksum_crc64nvme=stated, **more)

    def fill(self, prefix, tree):
        """Put a tree's files below a prefix, with checksums for the server to keep."""
        connection = self.connection()
        for key, body in tree.items():
            status, _, answer = self.put(quote(prefix + key), body, connection=connection)
            assert status == 200, answer
        connection.close()

    def files(self, client, prefix):
        """Bodies by key below a prefix, listed by the boto3 client."""
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        connection = self.connection()
        found = {}
        for key in keys:
            if not key.endswith("/"):
                status, _, body = self.ask("GET", quote(key), connection=connection)
                assert status == 200, body
                found[key.removeprefix(prefix)] = body
        connection.close()
        return found


def tree_of(small, large=LARGE):
    """Contents by key: so many small files in folders of 50, and large ones of these sizes."""
    some = random.Random(11)
    tree = {
        f"folder-{number // 50:02}/file-{number:04}": some.randbytes(some.randrange(20_000))
        for number in range(small)
    }
    return tree | {f"large-{size}": some.randbytes(size) for size in large}


def grow(root, tree):
    """Write a tree as files."""
    for key, body in tree.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def files(root):
    """Bodies by key, temporary files included."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in Path(root).rglob("*")
        if path.is_file()
    }


def same(found, wanted):
    """Assert equal trees; what differs is told by its name, size and first other byte."""
    missing, more = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    assert (missing, more) == ([], []), f"missing: {missing[:20]}; too many: {more[:20]}"
    other = [_difference(key, found[key], wanted[key]) for key in wanted]
    assert not any(other), "; ".join(filter(None, other))


def _difference(key, found, wanted):
    if found == wanted:
        return None
    pairs = enumerate(zip(found, wanted, strict=False))
    first = next((at for at, (one, other) in pairs if one != other), min(len(found), len(wanted)))
    return f"{key} has {len(found)} bytes, not {len(wanted)}, and differs from byte {first} on"


def uploads(client, bucket):
    """Keys of the multipart uploads that nobody has ended."""
    answer = client.list_multipart_uploads(Bucket=bucket)
    assert not answer["IsTruncated"]
    return [upload["Key"] for upload in answer.get("Uploads", [])]


@contextmanager
def started(folder, source, destination, **options):
    """A run in a session of its own, of which nothing is left afterwards; see finished()."""
    owner = {"uid": "None", "gid": "None"} if os.geteuid() else {}
    plan = {
        "execution": {"namespace": "n", "name": "e", "uid": "u"},
        "source": source.model_dump(mode="json"),
        "destination": destination.model_dump(mode="json"),
        "options": {**owner, **options},
    }
    (folder / "plan").write_text(json.dumps(plan))
    (folder / "result").unlink(missing_ok=True)
    command = [sys.executable, "-m", "datasync_runner"]
    command += ["--plan", folder / "plan", "--result", folder / "result"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        kill(process)


def kill(process):
    """SIGKILL to a run and to all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(condition, what, process=None, *, seconds=10):
    """Return once the condition holds; fail when it does not in time or the run has ended."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        assert process is None or process.poll() is None, f"the run ended before {what}"
        time.sleep(0.01)


def finished(process, folder, *, seconds=RUN_SECONDS):
    """Wait for a run's end and return its result, which must be a success."""
    code = process.wait(timeout=seconds)
    log = (folder / "log").read_text()[-6000:]
    assert code == 0, log
    result = TransferResult.model_validate_json((folder / "result").read_bytes())
    assert result.outcome == "Success", (result, log)
    assert result.counters.files_failed.total() == 0, result.failures
    return result


def run(folder, source, destination, **options):
    """A whole run; its result, which must be a success."""
    with started(folder, source, destination, **options) as process:
        return finished(process, folder)
