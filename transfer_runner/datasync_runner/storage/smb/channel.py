"""Messages over a socket that somebody is logged on to: numbers, credits, seals, answers.

The library that logs on spends a tenth of a millisecond and a thread's turn on each message, and
takes answers that are not signed; this takes a hundredth, in the caller's thread, and has each
answer proven by the seal that was agreed on.
A channel is for one thread at a time.  Source: MS-SMB2 2.2.1, 3.2.4.1, 3.2.5.1.
"""

import select
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Final, NamedTuple

from datasync_runner.storage.smb.requests import CREDIT_BYTES, HEADER_BYTES, Request
from datasync_runner.storage.smb.responses import READ_HEAD_BYTES, Answer, is_data
from datasync_runner.storage.smb.seals import SPARE_BYTES, Buffer, Seal, Tampered

_HEADER: Final = Struct("<4sHHIHHIIQIIQ16s")
_HEAD: Final = Struct("<4sHHIHHIIQ")
_LENGTH: Final = Struct(">I")
_TIME: Final = Struct("ll")
_MAGIC: Final = b"\xfeSMB"
_NOTHING: Final = bytes(16)
_ANSWER: Final = 0x01
"""What comes from a server has it (MS-SMB2 2.2.1.2, SMB2_FLAGS_SERVER_TO_REDIR)."""
_RELATED: Final = 0x04
_ASYNC: Final = 0x02
_PENDING: Final = 0x103
_SILENT: Final = "the server does not answer"
_GONE: Final = "the server hung up"
_NOBODY: Final = 2**64 - 1
"""The number of what the server says by itself."""
MAX_FRAME_BYTES: Final = 2**24 - 1
POSTED_BYTES: Final = 64 * 1024
"""So much goes out without waiting for more."""
DIRECT_BYTES: Final = 64 * 1024
"""From here on the data of a read are received where they stay, not copied there."""


class Books(NamedTuple):
    """What a connection that is logged on counts."""

    session_id: int
    tree_id: int
    next_id: int
    credits: int
    several: bool
    """A message may cost more than one credit."""


class Channel:
    """Sends requests, and finds the answer to each."""

    def __init__(
        self, connection: socket.socket, seal: Seal, books: Books, *, deadline_seconds: int
    ) -> None:
        """`deadline_seconds`: how long the server may say nothing while somebody waits."""
        self._socket, self._seal = connection, seal
        self._session_id, self.tree_id, self._next, self.credits, self._several = books
        self._deadline_ms = deadline_seconds * 1000
        self._answers: dict[int, Answer] = {}
        self._posted: list[Buffer] = []
        self._posted_bytes = 0
        self._memory = memoryview(b"")
        connection.settimeout(None)
        deadline = _TIME.pack(deadline_seconds, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, deadline)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ready = select.poll()

    def send(self, chain: Sequence[Request]) -> list[int]:
        """Send requests as one; the numbers to ask for their answers by.

        Raises: OSError, Tampered.
        """
        ids = self.post(chain)
        self._push()
        return ids

    def post(self, chain: Sequence[Request]) -> list[int]:
        """As `send`, but small ones wait until an answer is asked for, and go together then."""
        ids: list[int] = []
        messages: list[bytearray] = []
        last = len(chain) - 1
        flags = self._seal.flags
        for at, (command, body, payload_bytes, data) in enumerate(chain):
            cost = cost_of(payload_bytes) if self._several else 1
            size = HEADER_BYTES + len(body) + len(data)
            padded = size if at == last else -(-size // 8) * 8
            head = _HEADER.pack(
                _MAGIC, 64, cost if self._several else 0, 0, command, cost, flags,
                0 if at == last else padded, self._next, 0, self.tree_id, self._session_id,
                _NOTHING,
            )  # fmt: skip
            message = bytearray().join((head, body, data, bytes(padded - size)))
            messages.append(message)
            ids.append(self._next)
            self._next += cost
            self.credits -= cost
            flags |= _RELATED
        pieces = self._seal.close(messages, ids)
        size_bytes = sum(map(len, pieces))
        if size_bytes > MAX_FRAME_BYTES:
            raise ValueError(f"{size_bytes} bytes are more than a frame holds")
        self._posted += (_LENGTH.pack(size_bytes), *pieces)
        self._posted_bytes += size_bytes
        if self._posted_bytes >= POSTED_BYTES:
            self._push()
        return ids

    def receive(self, ids: Sequence[int]) -> list[Answer]:
        """The answers to what was sent.  Raises: OSError, Tampered."""
        answers = self._answers
        if self._posted:
            self._push()
        for wanted in ids:
            while wanted not in answers:
                self._pull()
        return [answers.pop(wanted) for wanted in ids]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _push(self) -> None:
        """Send what was posted, and take in answers where the server says more than it hears."""
        left = [memoryview(piece) for piece in self._posted]
        self._posted, self._posted_bytes = [], 0
        while left:
            try:
                sent = self._socket.sendmsg(left, (), socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._wait()
                continue
            while left and sent >= len(left[0]):
                sent -= len(left.pop(0))
            if sent:
                left[0] = left[0][sent:]

    def _wait(self) -> None:
        self._ready.register(self._socket, select.POLLIN | select.POLLOUT)
        found = self._ready.poll(self._deadline_ms)
        if not found:
            raise TimeoutError("the server takes nothing any more")
        if found[0][1] & select.POLLIN:
            self._pull()

    def _pull(self) -> None:
        """Take in one frame: one or several answers."""
        size_bytes = _LENGTH.unpack_from(self._take(4))[0]
        if size_bytes > MAX_FRAME_BYTES:
            raise Tampered("an answer is no message of SMB")
        have = 0
        if not self._seal.encrypts and size_bytes >= DIRECT_BYTES:
            have = READ_HEAD_BYTES
            head = self._take(have)[:have]
            if is_data(head, size_bytes):
                self._accept(head, self._receive(size_bytes - have))
                return
        messages = self._seal.open(self._take(size_bytes, have))
        while messages:
            messages = messages[self._accept(messages) :]

    def _accept(self, messages: memoryview, data: bytes = b"") -> int:
        """Take in the first of some answers, which is proven; its size.

        `data`: what follows a single one, received by itself.  Raises: Tampered.
        """
        if len(messages) < HEADER_BYTES:
            raise Tampered("an answer is no message of SMB")
        magic, _, _, status, _, granted, flags, following, number = _HEAD.unpack_from(messages)
        if magic != _MAGIC:
            raise Tampered("an answer is no message of SMB")
        if following and not HEADER_BYTES <= following <= len(messages):
            raise Tampered("an answer is no message of SMB")
        message = messages[:following] if following else messages
        if number == _NOBODY:
            return len(message)  # told to all; we hold nothing that it could be about
        if not flags & _ANSWER:  # with a signature of our own, which most ways to sign cannot tell
            raise Tampered("a request came back in place of its answer")
        if not (flags & _ASYNC and status == _PENDING):
            self._seal.prove(message, number, data)
            body = b"" if status else message[HEADER_BYTES:]
            self._answers[number] = Answer(
                status, body if self._seal.encrypts else bytes(body), data
            )
        self.credits += granted
        return len(message)

    def _receive(self, size_bytes: int) -> bytes:
        """The next bytes, in memory of their own."""
        pieces: list[bytes] = []
        while size_bytes:
            try:
                pieces.append(self._socket.recv(size_bytes, socket.MSG_WAITALL))
            except BlockingIOError:
                raise TimeoutError(_SILENT) from None
            if not pieces[-1]:
                raise ConnectionResetError(_GONE)
            size_bytes -= len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take(self, size_bytes: int, have: int = 0) -> memoryview:
        """The next bytes, in memory that the next call uses again, and SPARE_BYTES after them.

        `have`: so many of them were taken by the last call.
        """
        if len(self._memory) < size_bytes + SPARE_BYTES:
            memory = memoryview(bytearray(size_bytes + SPARE_BYTES))
            memory[:have] = self._memory[:have]
            self._memory = memory
        view = self._memory[have:size_bytes]
        while view:
            try:
                count = self._socket.recv_into(view, 0, socket.MSG_WAITALL)
            except BlockingIOError:
                raise TimeoutError(_SILENT) from None
            if not count:
                raise ConnectionResetError(_GONE)
            view = view[count:]
        return self._memory[: size_bytes + SPARE_BYTES]


def cost_of(payload_bytes: int) -> int:
    """Credits (MS-SMB2 3.1.5.2).

    | bytes | credits |
    |---|---|
    | 0 | 1 |
    | 65536 | 1 |
    | 65537 | 2 |
    """
    return max(1, -(-payload_bytes // CREDIT_BYTES))
