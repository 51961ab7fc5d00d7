"""Logging on to a share, and the border for its errors: the only importer of smbprotocol.

The library negotiates, logs on and enters the share; then it lets go of the socket, and a channel
of ours goes on with its keys.  What it refuses: guests, a log-on that is not signed, unsigned
messages unless the location allows them and the server does not insist, SMB before 2.1.
"""

import contextlib
import select
import socket
import uuid
from typing import Any, Final, NamedTuple

import smbprotocol.connection  # pyright: ignore[reportMissingTypeStubs]
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
from datasync_runner.storage.smb.channel import Books, Channel
from datasync_runner.storage.smb.identity import Mechanisms
from datasync_runner.storage.smb.kerberos import Negotiation
from datasync_runner.storage.smb.seals import (
    Cipher,
    Envelopes,
    Seal,
    Signatures,
    Signing,
    Unsigned,
)
from datasync_runner.storage.smb.wire import Limits, Wire

CONNECT_SECONDS: Final = 20
ANSWER_SECONDS: Final = 120
"""How long a server may think about one request before the connection counts as lost."""
CREDITS: Final = 1024

_DIALECTS: Final[dict[str, int | None]] = {
    "Automatic": None,
    "SMB2": Dialects.SMB_2_1_0,
    "SMB3": Dialects.SMB_3_0_2,
    "SMB3_1_1": Dialects.SMB_3_1_1,
}

# The library has no types.
_Connection: Final[Any] = smbprotocol.connection.Connection
_Session: Final[Any] = smbprotocol.session.Session
_TreeConnect: Final[Any] = smbprotocol.tree.TreeConnect


smbprotocol.session.spnego = Mechanisms  # it has no other way to bring tokens of one's own


class _Releasable(_Connection):
    """The library's connection, with a thread that listens until it is told to let go."""

    def release(self) -> tuple[socket.socket, dict[str, int]]:
        """The socket, and the numbers of messages that may be used next."""
        self._bell.send(b"!")
        self._t_worker.join()
        tcp = self.transport
        connection, tcp._sock, tcp.connected = tcp._sock, None, False
        return connection, self.sequence_window

    def _process_message_thread(self) -> None:
        self._bell, bell = socket.socketpair()
        with self._bell, bell:
            transport, listen = self.transport, self.transport.recv

            def listen_until_told(timeout: float) -> bytes:
                found, _, _ = select.select([transport._sock, bell], [], [], timeout)
                return b"" if bell in found else listen(timeout)

            transport.recv = listen_until_told
            super()._process_message_thread()  # pyright: ignore[reportUnknownMemberType]


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
    connection = _Releasable(uuid.uuid4(), side.server, side.port, require_signing=required)
    try:
        said = connection.client_security_mode
        _negotiate(side, connection)
        connection.client_security_mode = said  # the library forgets, and the server compares it
        signs = bool(connection.require_signing)  # we insist, or the server does
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
        _log_on(side, session)
        return _entered(side, connection, session, signs=signs)
    except BaseException as error:
        with contextlib.suppress(Exception):
            connection.disconnect(close=False)
        if isinstance(error, (SMBException, OSError)):
            raise errors.Unavailable(f"{side.uri}: the server did not answer: {error}") from error
        raise


def _entered(side: SmbSide, connection: Any, session: Any, *, signs: bool) -> Entered:
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
    wire = _wire(side, connection, session, desk if missing else tree, signs=signs)
    return Entered(wire, None if desk is None else desk.tree_connect_id, missing)


def _wire(side: SmbSide, connection: Any, session: Any, tree: Any, *, signs: bool) -> Wire:
    """What goes on where the library stops."""
    plain, window = connection.release()
    books = Books(
        session.session_id,
        tree.tree_connect_id,
        window["low"],
        window["high"] - window["low"],
        bool(connection.supports_multi_credit),
    )
    encrypted = bool(session.encrypt_data or tree.encrypt_data)
    seal = _seal(connection, session, encrypted=encrypted, signs=signs)
    channel = Channel(plain, seal, books, deadline_seconds=ANSWER_SECONDS)
    limits = Limits(
        connection.dialect,
        encrypted,
        signs and not encrypted,
        connection.max_read_size,
        connection.max_write_size,
        connection.max_transact_size,
    )
    return Wire(side, channel, limits)


def _seal(connection: Any, session: Any, *, encrypted: bool, signs: bool) -> Seal:
    """What was agreed to: before 3.1.1 the dialect says it (MS-SMB2 3.1.4.1, 3.1.4.3)."""
    newest = connection.dialect >= Dialects.SMB_3_1_1
    if encrypted:
        keys = session.encryption_key, session.decryption_key
        cipher = Cipher(connection.cipher_id) if newest else Cipher.AES_128_CCM
        return Envelopes(keys, cipher, session.session_id)
    signing = Signing.AES_CMAC if connection.dialect >= Dialects.SMB_3_0_0 else Signing.HMAC_SHA256
    if newest and connection.signing_algorithm_id is not None:
        signing = Signing(connection.signing_algorithm_id)
    return (Signatures if signs else Unsigned)(session.signing_key, signing)


def _negotiate(side: SmbSide, connection: Any) -> None:
    try:
        connection.connect(_DIALECTS[side.version], timeout=CONNECT_SECONDS)
    except ValueError as error:  # the library's own for a server that does not answer
        raise errors.Unavailable(f"{side.uri}: {error}") from error
    except SMBResponseException as error:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: the server does not speak version {side.version} of SMB "
            f"({_status(error):#010x}); set version at the location to Automatic"
        ) from error
    if connection.dialect < Dialects.SMB_2_1_0:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: the server speaks SMB 2.0 at most; 2.1 or later is needed"
        )
    if side.encryption == "Required" and not connection.supports_encryption:
        raise errors.ConfigurationInvalid(
            f"{side.uri}: the server cannot encrypt, and encryption is Required; let the server "
            "speak SMB 3 with encryption, or set encryption at the location to IfOffered"
        )


def _log_on(side: SmbSide, session: Any) -> None:
    try:
        session.connect()
    except SMBConnectionClosed:
        raise
    except SMBResponseException as error:
        if _status(error) in statuses.REFUSED:
            raise _refused(side, f"status {_status(error):#010x}") from error
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
