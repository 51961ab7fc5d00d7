"""The library's connection, which believes nothing that is not proven, and can be let go of.

The library takes command and session of an answer from the answer itself, asks for no signature,
and waits without end; and it keeps the socket to itself.
"""

import select
import socket
from typing import Any, Final

import smbprotocol.connection  # pyright: ignore[reportMissingTypeStubs]
from smbprotocol import Dialects  # pyright: ignore[reportMissingTypeStubs]
from smbprotocol.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    SMBConnectionClosed,
    SMBException,
    SMBResponseException,
)
from smbprotocol.header import NtStatus, Smb2Flags  # pyright: ignore[reportMissingTypeStubs]

from datasync_runner.storage.smb.takeover import ANSWER_SECONDS, Released

_Connection: Final[Any] = smbprotocol.connection.Connection  # it has no types


class GuardedConnection(_Connection):
    """The library's connection, with a thread that listens until it is told to let go.

    An answer proves, too, that nobody has talked us out of encryption (MS-SMB2 3.2.5.1.3, 3.2.5.5).
    """

    signs = True
    """Whether messages will be signed once the share is entered."""

    def receive(self, request: Any, *, timeout: float | None = None, **options: Any) -> Any:
        """The answer.  Raises: SMBException."""
        answer_to: Any = _Connection.receive
        try:
            return answer_to(self, request, timeout=timeout or ANSWER_SECONDS, **options)
        except (SMBConnectionClosed, SMBResponseException):
            raise
        except SMBException as error:
            if self._t_exc or request.response_event.is_set():
                raise
            raise SMBConnectionClosed("the server does not answer") from error

    def verify_signature(self, header: Any, session_id: int, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's
        """Refuse what is not proven; asked of each answer in clear.  Raises: SMBException.

        The library asks for no proof of a logon's answer, and believes it that it is one.
        `force`: of the logon's last one.  Before 3.1.1 a server need not sign it for who does not
        ask for signatures (MS-SMB2 3.3.4.1.1): then the next answer proves the keys.
        """
        asked = self.outstanding_requests.get(header["message_id"].get_value())
        if not force and (asked is None or _command(asked.message) != _command(header)):
            raise SMBConnectionClosed("an answer to something else came back")
        flags = header["flags"]
        if not flags.has_flag(Smb2Flags.SMB2_FLAGS_SERVER_TO_REDIR):
            raise SMBException("a request came back in place of its answer")
        signed = flags.has_flag(Smb2Flags.SMB2_FLAGS_SIGNED)
        if force and not (signed or self.signs) and self.dialect < Dialects.SMB_3_1_1:
            return
        session = self.session_table.get(session_id)  # None until the user is logged on
        if session and header["status"].get_value() != NtStatus.STATUS_PENDING:
            if session.encrypt_data:
                raise SMBException("an answer is not encrypted")
            if not signed:
                raise SMBException("an answer is not signed")
        super().verify_signature(header, session_id, force)  # pyright: ignore[reportUnknownMemberType]

    def release(self) -> Released:
        """The socket, and the numbers of messages that may be used next.

        Raises: SMBException, OSError.
        """
        self._bell.send(b"!")
        self._t_worker.join()
        self._check_worker_running()  # pyright: ignore[reportUnknownMemberType]
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


def _command(header: Any) -> int:
    """What a message asks for or answers."""
    return header["command"].get_value()
