"""S3's error answers to errors of ours: the table of codes, and the words for users."""

from typing import Final

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.answers import RETRIED_STATUSES, ErrorAnswer
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.credentials import ACCESS_KEY, SECRET_KEY, TOKEN

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


_NO_TLS: Final = "wrong version number"
"""OpenSSL's words, in libcurl's error 35, for a first answer that is no record of TLS."""

_MISTRUSTED: Final = (
    ("has expired", "renew it at the server; if it is valid, set the clock of this node by NTP"),
    ("not yet valid", "set the clock of this node by NTP, and the server's"),
    (
        "subject name",
        "write in endpoint a name that the certificate has, or renew it with this one",
    ),
)
"""OpenSSL's and libcurl's words, and what to do; with any others the authority is unknown."""
_NOTHING: Final = "Empty reply from server"
"""libcurl's words, in its error 52, for a connection that was closed without an answer."""


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


def strange(side: S3Side, cause: str) -> errors.ConfigurationInvalid:
    """What is no answer of S3, told to the user as what it is."""
    wrong = "region" if side.endpoint is None else "endpoint"
    return errors.ConfigurationInvalid(
        f"{side.uri}: {side.endpoint or 'S3 in ' + side.region} does not answer as an S3 server "
        f"does ({cause}); correct {wrong} of the location: it must be the address of the S3 API, "
        "with its own port, and http or https as is spoken there; not that of a console or a proxy"
    )


def _by_status(status: int) -> type[errors.StorageError]:
    if status in (429, 503):
        return errors.Throttled
    if status >= 500 or status in RETRIED_STATUSES:
        return errors.Unavailable
    return errors.Unexpected


def unanswered(side: S3Side, origin: str, call: Call, answer: Answer) -> errors.StorageError:
    """Our error where nothing came back; `origin` is the URL without a path that was asked."""
    if _NO_TLS in answer.problem and side.endpoint is not None and origin.startswith("https://"):
        return errors.NoService(  # a balancer may say in the clear, for a while, that it has none
            f"{side.uri}: the endpoint {origin} does not speak TLS on this port ({call.operation}: "
            f"{answer.problem}); correct the port, or, if data in the clear is intended, write "
            "http:// and set allowInsecure: true; where HTTPS_PROXY is set, that port may be meant",
            call.key,
        )
    if not answer.met:
        wrong = "region" if side.endpoint is None else "endpoint"
        return errors.NoService(
            f"{side.uri}: there is no server at {origin} ({call.operation}: {answer.problem}); "
            f"correct {wrong} of the location, or HTTPS_PROXY where that is set",
            call.key,
        )
    if answer.trusted:
        closed = origin.startswith("http://") and _NOTHING in answer.problem
        tls = "; where it speaks TLS on this port, write https:// in endpoint" if closed else ""
        return errors.Unavailable(
            f"{side.uri}: the endpoint {origin} does not answer well: "
            f"{call.operation}: {answer.problem}{tls}",
            call.key,
        )
    how = next(
        (how for words, how in _MISTRUSTED if words in answer.problem),
        "set caBundle of the location to the authority that signed it",
    )
    return errors.ConfigurationInvalid(
        f"{side.uri}: the certificate of {origin} is not trusted ({answer.problem}); {how}"
    )
