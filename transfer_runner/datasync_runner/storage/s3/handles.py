"""libcurl's easy handles: made once for a method, given call after call, and paced under a ceiling.

What never changes is set when a handle is made; a call costs its URL, its headers and its body.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pycurl

from datasync_runner.storage.port import Sink
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.pieces import Pieces, Reading
from datasync_runner.storage.throttle import Throttle

BUFFER_BYTES: Final = 512 * 1024
SINK_PIECES: Final = 16
"""libcurl delivers 16 KiB at most: a system call for each would cost more than the copy, and much
more than 256 KiB would have left the core's cache before it is written."""
PACED_BYTES: Final = 16 * 1024
"""What a paced connection takes at once."""
CONNECT_SECONDS: Final = 10
_PARTIAL: Final = 206
_MAX_LIFE_SECONDS: Final = 300  # so that connections spread over the addresses that S3 rotates
UNTRUSTED: Final = frozenset(
    {
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CACERT,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_PEER_CERTIFICATE,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)
"""Errors of libcurl that say the server is not who it should be; all others may pass."""
NOT_MET: Final = frozenset(
    {pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_COULDNT_RESOLVE_PROXY, pycurl.E_COULDNT_CONNECT}
)
"""Errors of libcurl that say there is no server, or none at that port; silence is another."""


class Handle:
    """An easy handle for one method."""

    __slots__ = ("call", "curl", "head", "method", "pieces", "stall_seconds")

    def __init__(self, method: str, ca_path: str, *, buffer_bytes: int = BUFFER_BYTES) -> None:
        self.method = method
        self.curl = curl = pycurl.Curl()
        self.head: list[bytes] = []
        self.pieces: list[bytes] = []
        self.call: Call | None = None
        self.stall_seconds = 0
        set_option: Any = curl.setopt
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PATH_AS_IS, 1),  # a key may hold /../ and must arrive as it was signed
            (pycurl.TCP_NODELAY, 1),
            (pycurl.TCP_KEEPALIVE, 1),
            (pycurl.BUFFERSIZE, buffer_bytes),
            (pycurl.UPLOAD_BUFFERSIZE, BUFFER_BYTES),
            (pycurl.CONNECTTIMEOUT, CONNECT_SECONDS),
            (pycurl.LOW_SPEED_LIMIT, 1),
            (pycurl.MAXLIFETIME_CONN, _MAX_LIFE_SECONDS),
            (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),  # a proxy need not see what is signed
            (pycurl.CAINFO, ca_path),
            (pycurl.HEADERFUNCTION, self.head.append),
            (pycurl.WRITEFUNCTION, self.pieces.append),
        ):
            set_option(option, value)
        if method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif method in ("POST", "PUT"):
            curl.setopt(pycurl.POST, 1)
        if method not in ("GET", "HEAD"):
            curl.setopt(pycurl.CUSTOMREQUEST, method)

    def load(self, call: Call) -> None:
        """Make it ready for a call."""
        curl = self.curl
        curl.setopt(pycurl.URL, call.url)
        curl.setopt(pycurl.HTTPHEADER, call.lines)
        if call.stall_seconds != self.stall_seconds:
            self.stall_seconds = call.stall_seconds
            curl.setopt(pycurl.LOW_SPEED_TIME, call.stall_seconds)
        if call.body is not None:
            self._load_body(call.body)
        if call.sink is not None:
            self._load_sink(call.sink)
        self.call = call

    def unload(self, problem: str, code: int) -> tuple[Call, Answer]:
        """The call and what came of it; ready for the next one then.

        `problem` and `code` are libcurl's, where nothing came.
        """
        call = self.call
        assert call is not None  # noqa: S101 - it was loaded
        status = 0 if problem else self.curl.getinfo(pycurl.RESPONSE_CODE)
        if call.sink is not None:
            if status == _PARTIAL:
                call.sink.take(self.pieces)
                self.pieces.clear()
            self._deliver(self.pieces.append)
        answer = Answer(
            status,
            b"".join(self.head),
            self.pieces.copy(),
            problem,
            trusted=code not in UNTRUSTED,
            met=code not in NOT_MET,
        )
        self.head.clear()
        self.pieces.clear()
        self.call = None
        if call.body is not None and len(call.body) > BUFFER_BYTES:
            self._load_body(b"")  # the handle would keep it
        return call, answer

    def _load_body(self, body: bytes | Pieces) -> None:
        self.curl.setopt(pycurl.POSTFIELDS, body)

    def _load_sink(self, sink: Sink) -> None:
        """Have a good answer's body go there from time to time; any other's is kept."""
        head, pieces, keep, take = self.head, self.pieces, self.pieces.append, sink.take

        def write(data: bytes) -> None:
            keep(data)
            if len(pieces) >= SINK_PIECES and _is_partial(head):
                take(pieces)
                pieces.clear()

        sink.begin()
        self._deliver(write)

    def _deliver(self, write: Callable[[bytes], None]) -> None:
        """Have libcurl call this with what comes."""
        self.curl.setopt(pycurl.WRITEFUNCTION, write)


class PiecesHandle(Handle):
    """A handle that reads its body piece by piece.

    It is for nothing else: what was set for a body in one piece cannot be taken back.
    """

    __slots__ = ("_reading",)

    def __init__(self, method: str, ca_path: str) -> None:
        super().__init__(method, ca_path)
        self._reading = Reading(())
        set_option: Any = self.curl.setopt
        set_option(pycurl.READFUNCTION, partial(PiecesHandle._read, self))
        set_option(pycurl.SEEKFUNCTION, partial(PiecesHandle._seek, self))

    def _load_body(self, body: bytes | Pieces) -> None:
        self._reading = body.reading() if isinstance(body, Pieces) else Reading(())
        self.curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(body))

    def _read(self, size_bytes: int) -> bytes:
        return self._reading.read(size_bytes)

    def _seek(self, offset_bytes: int, origin: int) -> int:
        """libcurl begins anew, when the server had closed the connection that it took."""
        del origin
        if offset_bytes:
            return pycurl.SEEKFUNC_FAIL
        self._reading.rewind()
        return pycurl.SEEKFUNC_OK


class PacedHandle(Handle):
    """A handle whose bytes go and come at the rate of the run."""

    __slots__ = ("_granted_bytes", "_keep", "_left_bytes", "_reading", "_throttle", "_wake_later")

    def __init__(
        self,
        method: str,
        ca_path: str,
        throttle: Throttle,
        wake_later: "WakeLater",
    ) -> None:
        """`wake_later` calls `wake` after so many seconds, if the call is still this one."""
        super().__init__(method, ca_path, buffer_bytes=PACED_BYTES)
        self._throttle, self._wake_later = throttle, wake_later
        self._left_bytes = self._granted_bytes = 0
        self._reading = Reading(())
        self._keep: Callable[[bytes], None] = self.pieces.append
        set_option: Any = self.curl.setopt
        set_option(pycurl.READFUNCTION, partial(PacedHandle._read, self))
        set_option(pycurl.WRITEFUNCTION, partial(PacedHandle._write, self))

    def wake(self) -> None:
        """Go on after a pause."""
        self.curl.pause(pycurl.PAUSE_CONT)

    def _load_body(self, body: bytes | Pieces) -> None:
        self._left_bytes, self._granted_bytes = len(body), 0
        self._reading = body.reading() if isinstance(body, Pieces) else Reading((body,))
        self.curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(body))

    def _read(self, size_bytes: int) -> bytes | int:
        """What may be sent now, or the word that there is nothing yet."""
        size = min(size_bytes, self._left_bytes, self._throttle.grain_bytes)
        if not self._granted(size):
            return pycurl.READFUNC_PAUSE
        self._left_bytes -= size
        return self._reading.exactly(size)

    def _write(self, data: bytes) -> int | None:
        """Take what came, or have libcurl keep it for a while."""
        if not self._granted(len(data)):
            return pycurl.WRITEFUNC_PAUSE
        self._keep(data)
        return None

    def _deliver(self, write: Callable[[bytes], None]) -> None:
        self._keep = write

    def _granted(self, size_bytes: int) -> bool:
        """Whether these bytes may go; if not, they may when the handle is woken."""
        if self._granted_bytes or not size_bytes:
            self._granted_bytes = 0
            return True
        wait_seconds = self._throttle.take(size_bytes)
        if wait_seconds <= 0 or self.call is None:
            return True
        self._granted_bytes = size_bytes
        self._wake_later(wait_seconds, self, self.call)
        return False


WakeLater = Callable[[float, PacedHandle, Call], None]
"""Has a handle woken after so many seconds, if its call is still this one."""


def _is_partial(head: list[bytes]) -> bool:
    """Whether the last response, behind those of proxies, is a 206."""
    status = next((line for line in reversed(head) if line.startswith(b"HTTP/")), b"")
    return status.split(b" ", 2)[1:2] == [b"206"]
