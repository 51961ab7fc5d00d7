"""Where the credentials of a side come from, and how they are renewed while a run goes on.

A location with a Secret uses that Secret alone, whose files the kubelet keeps up to date.  Without
one, botocore's chain is asked, and a role is assumed through it (`chain`, loaded only then:
botocore costs a tenth of a second).  No message and no repr shows a secret.
"""

from pathlib import Path
from typing import Final, Protocol

from datasync_api.sides import S3Side
from datasync_runner.storage.errors import ConfigurationInvalid
from datasync_runner.storage.s3.signer import Credentials

ACCESS_KEY: Final = "AWS_ACCESS_KEY_ID"
SECRET_KEY: Final = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 - a name
TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 - a name


class CredentialSource(Protocol):
    """Gives credentials, again and again."""

    def current(self) -> Credentials:
        """The credentials as last read; blocks on the first call.

        Raises: CredentialsRefused (there are none), Unavailable (who gives them does not answer).
        """
        ...

    def refresh(self) -> bool:
        """Read them again; whether they changed.  Blocks.  Raises as `current` does."""
        ...

    def same_as(self, other: "CredentialSource") -> bool:
        """Whether both give the same credentials; asks nobody."""
        ...


def make_source(side: S3Side) -> CredentialSource:
    """The source for a side.  Raises: ConfigurationInvalid."""
    secret = None
    if side.credentials_path is not None:
        secret = SecretFolder(side.uri, Path(side.credentials_path))
        if side.role_arn is None:
            return secret
    from datasync_runner.storage.s3 import chain

    if side.role_arn is None:
        return chain.Chain(side)
    return chain.Role(side, side.role_arn, secret)


class SecretFolder:
    """The mounted Secret: a file for each key."""

    def __init__(self, uri: str, folder: Path) -> None:
        self._uri = uri
        self._folder = folder
        self._current = self._read()

    def current(self) -> Credentials:
        """The credentials as last read."""
        return self._current

    def refresh(self) -> bool:
        """Read the files again; whether they changed.  Raises: ConfigurationInvalid."""
        before, self._current = self._current, self._read()
        return self._current != before

    def same_as(self, other: CredentialSource) -> bool:
        """Whether both Secrets hold the same keys."""
        return isinstance(other, SecretFolder) and self._current == other._current

    def _read(self) -> Credentials:
        access, secret, token = (
            self._value(ACCESS_KEY),
            self._value(SECRET_KEY),
            self._value(TOKEN),
        )
        for name, value in ((ACCESS_KEY, access), (SECRET_KEY, secret)):
            if not value:
                raise ConfigurationInvalid(
                    f"{self._uri}: the Secret of the location has no key {name} (looked for in "
                    f"{self._folder}); it needs {ACCESS_KEY} and {SECRET_KEY}, and may have {TOKEN}"
                )
        return Credentials(access, secret, token or None)

    def _value(self, name: str) -> str:
        path = self._folder / name
        try:
            value = path.read_text("utf-8").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationInvalid(
                f"{self._uri}: cannot read key {name} of the Secret ({type(error).__name__} at "
                f"{path}); it must be text that the runner may read"
            ) from None
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationInvalid(
                f"{self._uri}: key {name} of the Secret has characters that no key of S3 has (line "
                "breaks, or anything but ASCII); write the value alone"
            )
        return value
