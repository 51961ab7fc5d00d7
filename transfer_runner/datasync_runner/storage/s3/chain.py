"""botocore's chain of credentials, and the border for its errors.

Environment, web identity (IRSA), Pod Identity, containers' and instances' metadata, profiles:
botocore knows them all, and renews what expires.  Nothing else of botocore is used.
"""

import contextlib
from collections.abc import Generator

import botocore.exceptions as foreign
import botocore.session

from datasync_api.plan import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.answers import RETRIED_STATUSES, explained
from datasync_runner.storage.s3.signer import Credentials

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

    def _read(self) -> Credentials:
        with _border(self._side):
            found = self._session.get_credentials()
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
