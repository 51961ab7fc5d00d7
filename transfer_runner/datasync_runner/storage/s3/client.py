"""The boto3 client and the border for its errors: the only module that imports boto3 or botocore.

Credentials come from the files of a mounted Secret, or from botocore's own chain; they appear in no
message.
"""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import botocore.exceptions as foreign
from botocore.config import Config

from datasync_api.plan import S3Side
from datasync_runner.storage import errors

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

THREADS: Final = 32
ACCESS_KEY, SECRET_KEY, TOKEN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)

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
    "IllegalLocationConstraintException": errors.ConfigurationInvalid,
    "AccessDenied": errors.Denied,
    "403": errors.Denied,
    "NoSuchKey": errors.Missing,
    "404": errors.Missing,
    "PreconditionFailed": errors.ChangedDuringTransfer,
    "412": errors.ChangedDuringTransfer,
    "BadDigest": errors.Unavailable,  # damaged on the way: send it again
    "XAmzContentChecksumMismatch": errors.Unavailable,
    "IncompleteBody": errors.Unavailable,
    "RequestTimeout": errors.Unavailable,
    "SlowDown": errors.Unavailable,
    "ServiceUnavailable": errors.Unavailable,
    "InternalError": errors.Unavailable,
    "OperationAborted": errors.Unavailable,
    "ConditionalRequestConflict": errors.Unavailable,
    "InvalidObjectState": errors.Denied,  # archived
    "KeyTooLongError": errors.NameNotRepresentable,
    "InvalidURI": errors.NameNotRepresentable,
    "InvalidRequest": errors.NotSupported,
    "MetadataTooLarge": errors.NotSupported,
    "EntityTooLarge": errors.NotSupported,
    "NotImplemented": errors.NotSupported,
}
"""S3's error codes; those of HEAD requests are status numbers."""

FAMILIES: tuple[tuple[type[Exception], type[errors.StorageError]], ...] = (
    (foreign.NoCredentialsError, errors.CredentialsRefused),
    (foreign.PartialCredentialsError, errors.CredentialsRefused),
    (foreign.CredentialRetrievalError, errors.CredentialsRefused),
    (foreign.TokenRetrievalError, errors.CredentialsRefused),
    (foreign.ParamValidationError, errors.NotSupported),
    (foreign.SSLError, errors.ConfigurationInvalid),
    (foreign.HTTPClientError, errors.Unavailable),
    (foreign.ConnectionError, errors.Unavailable),
    (foreign.IncompleteReadError, errors.Unavailable),
    (foreign.FlexibleChecksumError, errors.Unavailable),
    (foreign.CapacityNotAvailableError, errors.Unavailable),
    (foreign.BotoCoreError, errors.Unexpected),
)
"""Errors that botocore raises itself; the first family that fits."""


def make_client(side: S3Side) -> "S3Client":
    """The client of one side.  Raises: ConfigurationInvalid."""
    access, secret, token = _credentials(side)
    session = boto3.session.Session(
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        aws_session_token=token,
        region_name=side.region,
    )
    style = "path" if side.addressing_style == "Path" else "virtual"
    try:
        return session.client(  # pyright: ignore[reportUnknownMemberType] - other services
            "s3",
            endpoint_url=side.endpoint,
            verify=side.ca_bundle_path,
            config=Config(
                connect_timeout=5,
                read_timeout=60,
                max_pool_connections=THREADS,
                retries={"mode": "standard", "total_max_attempts": 3},
                s3={"addressing_style": style},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                user_agent_extra="datasync-kubernetes",
            ),
        )
    except (ValueError, foreign.BotoCoreError) as error:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: cannot use endpoint {side.endpoint} in region {side.region}: {error}"
        ) from error


def _credentials(side: S3Side) -> tuple[str | None, str | None, str | None]:
    if side.credentials_path is None:
        return None, None, None
    folder = Path(side.credentials_path)
    found = {name: _secret(folder / name) for name in (ACCESS_KEY, SECRET_KEY, TOKEN)}
    for name in (ACCESS_KEY, SECRET_KEY):
        if not found[name]:
            raise errors.ConfigurationInvalid(
                f"{side.uri}: the Secret of the location has no key {name} (looked for in "
                f"{folder}); it needs {ACCESS_KEY} and {SECRET_KEY}, and may have {TOKEN}"
            )
    return found[ACCESS_KEY], found[SECRET_KEY], found[TOKEN]


def _secret(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


@contextlib.contextmanager
def border(side: S3Side, key: bytes = b"") -> Generator[None]:
    """Turn the errors of boto3 into ours.  Raises: StorageError."""
    try:
        yield
    except foreign.ClientError as error:
        raise from_client_error(error, side, key) from error
    except foreign.BotoCoreError as error:
        ours = next(mapped for family, mapped in FAMILIES if isinstance(error, family))
        raise explained(ours, side, key, str(error)) from error


def from_client_error(error: foreign.ClientError, side: S3Side, key: bytes) -> errors.StorageError:
    """Our error for an error answer of the server."""
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    ours = CODES.get(code)
    if ours is None:
        ours = errors.Unavailable if status >= 500 or status == 429 else errors.Unexpected
    text = answer.get("Error", {}).get("Message") or code
    return explained(ours, side, key, f"{error.operation_name}: {code}: {text}")


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
    if ours is errors.Unavailable:
        return ours(f"{side.uri} does not answer well: {cause}", key)
    return ours(cause, key)


def denied(error: errors.Denied, side: S3Side) -> errors.CredentialsRefused:
    """No right to the bucket as a whole, told to the user as what it is."""
    return errors.CredentialsRefused(
        f"{side.uri}: the credentials may not list the bucket ({error.message}); allow "
        "s3:ListBucket on the bucket and the object actions below it, or check "
        f"{ACCESS_KEY} and {SECRET_KEY} in the Secret of the location"
    )
