"""User and password of a side, or its keytab, from the files of the mounted Secret.

They are read again for each connection, so that a password that was changed in the Secret holds
from the next connection on.  No message and no repr shows them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from datasync_api.sides import SmbSide
from datasync_runner.storage.errors import ConfigurationInvalid

USERNAME: Final = "username"
KEYTAB: Final = "keytab"
PASSWORD: Final = "password"  # noqa: S105 - a name
DOMAIN: Final = "domain"


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs on."""

    user: str
    """With the domain, where there is one: DOMAIN\\user."""
    password: str = field(repr=False)


def read_login(side: SmbSide) -> Login:
    """The login of a side.  Raises: ConfigurationInvalid."""
    folder = Path(side.credentials_path)
    user, password = _value(side, folder, USERNAME), _value(side, folder, PASSWORD)
    for name, value in ((USERNAME, user), (PASSWORD, password)):
        if not value:
            raise ConfigurationInvalid(
                f"{side.uri}: the Secret of the location has no key {name} (looked for in "
                f"{folder}); it needs {USERNAME} and {PASSWORD}, and may have {DOMAIN}"
            )
    domain = _value(side, folder, DOMAIN)
    return Login(f"{domain}\\{user}" if domain else user, password)


def keytab_of(side: SmbSide) -> str:
    """The path of the keytab.  Raises: ConfigurationInvalid."""
    path = Path(side.credentials_path) / KEYTAB
    if not path.is_file():
        raise ConfigurationInvalid(
            f"{side.uri}: the Secret of kerberos.keytabSecretRef has no key {KEYTAB} (looked for "
            f"at {path})"
        )
    return str(path)


def _value(side: SmbSide, folder: Path, name: str) -> str:
    """The text of a key, without the line break that editors leave; empty where there is none."""
    path = folder / name
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(
            f"{side.uri}: cannot read key {name} of the Secret ({type(error).__name__} at {path}); "
            "it must be text that the runner may read"
        ) from None
