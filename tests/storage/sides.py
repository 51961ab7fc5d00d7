"""All kinds of storage for the contract suite, and plans between them."""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasync_api.patterns import Filter
from datasync_api.sides import PosixSide, S3Side
from datasync_api.task_options import TaskOptions
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.wanted import wanted
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.posix.storage import PosixStorage
from datasync_runner.storage.s3.storage import S3Storage
from datasync_runner.storage.smb.storage import SmbStorage
from datasync_runner.storage.values import Content

ALL = Filter.parse([], [])
MOUNTS = dict(word.split("=") for word in os.environ.get("DATASYNC_TEST_MOUNTS", "").split())
"""Folders by the names of their sides; who mounts them says so (test_kernel_mounts)."""
SIDES = tuple(MOUNTS) or ("posix", "s3", "s3-minio", "s3-versitygw", "smb", "smb-encrypted")
UID, GID = os.getuid(), os.getgid()
META = PosixMetadata(0o640, UID, GID, 1_600_000_000_123_456_789, 1_600_000_001_000_000_001)


@dataclass
class Side:
    """A storage, and a look behind its back."""

    storage: Any
    side: Any
    client: Any = None
    folder: Path | None = None
    """Where its files are on this machine."""
    windows: bool = False
    """Whether it is a share: no links, no owners, names as Windows has them."""

    @property
    def objects(self):
        return self.storage.objects

    @property
    def links(self):
        """Whether it can have symbolic links."""
        return not self.windows

    @property
    def link_times(self):
        """Whether links have times of their own: not on nfs-ganesha, which says that it set them."""
        return not MOUNTS

    def given(self, entry: Entry) -> Entry:
        """The entry as the engine gives it to this storage: without what it cannot keep."""
        options = CompareOptions.of(
            TaskOptions(),
            source_objects=self.objects,
            destination_objects=self.objects,
            keeps=self.storage.keeps,
        )
        return entry if options.keeps_everything else wanted(entry, options)

    def kept(self, metadata: PosixMetadata, *, mode: int = 0o644) -> PosixMetadata:
        """What is left of metadata that was written and read again."""
        if not self.windows:
            return metadata
        cut = {n: v // 100 * 100 for n, v in metadata._asdict().items() if n.endswith("_ns") and v}
        return metadata._replace(mode=mode, uid=65534, gid=65534, **cut)

    def damage(self, key: bytes, body: bytes) -> None:
        """Change bytes at rest, keeping what metadata there is."""
        if self.objects:
            name = self.side.prefix + key.decode()
            head = self.client.head_object(Bucket=self.side.bucket, Key=name)
            self.client.put_object(
                Bucket=self.side.bucket, Key=name, Body=body, Metadata=head["Metadata"]
            )
            return
        assert self.folder
        path = self.folder / os.fsdecode(key)
        before = path.stat()
        path.write_bytes(body)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def credentials(folder: Path, server: Any, *, secret: str | None = None) -> Path:
    """A mounted Secret."""
    folder.mkdir(exist_ok=True)
    (folder / "AWS_ACCESS_KEY_ID").write_text(server.access_key)
    (folder / "AWS_SECRET_ACCESS_KEY").write_text(secret or server.secret_key)
    return folder


def s3_side(server: Any, bucket: str, secret_path: Path, prefix: str = "") -> S3Side:
    """A prefix of a bucket as a side of a plan."""
    return S3Side(
        uri=f"s3://{bucket}/{prefix}",
        bucket=bucket,
        prefix=prefix,
        region=server.region,
        endpoint=server.endpoint,
        addressing_style="Path",
        credentials_path=str(secret_path),
    )


def posix_side(root: Path, path: str = "") -> PosixSide:
    """A folder as a side of a plan."""
    return PosixSide(uri=f"nfs://h{root}/{path}", root=str(root), path=path)


def make_s3(tmp_path: Path, server: Any, client: Any, bucket: str) -> Side:
    """A prefix of a bucket, not yet checked."""
    secret = credentials(tmp_path / "secret", server)
    side = s3_side(server, bucket, secret, f"p-{uuid.uuid4().hex[:6]}/")
    return Side(S3Storage(side), side, client)


def make_posix(parent: Path, *, windows: bool = False) -> Side:
    """A new folder, not yet checked."""
    root = parent / f"root-{uuid.uuid4().hex[:12]}"
    root.mkdir()
    side = posix_side(root)
    storage = PosixStorage(side, writes=True, sets_owner=False, started_ns=2**62)
    return Side(storage, side, folder=root, windows=windows)


def make_mounted(kind: str) -> Side:
    """A new folder of a file system that a kernel mounted, not yet checked."""
    return make_posix(Path(MOUNTS[kind]), windows=kind.startswith("cifs"))


def make_smb(kind: str, server: Any, folder: Path, secret: Path) -> Side:
    """A storage on a share, plain (but signed) or encrypted, not yet checked."""
    encrypted = kind == "smb-encrypted"
    side = server.side(
        server.credentials(secret),
        f"{folder.name}/",
        share="enc" if encrypted else "data",
        encryption="Required" if encrypted else "Off",
    )
    storage = SmbStorage(side, writes=True, started_ns=2**62)
    return Side(storage, side, folder=folder, windows=True)


def file(key: bytes, body: bytes = b"", **metadata: Any) -> Content:
    """A file to be written."""
    stated = META._replace(**metadata)
    return Content(Entry(key, Kind.FILE, len(body), stated.mtime_ns, stated), body)


def link(key: bytes, target: bytes) -> Content:
    """A link to be written."""
    return Content(Entry(key, Kind.SYMLINK, len(target), META.mtime_ns, META), target)


def folder(key: bytes) -> Entry:
    """A folder to be made."""
    return Entry(key, Kind.FOLDER, 0, META.mtime_ns, META._replace(mode=0o750))


async def listed(storage: Any, chosen: Filter = ALL) -> list[Entry]:
    """The whole listing."""
    return [entry async for batch in storage.listing(chosen) for entry in batch.entries]


def fine(answers: list[Any]) -> list[Any]:
    """The answers, none of them an error."""
    for answer in answers:
        if isinstance(answer, StorageError):
            raise answer
    return answers


class BytesReader:
    """A large file out of memory."""

    def __init__(self, entry: Entry, body: bytes) -> None:
        self.entry = entry
        self._body = memoryview(body)

    async def read(self) -> bytes:
        chunk, self._body = bytes(self._body[: 1024 * 1024]), self._body[1024 * 1024 :]
        return chunk

    async def close(self) -> None:
        pass
