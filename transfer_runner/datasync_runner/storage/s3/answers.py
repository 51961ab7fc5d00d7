"""What S3's error answers say.  Pure.

The body is read by an expression of three elements, not by lxml, which is for listings: an error
is small, comes from who knows whom (proxies answer with HTML), and must never fail to be read.
Nothing here retries or renews: that is for who sends, told by the answer's properties.
"""

import html
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NamedTuple

MAX_BODY_BYTES: Final = 64 * 1024
"""More of a body is not looked at."""

RENEWABLE: Final = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "400"})
"""Codes after which new credentials may help; 400 is all that HEAD says of an expired token."""

MOVED: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "Redirect",
        "TemporaryRedirect",
        "301",
        "302",
        "307",
        "308",
    }
)
"""Codes of a bucket that is elsewhere."""

RETRIED_STATUSES: Final = frozenset({408, 429})

_ELEMENT: Final = re.compile(rb"<(Code|Message|Region|Endpoint|ServerTime)>([^<]*)</\1>")
_ERROR_ROOT: Final = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<Error[\s>]")
_TITLE: Final = re.compile(rb"<title>([^<]*)</title>", re.IGNORECASE)
_REGION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TEXT: Final = 500
_MAX_OTHER_TEXT: Final = 100


class ErrorAnswer(NamedTuple):
    """What an error answer says; region and location are empty where it does not say."""

    status: int
    code: str
    """S3's code, or the status as text."""
    text: str
    region: str = ""
    """Where the bucket is."""
    location: str = ""
    """The URL, or the host alone, to ask instead."""
    server_seconds: float | None = None
    """The server's clock, since the epoch."""

    @property
    def moved(self) -> bool:
        """Whether to ask in another region or at another host."""
        return self.code in MOVED and bool(self.region or self.location)

    @property
    def renewable(self) -> bool:
        """Whether the same request may succeed with newly read credentials."""
        return self.code in RENEWABLE

    @property
    def skewed(self) -> bool:
        """Whether the same request may succeed with the server's clock."""
        return self.code == "RequestTimeTooSkewed" and self.server_seconds is not None


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> ErrorAnswer:
    """What an answer says, from its status, headers (lower-case names) and body.

    Of a body that is no XML error its title counts, or its first words where it is plain text: the
    answer of a proxy, or of another service on that port.  Raises nothing.
    """
    found: dict[bytes, str] = {}
    if _ERROR_ROOT.match(body):
        for name, value in _ELEMENT.findall(body[:MAX_BODY_BYTES]):
            found.setdefault(name, _plain(html.unescape(value.decode("utf-8", "replace"))))
    code = found.get(b"Code") or str(status)
    region = headers.get("x-amz-bucket-region") or found.get(b"Region", "")
    clock = _seconds(found.get(b"ServerTime", ""))
    return ErrorAnswer(
        status,
        code,
        found.get(b"Message") or (_other_words(status, body) if code == str(status) else code),
        region if _REGION.fullmatch(region) else "",
        headers.get("location") or found.get(b"Endpoint", ""),
        clock if clock is not None else _seconds(headers.get("date", "")),
    )


def has_error(body: bytes) -> bool:
    """Whether the body of a 200 is an error after all.

    CopyObject, UploadPartCopy and CompleteMultipartUpload send their status before they are done.
    """
    return _ERROR_ROOT.match(body) is not None


def _plain(text: str) -> str:
    """The text on one line, fit for logs."""
    words = " ".join(text.split())[:_MAX_TEXT]
    return words if words.isprintable() else "".join(filter(str.isprintable, words))


def _other_words(status: int, body: bytes) -> str:
    start = body[:MAX_BODY_BYTES]
    if title := _TITLE.search(start):
        start = title[1]
    words = html.unescape(start.decode("utf-8", "replace"))
    if b"<" in start or "\ufffd" in words:
        return _phrase(status)
    return _plain(words)[:_MAX_OTHER_TEXT] or _phrase(status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "an answer without an explanation"


def _seconds(moment: str) -> float | None:
    """A time as HTTP writes it (Date), or as XML does (ServerTime); None: neither."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(moment).timestamp()
        except ValueError:
            continue
    return None
