"""Signature Version 4 for S3, in the Authorization header: pure, the time is passed in.

botocore's own signer takes 48 µs a request, more than all the rest of a small upload; this one
takes a tenth of that.  The rule is AWS's page "Authenticating Requests: Using the Authorization
Header (AWS Signature Version 4)".  It signs headers alone: neither query strings (presigned URLs)
nor the chunks of a body.
"""

import hmac
import re
import time
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import quote

from datasync_runner.storage.errors import NotSupported

UNSIGNED: Final = "UNSIGNED-PAYLOAD"
EMPTY_SHA256: Final = sha256().hexdigest()

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
# HMAC by its definition (RFC 2104): hmac.digest sets up OpenSSL's each time, three times as dear.
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_.~/-]*").fullmatch


class Credentials(NamedTuple):
    """What signs: no message and no repr shows the secret or the token."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.access_key!r}, ***)"


class _Second(NamedTuple):
    """What all requests of one second share."""

    stamp: str
    inner: bytes
    """The inner pad of the HMAC, then the string to sign up to the canonical request's hash."""
    outer: bytes
    credential: str
    """The Authorization header up to the names of the signed headers."""


class Signer:
    """Signs the requests to one region with one pair of keys; None signs nothing (anonymous).

    `skew_seconds` is the server's clock minus ours; whoever learns it from a RequestTimeTooSkewed
    answer sets it.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        region: str,
        service: str = "s3",
        *,
        standing: Sequence[tuple[str, str]] = (),
    ) -> None:
        """`standing` are headers of every request."""
        self.skew_seconds = 0.0
        self._credentials = credentials
        self._region = region
        self._service = service
        self._now = -1
        self._day: str = ""
        self._key: bytes = b""
        self._second = _Second("", b"", b"", "")
        self._standing = list(standing)
        if credentials and credentials.token:
            self._standing.append(("x-amz-security-token", credentials.token))

    def lines(
        self,
        method: str,
        host: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        payload: str,
        now_seconds: float,
    ) -> list[str]:
        """The header lines of a request, for libcurl, which sends the Host line by itself.

        `host` is what libcurl sends there; `path` is from `encode_key`, `query` from
        `canonical_query`; the names of `headers` are in lower case and each there once; `payload`
        is the body's SHA-256, or UNSIGNED.  Values are sent as given, and signed trimmed and with
        single spaces, as the rule says.

        Raises: NotSupported (without a key) for values with control characters, which could forge
        headers, or with anything but ASCII, which botocore refuses in metadata too, since servers
        disagree about its encoding.
        """
        if self._credentials is None:
            return _checked([*headers, *self._standing])
        now = int(now_seconds + self.skew_seconds)
        stamp, inner, outer, credential = (
            self._second if now == self._now else self._next_second(self._credentials, now)
        )
        host_header = ("host", host)
        signed = [
            *headers,
            host_header,
            ("x-amz-content-sha256", payload),
            ("x-amz-date", stamp),
            *self._standing,
        ]
        signed.sort()
        names, values = zip(*signed, strict=True)
        lines = canonical = list(map(":".join, signed))
        unusual = "".join(values).encode("utf-8", "surrogatepass").translate(None, _VISIBLE)
        if unusual or "" in values:
            lines = _checked(signed)
            canonical = [f"{name}:{' '.join(value.split())}" for name, value in signed]
        signed_names = ";".join(names)
        request = "\n".join([method, path, query, *canonical, "", signed_names, payload])
        hashed = sha256(request.encode()).hexdigest()
        signature = sha256(outer + sha256(inner + hashed.encode()).digest()).hexdigest()
        del lines[signed.index(host_header)]
        lines.append(f"{credential}{signed_names}, Signature={signature}")
        return lines

    def _next_second(self, credentials: Credentials, now: int) -> _Second:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        day = stamp[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        if day != self._day:
            key = f"AWS4{credentials.secret_key}".encode()
            for part in scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key.ljust(64, b"\0")
        self._now = now
        self._second = _Second(
            stamp,
            self._key.translate(_INNER) + f"{_ALGORITHM}\n{stamp}\n{scope}\n".encode(),
            self._key.translate(_OUTER),
            f"authorization:{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
            "SignedHeaders=",
        )
        return self._second


def encode_key(key: str) -> str:
    """The key as it stands in a path, encoded once: unreserved characters and "/" are kept."""
    return key if _PLAIN_KEY(key) else quote(key, safe="/")


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """The query string, encoded and in the order of its signature."""
    return "&".join(
        [
            f"{name}={value}"
            for name, value in sorted(
                (quote(name, safe=""), quote(v, safe="")) for name, v in pairs
            )
        ]
    )


def _checked(headers: Sequence[tuple[str, str]]) -> list[str]:
    """The lines, also for values that are empty or have spaces.  Raises: NotSupported.

    libcurl takes "name:" for a header to be left out, and "name;" for an empty one.
    """
    lines: list[str] = []
    for name, value in headers:
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise NotSupported(
                f"header {name} cannot carry its value: S3 takes printable ASCII characters alone "
                "in metadata and headers; encode the value at the source, or exclude the file"
            )
        lines.append(f"{name}:{value}" if value.strip() else f"{name};")
    return lines
