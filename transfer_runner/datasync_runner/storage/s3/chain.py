"""botocore's chain of credentials, and the border for its errors.

Environment, web identity (IRSA), Pod Identity, containers' and instances' metadata, profiles, roles
that are assumed: botocore knows them all, and renews what expires.  Nothing else of botocore is
used.
"""

import contextlib
from collections.abc import Generator
from typing import Any, Final

import botocore.credentials as found_by
import botocore.exceptions as foreign
import botocore.session

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.answers import RETRIED_STATUSES
from datasync_runner.storage.s3.credentials import CredentialSource
from datasync_runner.storage.s3.errors import explained
from datasync_runner.storage.s3.signer import Credentials

SESSION_NAME: Final = "datasync"
"""What a role's session is called in CloudTrail."""

FAMILIES: tuple[tuple[type[Exception], type[errors.StorageError]], ...] = (
    (foreign.SSLError, errors.ConfigurationInvalid),
    (foreign.HTTPClientError, errors.Unavailable),
    (foreign.ConnectionError, errors.Unavailable),
    (foreign.IncompleteReadError, errors.Unavailable),
    (foreign.CapacityNotAvailableError, errors.Unavailable),
    (foreign.BotoCoreError, errors.CredentialsRefused),
    (RuntimeError, errors.CredentialsRefused),  # "the refreshed credentials are still expired"
)
"""Errors that botocore raises itself; the first family that fits."""


class Chain:
    """The credentials of the pod: its service account's role, its environment, its node."""

    def __init__(self, side: S3Side) -> None:
        self._side = side
        self._session = botocore.session.get_session()
        self._session.set_config_variable("region", side.region)  # of the token service
        self._current: Credentials | None = None

    def current(self) -> Credentials:
        """The credentials as last read; the first call asks for them, and blocks.

        Raises: CredentialsRefused, Unavailable, ConfigurationInvalid.
        """
        if self._current is None:
            self._current = self._read()
        return self._current

    def refresh(self) -> bool:
        """Ask again, whether they changed; blocks.  botocore renews what expires soon.

        Raises: CredentialsRefused, Unavailable, ConfigurationInvalid.
        """
        before, self._current = self._current, self._read()
        return self._current != before

    def same_as(self, other: CredentialSource) -> bool:
        """A pod has one identity."""
        return type(other) is Chain

    def _read(self) -> Credentials:
        with _border(self._side):
            return _frozen(self._found())

    def _found(self) -> Any:
        """botocore's credentials, which renew themselves; None: there are none."""
        return self._session.get_credentials()


class Role(Chain):
    """A role that is assumed with the keys of a Secret, or with what the chain finds.

    Its session lasts an hour; botocore assumes the role again a quarter of an hour before its end,
    with the keys as they are then.
    """

    def __init__(self, side: S3Side, role_arn: str, secret: CredentialSource | None) -> None:
        super().__init__(side)
        self._arn, self._secret = role_arn, secret
        self._assumed: Any = None

    def same_as(self, other: CredentialSource) -> bool:
        """Whether it is the same role, assumed with the same keys."""
        if not isinstance(other, Role) or self._arn != other._arn:
            return False
        ours, theirs = self._secret, other._secret
        if ours is None or theirs is None:
            return ours is theirs
        return ours.same_as(theirs)

    def _found(self) -> Any:
        if self._secret is not None:
            self._secret.refresh()
        if self._assumed is None:
            keys = self._session.get_credentials() if self._secret is None else _Keys(self._secret)
            if keys is None:
                return None
            fetcher = found_by.AssumeRoleCredentialFetcher(
                self._session.create_client,
                keys,
                self._arn,
                extra_args={"RoleSessionName": SESSION_NAME},
            )
            self._assumed = found_by.DeferredRefreshableCredentials(
                fetcher.fetch_credentials, "assume-role"
            )
        return self._assumed


class _Keys:
    """The keys of a Secret, as botocore asks for them."""

    def __init__(self, secret: CredentialSource) -> None:
        self._secret = secret

    def get_frozen_credentials(self) -> Any:
        """The keys as they are now."""
        keys = self._secret.current()
        return found_by.ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)


def _frozen(found: Any) -> Credentials:
    frozen = found.get_frozen_credentials() if found else None
    if frozen is None or not frozen.access_key or not frozen.secret_key:
        raise foreign.NoCredentialsError
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token or None)


@contextlib.contextmanager
def _border(side: S3Side) -> Generator[None]:
    try:
        yield
    except foreign.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        retried = status >= 500 or status in RETRIED_STATUSES
        ours = errors.Unavailable if retried else errors.CredentialsRefused
        raise explained(ours, side, b"", str(error)) from error
    except tuple(family for family, _ in FAMILIES) as error:
        ours = next(mapped for family, mapped in FAMILIES if isinstance(error, family))
        raise explained(ours, side, b"", str(error)) from error
