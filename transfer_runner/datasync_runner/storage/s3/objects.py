"""One object at a time: read, write, copy, describe, check.

What is written carries a CRC64NVME computed before it was sent, which the server checks; what is
read is compared with the one that the server has stored.  Nothing here waits: each method starts
its requests and hands the answer to `give` when it is there.
"""

import asyncio
import re
from typing import Final

from datasync_api.sides import S3Side
from datasync_api.task_options import ObjectTags
from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.names import problem
from datasync_runner.storage import errors
from datasync_runner.storage.s3.algorithms import ALGORITHMS, CRC64NVME, Algorithm
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.gather import Give, then
from datasync_runner.storage.s3.keeping import STANDARD, STORAGE_CLASS, Keeping
from datasync_runner.storage.s3.metadata import described, headers_of, stored_checksum
from datasync_runner.storage.s3.naming import version_of, version_query
from datasync_runner.storage.s3.proof import refuses
from datasync_runner.storage.s3.tags import TagReader, stated_tags
from datasync_runner.storage.values import Content, Examined, Written

MAX_KEY_BYTES: Final = 1024
_ENABLED: Final[tuple[str, str]] = ("x-amz-checksum-mode", "ENABLED")


_CHECKSUMS: Final = [(one.header, one.of) for one in ALGORITHMS.values()]
_PLAIN: Final = re.compile(r"[A-Za-z0-9+/=]+")
"""A checksum that can be compared; that of parts has their number behind it."""


class Objects:
    """The objects below one prefix."""

    def __init__(
        self, client: Client, *, tags: ObjectTags = "None", algorithm: Algorithm = CRC64NVME
    ) -> None:
        """`tags`: as the task's option says, where both sides are object storage.

        `algorithm`: what is stated of what is written.
        """
        self.client, self.algorithm = client, algorithm
        self.copies_tags, self._compares_tags = tags != "None", tags == "Preserve"
        self._tags = TagReader(client, self.path)
        self._stated = algorithm.header
        self.algorithm_header = ("x-amz-checksum-algorithm", algorithm.name)
        self.checks: bool | None = None
        """Whether the server refuses wrong checksums; None: not known yet."""
        self._asking = asyncio.Lock()
        self.keeping = Keeping(client.side)
        """Storage class and encryption of what is written."""

    @property
    def vouches(self) -> bool:
        """Whether stored checksums are believed.

        | server | refuses wrong checksums | |
        |---|---|---|
        | any | yes | yes |
        | any | no | no |
        | Amazon S3 | not known | yes |
        | another | not known | no |
        """
        return self.side.endpoint is None if self.checks is None else self.checks

    @property
    def side(self) -> S3Side:
        """Bucket and prefix."""
        return self.client.side

    def name(self, key: bytes) -> str:
        """The object's whole name.  Raises: NameNotRepresentable."""
        try:
            name = self.side.prefix + key.decode("utf-8")
        except UnicodeDecodeError as error:
            raise errors.NameNotRepresentable(
                "the name is not UTF-8, and an S3 key must be", key
            ) from error
        if len(name) > MAX_KEY_BYTES // 4 and len(name.encode()) > MAX_KEY_BYTES:
            raise errors.NameNotRepresentable("an S3 key has at most 1024 bytes", key)
        if "\\" in name and (reason := problem(key)):
            raise errors.NameNotRepresentable(reason, key)
        return name

    def path(self, key: bytes) -> str:
        """The object's path in URLs.  Raises: NameNotRepresentable."""
        return self.client.path(self.name(key))

    def inspect(self, entry: Entry, give: Give[Entry]) -> None:
        """The entry with what HEAD tells: Missing, Denied, Unavailable as answers."""
        if entry.implied or entry.metadata is not None:
            give(entry)
            return

        def finish(answer: Answer | errors.StorageError) -> None:
            if isinstance(answer, errors.StorageError):
                give(answer)
            else:
                headers = answer.headers()
                # A listing tells the class; what a manifest names is not listed.
                kept = entry.storage_class or headers.get(STORAGE_CLASS, STANDARD)
                found = described(entry.key, headers, _length(headers), storage_class=kept)
                if version_id:
                    found = found._replace(version_id=version_id)
                if self._compares_tags and found.kind is not Kind.FOLDER:
                    self._tags.add(found, give)
                else:
                    give(found)

        version_id = entry.version_id
        path, query = self.path(entry.key), version_query(version_id)
        self.client.start(Call("HeadObject", "HEAD", path, query, key=entry.key), finish)

    def examine(self, entry: Entry, give: Give[Examined], *, trusted: bool) -> None:
        """The entry with what HEAD tells, and the stored checksum where it is trusted."""
        if entry.implied:
            give(Examined(entry))
            return

        def finish(answer: Answer | errors.StorageError) -> None:
            if isinstance(answer, errors.StorageError):
                give(answer)
                return
            headers = answer.headers()
            kept = entry.storage_class or headers.get(STORAGE_CLASS, STANDARD)
            found = described(entry.key, headers, _length(headers), storage_class=kept)
            if version_id:
                found = found._replace(version_id=version_id)
            checksum = stored_checksum(headers) if trusted else None
            if self._compares_tags and found.kind is not Kind.FOLDER:
                self._tags.add(found, then(give, lambda e: Examined(e, checksum)))
            else:
                give(Examined(found, checksum))

        version_id, key = entry.version_id, entry.key
        path, query = self.path(key), version_query(version_id)
        call = Call("HeadObject", "HEAD", path, query, headers=[_ENABLED], key=key)
        self.client.start(call, finish)

    def read(self, entry: Entry, give: Give[Content]) -> None:
        """A whole object, the very one that was listed; any FileError, Unavailable as answers."""
        key = entry.key
        headers: list[tuple[str, str]] = [_ENABLED]
        if entry.etag:
            headers.append(("if-match", entry.etag))

        def judge(answer: Answer) -> errors.StorageError | None:
            told = answer.headers()
            if told.get("x-amz-checksum-type", "").upper() == "COMPOSITE":
                return None
            for header, of in _CHECKSUMS:
                stated = told.get(header)
                if stated is not None and stated != of(answer.body) and _PLAIN.fullmatch(stated):
                    break
            else:
                return None
            return errors.Unavailable("it arrived damaged: its checksum differs from S3's", key)

        def finish(answer: Answer | errors.StorageError) -> None:
            if isinstance(answer, errors.StorageError):
                give(answer)
            else:
                body = answer.body
                content = Content(described(key, answer.headers(), len(body)), body)
                if self.copies_tags:
                    found = content.entry._replace(version_id=entry.version_id)
                    self._tags.add(found, then(give, lambda e: Content(e, body)))
                else:
                    give(content)

        path, query = self.path(key), version_query(entry.version_id)
        call = Call("GetObject", "GET", path, query, headers=headers, key=key, judge=judge)
        self.client.start(call, finish)

    def write(self, content: Content, give: Give[Written]) -> None:
        """PUT of a whole object, its checksum judged by the server."""
        entry = content.entry
        checksum = crc64(content.body)
        stated = self.algorithm.stated(content.body, checksum)
        call = self.write_call(content)
        call.headers.append((self._stated, stated))

        def finish(answer: Answer | errors.StorageError) -> None:
            if isinstance(answer, errors.StorageError):
                give(answer)
                return
            told = answer.headers()
            echo, version_id, etag = told.get(self._stated), version_of(told), told.get("etag", "")
            if echo is None or not _PLAIN.fullmatch(echo):
                give(Written(entry, checksum, version_id=version_id, etag=etag))
            elif echo != stated:
                give(errors.Unavailable("it arrived damaged: the server's checksum differs"))
            else:
                give(Written(entry, checksum, self.checks is True, version_id, etag))

        self.client.start(call, finish)

    async def learn(self, call: Call) -> None:
        """Find out whether the server checks, with what is to be written.  Raises: StopError."""
        async with self._asking:
            if self.checks is None:
                self.checks = await refuses(self.client, call, self.algorithm)

    def write_call(self, content: Content) -> Call:
        """The PUT of a whole object, without a checksum.  Raises: NameNotRepresentable."""
        entry, body = content
        path = self.path(entry.key)
        headers = self.stated(entry)
        return Call("PutObject", "PUT", path, headers=headers, body=body, key=entry.key)

    def stated(self, entry: Entry) -> list[tuple[str, str]]:
        """What a request says of the object that it makes: metadata, storage class, encryption."""
        headers = headers_of(entry)
        headers += self.keeping.headers(entry)
        if self.copies_tags:
            headers += stated_tags(entry)
        return headers

    def tagged(self, entry: Entry, give: Give[Entry]) -> None:
        """An object that is read, with its tags where they are to be copied."""
        known = entry.headers is not None and entry.headers.tags is not None
        if self.copies_tags and not known:
            self._tags.add(entry, give)
        else:
            give(entry)

    def write_folder(self, entry: Entry, give: Give[Entry]) -> None:
        """PUT of the marker `dir/`."""

        def finish(answer: Written | errors.StorageError) -> None:
            give(answer if isinstance(answer, errors.StorageError) else answer.entry)

        self.write(Content(entry, b""), finish)

    def head(self, entry: Entry, give: Give[dict[str, str]]) -> None:
        """The headers of an object, its stored checksum among them."""
        key, query = entry.key, version_query(entry.version_id)
        call = Call("HeadObject", "HEAD", self.path(key), query, headers=[_ENABLED], key=key)
        self.client.start(call, then(give, Answer.headers))


def _length(headers: dict[str, str]) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0
