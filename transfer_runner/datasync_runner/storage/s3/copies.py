"""CopyObject: from another place, to another key, and onto itself to give it other metadata.

Nothing here waits, as in `objects`.  What is larger than one request may copy is `multipart`'s.
"""

import re
from html import unescape
from typing import Final

from datasync_api.sides import S3Side
from datasync_runner.checksums import from_header
from datasync_runner.core.entry import ARCHIVES, Entry, ObjectHeaders
from datasync_runner.storage import errors
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.client import Finish
from datasync_runner.storage.s3.gather import Give, then
from datasync_runner.storage.s3.naming import copy_source, etag_in, version_of
from datasync_runner.storage.s3.objects import Objects
from datasync_runner.storage.s3.tags import REPLACED
from datasync_runner.storage.values import Duplicate, Written

_CHECKED: Final[tuple[str, str]] = ("x-amz-checksum-algorithm", "CRC64NVME")
_COPIED: Final = re.compile(rb"<(ETag|ChecksumCRC64NVME)>([^<]*)</")


def update_metadata(objects: Objects, entry: Entry, give: Give[Entry]) -> None:
    """CopyObject onto itself; content type and foreign user metadata stay."""
    if entry.headers is None:

        def known(found: Entry | errors.StorageError) -> None:
            if isinstance(found, errors.StorageError):
                give(found)
            else:
                exact = entry._replace(headers=found.headers)
                _rewrite(objects, exact, then(give, lambda _: exact))

        objects.inspect(entry._replace(metadata=None, version_id=""), known)
    else:
        _rewrite(objects, entry, then(give, lambda _: entry))


def restate(objects: Objects, written: Written, give: Give[Written]) -> None:
    """As `update_metadata`, of the very object that was written, and of what its entry says alone.

    ChangedDuringTransfer as answer where its ETag is known and another object is there by now.
    """

    def restated(answer: Answer) -> Written:
        version_id = version_of(answer.headers())
        # Where its own was not known, nobody knows what was copied.
        etag = etag_in(answer.body) if written.etag else ""
        return written._replace(version_id=version_id, etag=etag)

    entry = written.entry._replace(headers=written.entry.headers or ObjectHeaders())
    _rewrite(objects, entry, then(give, restated), etag=written.etag)


def _rewrite(objects: Objects, entry: Entry, finish: Finish, *, etag: str = "") -> None:
    path = objects.path(entry.key)
    headers = [
        *objects.stated(entry),
        *copy_source(objects.side, objects.name(entry.key), objects.side),
        ("x-amz-metadata-directive", "REPLACE"),
        objects.algorithm_header,
    ]
    if entry.headers is not None and entry.headers.tags is not None:
        headers.append(REPLACED)
    if etag:
        headers.append(("x-amz-copy-source-if-match", etag))
    call = Call("CopyObject", "PUT", path, headers=headers, body=b"", key=entry.key, thinks=True)
    objects.client.start(call, finish)


def copy(objects: Objects, entry: Entry, source: S3Side, give: Give[Written]) -> None:
    """CopyObject of the very object that was listed, with all its metadata.

    It is proven when the server says that the copy has the source's ETag.
    """
    name = source.prefix + entry.key.decode("utf-8", "surrogateescape")
    archived = objects.keeping.class_of(entry) in ARCHIVES
    headers = [
        *copy_source(source, name, objects.side, version_id=entry.version_id),
        *objects.keeping.headers(entry),
        _CHECKED if archived else objects.algorithm_header,  # no reading back from an archive
    ]
    if not objects.copies_tags:
        headers.append(REPLACED)  # by none
    if entry.etag:
        headers.append(("x-amz-copy-source-if-match", entry.etag))

    def written(answer: Answer) -> Written:
        etag, checksum = copied(answer.body)
        same = etag == entry.etag.strip('"') != ""
        version_id = version_of(answer.headers())
        return Written(entry, checksum, same and "-" not in etag, version_id)

    path = objects.path(entry.key)
    call = Call("CopyObject", "PUT", path, headers=headers, body=b"", key=entry.key, thinks=True)
    objects.client.start(call, then(give, written))


def duplicate(objects: Objects, copy: Duplicate, give: Give[Written]) -> None:
    """CopyObject of an object under another key of the same place, with the entry's metadata.

    It is proven when the server says that the copy has the checksum of what was sent, or, where
    that is not known, the ETag of the very object that is meant; where it says nothing, `verify`
    looks at it.  VerificationFailed as answer where it says another checksum.
    """
    entry, first, checksum = copy
    headers = [
        *objects.stated(entry),
        *copy_source(objects.side, objects.name(first.key), objects.side),
        ("x-amz-metadata-directive", "REPLACE"),
        REPLACED,  # what somebody else has tagged the first one with is not the other names'
        objects.algorithm_header,
    ]
    if first.etag:
        headers.append(("x-amz-copy-source-if-match", first.etag))

    def written(answer: Answer) -> Written | errors.StorageError:
        etag, told = copied(answer.body)
        version_id = version_of(answer.headers())
        if checksum is not None:
            if told is not None and told != checksum:
                return errors.VerificationFailed("another content was copied", entry.key)
            proven = told == checksum and objects.vouches
            return Written(entry, checksum, proven, version_id)
        if "-" in etag or etag != first.etag.strip('"'):
            return errors.NotSupported("nothing proves the copy", entry.key)
        return Written(entry, told, proven=True, version_id=version_id)

    path = objects.path(entry.key)
    call = Call("CopyObject", "PUT", path, headers=headers, body=b"", key=entry.key, thinks=True)
    objects.client.start(
        call, lambda answer: give(written(answer) if isinstance(answer, Answer) else answer)
    )


def copied(body: bytes) -> tuple[str, int | None]:
    """The ETag, without quotes, and the CRC64NVME that a server tells of a copy it has made."""
    told = dict(_COPIED.findall(body))
    etag = unescape(told.get(b"ETag", b"").decode()).strip('"')  # MinIO: &#34;, others: &quot;
    return etag, from_header(told.get(b"ChecksumCRC64NVME", b"").decode("ascii", "replace"))
