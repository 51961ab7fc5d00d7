"""Logging on to a share, and the border for the errors of smbprotocol.

The library negotiates, logs on and enters the share; then it lets go of the socket, and a channel
of ours goes on with its keys.  What it refuses: guests, SMB before 2.1, and once the user is logged
on whatever is neither signed nor encrypted.  Where the location waives signatures and the server
does not insist, messages go without from where the channel takes over, not before; at shares of
namespaces not even then.
"""

import contextlib
import socket
import uuid
from collections.abc import Generator
from typing import Any, Final, NamedTuple

import smbprotocol.session  # pyright: ignore[reportMissingTypeStubs]
import smbprotocol.tree  # pyright: ignore[reportMissingTypeStubs]
from smbprotocol import Dialects  # pyright: ignore[reportMissingTypeStubs]
from smbprotocol.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    SMBAuthenticationError,
    SMBConnectionClosed,
    SMBException,
    SMBResponseException,
)

from datasync_api.sides import SmbSide
from datasync_runner.storage import errors
from datasync_runner.storage.smb import statuses
from datasync_runner.storage.smb.guarded import GuardedConnection
from datasync_runner.storage.smb.identity import Mechanisms
from datasync_runner.storage.smb.kerberos import Negotiation, NoTicket
from datasync_runner.storage.smb.takeover import take_over
from datasync_runner.storage.smb.wire import Wire

CONNECT_SECONDS: Final = 20
CREDITS: Final = 1024

_DIALECTS: Final[dict[str, int | None]] = {
    "Automatic": None,
    "SMB2": Dialects.SMB_2_1_0,
    "SMB3": Dialects.SMB_3_0_2,
    "SMB3_1_1": Dialects.SMB_3_1_1,
}

# The library has no types.
_Session: Final[Any] = smbprotocol.session.Session
_TreeConnect: Final[Any] = smbprotocol.tree.TreeConnect


smbprotocol.session.spnego = Mechanisms  # it has no other way to bring tokens of one's own


def _status(error: Any) -> int:
    """The server's status in the library's error."""
    return error.status


class Entered(NamedTuple):
    """A share that somebody has entered, or the place to ask where it is."""

    wire: Wire
    desk_id: int | None
    """The tree to ask at, where the share may be elsewhere (MS-DFSC 3.1.4.2)."""
    missing: errors.ConfigurationInvalid | None
    """The server has no such share: it is elsewhere, or nowhere."""


def enter(side: SmbSide, user: str | Negotiation, password: str | None) -> Entered:
    """Log on to a side's server and enter its share.

    Raises: ConfigurationInvalid, CredentialsRefused, Unavailable.
    """
    required = side.signing == "Required"
    connection = GuardedConnection(uuid.uuid4(), side.server, side.port, require_signing=required)
    try:
        said = connection.client_security_mode
        with _answers(side):
            _negotiate(side, connection)
        connection.client_security_mode = said  # the library forgets, and the server compares it
        signs = connection.signs = bool(connection.require_signing)  # we insist, or the server does
        connection.require_signing = True  # of the log-on and the way in, in any case: no guests
        encrypts = side.encryption == "Required" or (
            side.encryption == "IfOffered" and bool(connection.supports_encryption)
        )
        session = _Session(
            connection,
            user,
            password,
            require_encryption=encrypts,
            auth_protocol="ntlm" if isinstance(user, str) else "kerberos",
        )
        with _answers(side):
            _log_on(side, session)
            tree, desk, missing = _way_in(side, connection, session)
            released = connection.release()
        signs = signs or desk is not None  # a referral says whom we show our credentials
        keys = connection, session, desk if missing else tree
        wire = take_over(side, released, *keys, signs=signs)
        return Entered(wire, None if desk is None else desk.tree_connect_id, missing)
    except BaseException:
        with contextlib.suppress(Exception):
            connection.disconnect(close=False)
        raise


@contextlib.contextmanager
def _answers(side: SmbSide) -> Generator[None]:
    """While a server is asked: whatever is no answer is Unavailable."""
    try:
        yield
    except (errors.StorageError, NoTicket):
        raise
    except Exception as error:
        # Of what is no message of SMB the library raises whatever its parser or cipher stumbles on.
        cause = str(error) or type(error).__name__
        raise errors.Unavailable(f"{side.uri}: no answer from the server: {cause}") from error


def _way_in(
    side: SmbSide, connection: Any, session: Any
) -> tuple[Any, Any, errors.ConfigurationInvalid | None]:
    """The share's tree, the one to ask at where it may be elsewhere, and why it is not here."""
    tree = _TreeConnect(session, rf"\\{side.server}\{side.share}")
    missing = _enter(side, tree)
    desk = None
    if missing or tree.is_dfs_share:
        desk = _TreeConnect(session, rf"\\{side.server}\IPC$")
        try:
            desk.connect()
        except SMBResponseException:  # who may not ask is where he is
            if missing:
                raise missing from None
            desk = None
    connection.echo(sid=session.session_id, credit_request=CREDITS)
    return tree, desk, missing


def _negotiate(side: SmbSide, connection: Any) -> None:
    try:
        connection.connect(_DIALECTS[side.version], timeout=CONNECT_SECONDS)
    except ValueError as error:  # the library's own for a server that does not answer
        absent = isinstance(error.__cause__, (ConnectionRefusedError, socket.gaierror))
        ours = errors.NoService if absent else errors.Unavailable
        raise ours(f"{side.uri}: {error}; check server and port of the location") from error
    except SMBResponseException as error:
        raise _other_version(side, f"{_status(error):#010x}") from error
    if connection.dialect not in connection.negotiated_dialects:
        raise _other_version(side, f"it answered with {connection.dialect:#x}")
    if connection.dialect < Dialects.SMB_2_1_0:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: the server speaks SMB 2.0 at most; 2.1 or later is needed"
        )
    if side.encryption == "Required" and not connection.supports_encryption:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: the server cannot encrypt, and encryption is Required; let the server "
            "speak SMB 3 with encryption, or set encryption at the location to IfOffered"
        )


def _other_version(side: SmbSide, cause: str) -> errors.ConfigurationInvalid:
    return errors.ConfigurationInvalid(
        f"{side.uri}: the server does not speak version {side.version} of SMB ({cause}); set "
        "version at the location to Automatic"
    )


def _log_on(side: SmbSide, session: Any) -> None:
    try:
        session.connect()
    except SMBConnectionClosed:
        raise
    except SMBResponseException as error:
        if _status(error) in statuses.REFUSED:
            words = statuses.REFUSED[_status(error)]
            raise _refused(side, f"{words} (status {_status(error):#010x})") from error
        raise
    except (SMBAuthenticationError, SMBException) as error:  # e.g. only as a guest
        raise _refused(side, str(error)) from error


def _refused(side: SmbSide, cause: str) -> errors.CredentialsRefused:
    check = (
        "username, password and domain in the Secret of the location"
        if side.kerberos_principal is None
        else "what the server's keytab or account in the domain says of the principal"
    )
    return errors.CredentialsRefused(
        f"{side.uri}: the server does not let the user in: {cause}; check {check}"
    )


def _enter(side: SmbSide, tree: Any) -> errors.ConfigurationInvalid | None:
    """Enter the share; the error where the server has none of that name."""
    try:
        tree.connect()
    except SMBResponseException as error:
        if _status(error) == statuses.BAD_NETWORK_NAME:
            return errors.ConfigurationInvalid(
                f"{side.uri}: the server has no share {side.share}; correct share at the location"
            )
        if _status(error) in statuses.REFUSED:
            raise errors.CredentialsRefused(
                f"{side.uri}: the user may not use the share {side.share}; give the user the right "
                "at the server"
            ) from error
        raise
    return None
