"""Object tags: read by a request of their own, written as one header.

Neither a listing nor HEAD tells tags, and a change of tags moves no time stamp: who wants to see
one has to ask for each object, as AWS DataSync does.
"""

import html
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, urlencode

from datasync_runner.core.entry import Entry, ObjectHeaders, Tags
from datasync_runner.storage import errors
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.client import Client
from datasync_runner.storage.s3.gather import Give
from datasync_runner.storage.s3.signer import canonical_query

TAGGING: Final = "x-amz-tagging"
REPLACED: Final[tuple[str, str]] = ("x-amz-tagging-directive", "REPLACE")
"""A copy has the tags that its request states, instead of its source's."""

_ROOT: Final = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<Tagging[\s>]")
_TAG: Final = re.compile(rb"<Tag>(.*?)</Tag>", re.DOTALL)
_KEY: Final = re.compile(rb"<Key>([^<]*)</Key>")
_VALUE: Final = re.compile(rb"<Value>([^<]*)</Value>")


def parse_tags(body: bytes) -> Tags | None:
    """The tags in an answer of GetObjectTagging, sorted; None: it is no such answer."""
    if _ROOT.match(body) is None:
        return None
    found: list[tuple[str, str]] = []
    for tag in _TAG.findall(body):
        key, value = _KEY.search(tag), _VALUE.search(tag)
        if key is None:
            return None
        found.append((_text(key[1]), _text(value[1]) if value else ""))
    return tuple(sorted(found))


def stated_tags(entry: Entry) -> list[tuple[str, str]]:
    """The header that gives an object its tags; none: it has none, or nobody asked."""
    tags = entry.headers.tags if entry.headers is not None else None
    return [(TAGGING, urlencode(tags, safe="", quote_via=quote))] if tags else []


class TagReader:
    """Asks for the tags of objects."""

    def __init__(self, client: Client, path: Callable[[bytes], str]) -> None:
        """`path`: from a key to the path in URLs."""
        self._client, self._path = client, path

    def add(self, entry: Entry, give: Give[Entry]) -> None:
        """The entry with its tags; Denied or ConfigurationInvalid (no tags there) as answers."""
        key = entry.key

        def finish(answer: Answer | errors.StorageError) -> None:
            told = self._told(answer)
            if isinstance(told, errors.StorageError):
                give(told)
            else:
                headers = entry.headers or ObjectHeaders()
                give(entry._replace(headers=headers._replace(tags=told)))

        version = [("versionId", entry.version_id)] if entry.version_id else []
        query = canonical_query([("tagging", ""), *version])
        call = Call("GetObjectTagging", "GET", self._path(key), query, key=key)
        self._client.start(call, finish)

    def _told(self, answer: Answer | errors.StorageError) -> Tags | errors.StorageError:
        if isinstance(answer, errors.NotSupported):
            return self._unknown(answer.message)
        if isinstance(answer, errors.StorageError):
            # Some servers say so of an object without any.
            return () if answer.error_code == "NoSuchTagSet" else answer
        tags = parse_tags(answer.body)
        return self._unknown("it answers with something else") if tags is None else tags

    def _unknown(self, cause: str) -> errors.ConfigurationInvalid:
        return errors.ConfigurationInvalid(
            f"{self._client.side.uri}: the server knows no object tags ({cause}); set objectTags: "
            "None in the options of the task"
        )


def _text(written: bytes) -> str:
    return html.unescape(written.decode("utf-8", "replace"))
