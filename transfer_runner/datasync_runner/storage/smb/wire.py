"""A connection to a share, and the border for its errors: the only importer of smbprotocol.

The library negotiates, logs on, signs, encrypts and keeps the books of credits; requests go through
as bytes.  A wire is for one thread at a time.  What it refuses: guests, unsigned messages, SMB
before 2.1, and following a link for the server.
"""

import contextlib
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Sequence
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

from datasync_api.plan import SmbSide
from datasync_runner.storage import errors
from datasync_runner.storage.smb import statuses
from datasync_runner.storage.smb.login import read_login
from datasync_runner.storage.smb.messages import CREDIT_BYTES, Request

CONNECT_SECONDS: Final = 20
ANSWER_SECONDS: Final = 120
"""How long a server may think about one request before the connection counts as lost."""
CHUNK_BYTES: Final = 1024 * 1024
"""Of one read or write: more of them at once are faster than larger ones."""
WINDOW: Final = 16
"""Chains on their way at once."""
WINDOW_BYTES: Final = 4 * 1024 * 1024
"""What they may send and ask for together: more is not faster, and is held in memory twice."""
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


class Answer(NamedTuple):
    """A status, and the answer's body where the status is 0."""

    status: int
    body: bytes


class _Value(NamedTuple):
    """A number in the library's way."""

    number: int

    def get_value(self) -> int:
        return self.number


class _Message:
    """A request as the library sends it."""

    def __init__(self, request: Request) -> None:
        self.COMMAND = request.command
        self._body, self._payload_bytes = request.body, request.payload_bytes

    def __len__(self) -> int:
        return len(self._body)

    def pack(self) -> bytes:
        """The bytes."""
        return self._body

    def __getitem__(self, name: str) -> Any:
        """What the library asks for to count credits."""
        if name == "buffer":
            return b""
        return _Value(self._payload_bytes if name in ("length", "output_buffer_length") else 0)


class Wire:
    """A share that somebody is logged on to."""

    def __init__(self, side: SmbSide, connection: Any, session: Any, tree: Any) -> None:
        self._side, self._connection = side, connection
        self._session_id, self._tree_id = session.session_id, tree.tree_connect_id
        self.broken = False
        """It is of no use any more."""
        self.dialect: int = connection.dialect
        self.encrypted = bool(session.encrypt_data or tree.encrypt_data)
        self.signed = bool(session.signing_required) and not self.encrypted
        """Encryption signs as well."""
        affordable_bytes = max(1, self._credits // 4) * CREDIT_BYTES
        self.chunk_bytes = min(
            CHUNK_BYTES, affordable_bytes, connection.max_read_size, connection.max_write_size
        )
        self.query_bytes = min(CHUNK_BYTES, affordable_bytes, connection.max_transact_size)

    def exchange(self, chains: Iterable[Sequence[Request]]) -> Generator[list[Answer]]:
        """Send chains of requests, several at once, and give their answers in the same order.

        Memory: WINDOW_BYTES and one chain, once as bytes and once in the library's messages.
        The requests of a chain are about the file that its first one opens, or that they name.
        Raises: Unavailable, when the connection is lost.
        """
        waiting: deque[tuple[int, list[Any]]] = deque()
        on_their_way = 0
        try:
            for chain in chains:
                cost = sum([-(-max(1, r.payload_bytes) // CREDIT_BYTES) for r in chain])
                payload = cost * CREDIT_BYTES
                while waiting and (
                    len(waiting) >= WINDOW
                    or on_their_way + payload > WINDOW_BYTES
                    or self._credits < cost
                ):
                    size_bytes, sent = waiting.popleft()
                    on_their_way -= size_bytes
                    yield self._receive(sent)
                waiting.append((payload, self._send(chain)))
                on_their_way += payload
            while waiting:
                yield self._receive(waiting.popleft()[1])
        finally:
            while waiting and not self.broken:  # who asked does not want to know any more
                with contextlib.suppress(errors.Unavailable):
                    self._receive(waiting.popleft()[1])

    def ask(self, *chain: Request) -> list[Answer]:
        """The answers to one chain.  Raises: Unavailable."""
        (answers,) = self.exchange([chain])
        return answers

    def close(self) -> None:
        """Hang up; raises nothing."""
        self.broken = True
        with contextlib.suppress(Exception):
            self._connection.disconnect(close=False)

    @property
    def _credits(self) -> int:
        window: dict[str, int] = self._connection.sequence_window
        return window["high"] - window["low"]

    def _send(self, chain: Sequence[Request]) -> list[Any]:
        messages = [_Message(request) for request in chain]
        connection = self._connection
        try:
            if len(messages) == 1:
                return [connection.send(messages[0], self._session_id, self._tree_id)]
            return connection.send_compound(messages, self._session_id, self._tree_id, related=True)
        except Exception as error:
            raise self._lost(error) from error

    def _receive(self, sent: Sequence[Any]) -> list[Answer]:
        answers: list[Answer] = []
        for request in sent:
            try:
                answer = self._connection.receive(
                    request, timeout=ANSWER_SECONDS, resolve_symlinks=False
                )
                answers.append(Answer(statuses.OK, answer["data"].get_value()))
            except SMBResponseException as error:
                if _status(error) in statuses.LOST:
                    raise self._lost(error) from error
                answers.append(Answer(_status(error), b""))
            except Exception as error:
                raise self._lost(error) from error
        return answers

    def _lost(self, error: Exception) -> errors.Unavailable:
        self.broken = True
        what = str(error) or type(error).__name__
        return errors.Unavailable(f"{self._side.uri}: the connection was lost: {what}")


def _status(error: Any) -> int:
    """The server's status in the library's error."""
    return error.status


def connect(side: SmbSide) -> Wire:
    """Log on to a side's share.

    Raises: ConfigurationInvalid, CredentialsRefused, Unavailable.
    """
    login = read_login(side)
    connection = _Connection(uuid.uuid4(), side.server, side.port, require_signing=True)
    try:
        _negotiate(side, connection)
        encrypts = side.encryption == "Required" or (
            side.encryption == "IfOffered" and bool(connection.supports_encryption)
        )
        session = _Session(
            connection,
            login.user,
            login.password,
            require_encryption=encrypts,
            auth_protocol="ntlm",
        )
        _log_on(side, session)
        tree = _TreeConnect(session, rf"\\{side.server}\{side.share}")
        _enter(side, tree)
        connection.echo(sid=session.session_id, credit_request=CREDITS)
        return Wire(side, connection, session, tree)
    except BaseException as error:
        with contextlib.suppress(Exception):
            connection.disconnect(close=False)
        if isinstance(error, (SMBException, OSError)):
            raise errors.Unavailable(f"{side.uri}: the server did not answer: {error}") from error
        raise


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
    return errors.CredentialsRefused(
        f"{side.uri}: the server does not let the user in: {cause}; check username, password and "
        "domain in the Secret of the location"
    )


def _enter(side: SmbSide, tree: Any) -> None:
    try:
        tree.connect()
    except SMBResponseException as error:
        if _status(error) == statuses.BAD_NETWORK_NAME:
            raise errors.ConfigurationInvalid(
                f"{side.uri}: the server has no share {side.share}; correct share at the location"
            ) from error
        if _status(error) in statuses.REFUSED:
            raise errors.CredentialsRefused(
                f"{side.uri}: the user may not use the share {side.share}; give the user the right "
                "at the server"
            ) from error
        raise
    tree.is_dfs_share = False  # paths begin at the share, not at a namespace
