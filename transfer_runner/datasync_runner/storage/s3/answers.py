"""S3's error answers to errors of ours: the table of codes, and the words for users.

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

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.credentials import ACCESS_KEY, SECRET_KEY, TOKEN

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

_REFUSED: Final = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "AuthorizationHeaderMalformed",
    "RequestTimeTooSkewed",
)
CODES: Final[dict[str, type[errors.StorageError]]] = {
    **dict.fromkeys(_REFUSED, errors.CredentialsRefused),
    "NoSuchBucket": errors.BucketMissing,
    "PermanentRedirect": errors.ConfigurationInvalid,
    "301": errors.ConfigurationInvalid,
    "TemporaryRedirect": errors.Unavailable,
    "307": errors.Unavailable,
    "IllegalLocationConstraintException": errors.ConfigurationInvalid,
    "AccessDenied": errors.Denied,
    "403": errors.Denied,
    "NoSuchKey": errors.Missing,
    "NoSuchUpload": errors.Missing,
    "404": errors.Missing,
    "PreconditionFailed": errors.ChangedDuringTransfer,
    "412": errors.ChangedDuringTransfer,
    "BadDigest": errors.Unavailable,  # damaged on the way: send it again
    "XAmzContentChecksumMismatch": errors.Unavailable,
    "XAmzContentSHA256Mismatch": errors.Unavailable,
    "IncompleteBody": errors.Unavailable,
    "RequestTimeout": errors.Unavailable,
    "SlowDown": errors.Throttled,
    "ServiceUnavailable": errors.Throttled,
    "503": errors.Throttled,
    "429": errors.Throttled,
    "InternalError": errors.Unavailable,
    "OperationAborted": errors.Unavailable,
    "ConditionalRequestConflict": errors.Unavailable,
    "InvalidObjectState": errors.Archived,
    "KeyTooLongError": errors.NameNotRepresentable,
    "InvalidURI": errors.NameNotRepresentable,
    "ObjectParentIsFile": errors.Conflict,  # Versity's gateway, where keys are paths
    "ExistingObjectIsDirectory": errors.Conflict,
    "InvalidRequest": errors.NotSupported,
    "MetadataTooLarge": errors.NotSupported,
    "EntityTooLarge": errors.NotSupported,
    "NotImplemented": errors.NotSupported,
    "501": errors.NotSupported,
    "MethodNotAllowed": errors.NotSupported,
    "QuotaExceeded": errors.Full,  # Ceph
    "XMinioStorageFull": errors.Full,
    "507": errors.Full,
}
"""S3's error codes; where an answer has none (HEAD has no body), its status."""

_ELEMENT: Final = re.compile(rb"<(Code|Message|Region|Endpoint|ServerTime)>([^<]*)</\1>")
_ERROR_ROOT: Final = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<Error[\s>]")
_REGION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_TEXT: Final = 500


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

    A body that is no XML error is passed over.  Raises nothing.
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
        found.get(b"Message") or (_phrase(status) if code == str(status) else code),
        region if _REGION.fullmatch(region) else "",
        headers.get("location") or found.get(b"Endpoint", ""),
        clock if clock is not None else _seconds(headers.get("date", "")),
    )


def has_error(body: bytes) -> bool:
    """Whether the body of a 200 is an error after all.

    CopyObject, UploadPartCopy and CompleteMultipartUpload send their status before they are done.
    """
    return _ERROR_ROOT.match(body) is not None


def to_error(
    answer: ErrorAnswer, side: S3Side, *, operation: str, key: bytes = b""
) -> errors.StorageError:
    """Our error for an error answer, with what, why and how to fix, and S3's code in it."""
    cause = f"{operation}: {answer.code}: {answer.text}"
    ours = CODES.get(answer.code) or _by_status(answer.status)
    if answer.moved and answer.region:
        ours = errors.ConfigurationInvalid
        cause = f"{cause}; the bucket is in region {answer.region}, the location says {side.region}"
    if answer.code == "RequestTimeTooSkewed":
        error = ours(
            f"{side.uri}: the clock of this node and the storage's differ too much ({cause}); set "
            "the node's clock by NTP",
            key,
        )
    else:
        error = explained(ours, side, key, cause)
    error.error_code = answer.code
    return error


def explained(
    ours: type[errors.StorageError], side: S3Side, key: bytes, cause: str
) -> errors.StorageError:
    """The error with what, why and how to fix."""
    if ours is errors.CredentialsRefused:
        how = (
            f"the Secret that the location names must have the right {ACCESS_KEY} and "
            f"{SECRET_KEY} (and {TOKEN} where they are temporary)"
            if side.credentials_path
            else "name a Secret at the location, or give the pod's service account a role"
        )
        if side.role_arn is not None:
            how = (
                f"{side.role_arn} must be there, and its trust policy must let the location's "
                "credentials assume it (sts:AssumeRole)"
            )
        return ours(f"{side.uri}: the storage refused the credentials ({cause}); {how}", key)
    if ours is errors.BucketMissing:
        return ours(
            f"{side.uri}: there is no bucket '{side.bucket}' at "
            f"{side.endpoint or 'S3 in ' + side.region} ({cause}); create it, or correct bucket, "
            "region and endpoint of the location",
            key,
        )
    if ours is errors.ConfigurationInvalid:
        return ours(
            f"{side.uri}: {cause}; check region, endpoint and caBundle of the location", key
        )
    if ours is errors.Archived:
        return ours(f"it is archived, and cannot be read until it is restored ({cause})", key)
    if issubclass(ours, errors.Unavailable):
        return ours(f"{side.uri} does not answer well: {cause}", key)
    return ours(cause, key)


def denied(error: errors.Denied, side: S3Side) -> errors.CredentialsRefused:
    """No right to the bucket as a whole, told to the user as what it is."""
    owner = side.expected_bucket_owner
    also = f", or correct expectedBucketOwner, which says {owner}" if owner else ""
    return errors.CredentialsRefused(
        f"{side.uri}: the credentials may not list the bucket ({error.message}); allow "
        "s3:ListBucket on the bucket and the object actions below it, or check "
        f"{ACCESS_KEY} and {SECRET_KEY} in the Secret of the location{also}; a Requester Pays "
        "bucket needs requesterPays: true"
    )


def _by_status(status: int) -> type[errors.StorageError]:
    if status in (429, 503):
        return errors.Throttled
    if status >= 500 or status in RETRIED_STATUSES:
        return errors.Unavailable
    return errors.Unexpected


def _plain(text: str) -> str:
    """The text on one line, fit for logs."""
    words = " ".join(text.split())[:_MAX_TEXT]
    return words if words.isprintable() else "".join(filter(str.isprintable, words))


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
