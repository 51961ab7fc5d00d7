"""HTTP by libcurl's multi interface: the only module that imports pycurl.

One engine per process and event loop.  libcurl says which sockets it watches; they live in an epoll
of our own, whose descriptor is all that asyncio sees: a loop callback then serves every socket that
is ready, where asyncio would make a callback for each.  It sends what it is given, once: signing,
retries and what a status means are the client's.

Memory: a body that is sent belongs to its call; what is received is held until the call is done;
beside that libcurl holds two transfer buffers of 512 KiB a process and about 20 KiB a connection.
"""

import asyncio
import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import certifi
import pycurl

from datasync_runner.storage.s3.busy import busy_seconds
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.limits import ConnectionLimit
from datasync_runner.storage.throttle import Throttle

BUFFER_BYTES: Final = 512 * 1024
PACED_BYTES: Final = 16 * 1024
"""What a paced connection takes at once."""
PACED_CONNECTIONS: Final = 8
"""Under a ceiling: each waits for its turn with what it has taken, and a change is to be felt."""
CONNECT_SECONDS: Final = 10
_PACED: Final = " paced"
_MAX_LIFE_SECONDS: Final = 300  # so that connections spread over the addresses that S3 rotates
_EVENTS: Final = 256
_FLAGS: Final = tuple(
    (pycurl.CSELECT_IN if event & select.EPOLLIN else 0)
    | (pycurl.CSELECT_OUT if event & select.EPOLLOUT else 0)
    | (pycurl.CSELECT_ERR if event & (select.EPOLLERR | select.EPOLLHUP) else 0)
    for event in range(32)
)
_MASKS: Final = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}
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


class _Handle:
    """An easy handle that is used again and again for one method."""

    __slots__ = ("call", "curl", "granted_bytes", "head", "kind", "pieces", "sent_bytes")

    def __init__(self, kind: str, curl: pycurl.Curl) -> None:
        self.kind, self.curl = kind, curl
        self.head: list[bytes] = []
        self.pieces: list[bytes] = []
        self.call: Call | None = None
        self.sent_bytes = self.granted_bytes = 0


class Http:
    """Sends calls, at most `limit` at once; the others wait in the order in which they came.

    Made and used inside a running event loop.
    """

    def __init__(
        self,
        done: Callable[[Call, Answer], None],
        *,
        ca_path: str | None = None,
        most: int = 256,
        throttle: Throttle | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._done = done
        self._ca_path = ca_path or os.environ.get("AWS_CA_BUNDLE") or certifi.where()
        self.limit = ConnectionLimit(most=most)
        self.requests = 0
        self._throttle = throttle
        self._waiting: deque[Call] = deque()
        self._idle: dict[str, list[_Handle]] = {}
        self._busy: dict[pycurl.Curl, _Handle] = {}
        self._watched: set[int] = set()
        self._kick = self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._epoll = select.epoll()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most + 8)
        self._action = self._multi.socket_action
        self._loop.add_reader(self._epoll.fileno(), self._ready)

    def start(self, call: Call) -> None:
        """Send a call as soon as there is a connection for it; `done` gets the answer."""
        self._waiting.append(call)
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def close(self) -> None:
        """Drop everything; what is under way gets no answer."""
        if self._epoll.closed:
            return
        self._loop.remove_reader(self._epoll.fileno())
        if self._timer is not None:
            self._timer.cancel()
        for handle in self._busy.values():
            with contextlib.suppress(pycurl.error):
                self._multi.remove_handle(handle.curl)
            handle.curl.close()
        for handles in self._idle.values():
            for handle in handles:
                handle.curl.close()
        self._busy.clear()
        self._idle.clear()
        self._waiting.clear()
        self._multi.close()
        self._epoll.close()

    def _pump(self) -> None:
        self._pumping = False
        if self._epoll.closed:
            return
        self._launch()
        while self._kick:
            self._kick = False
            self._action(pycurl.SOCKET_TIMEOUT, 0)
            self._collect()

    def _launch(self) -> None:
        waiting, busy, limit = self._waiting, self._busy, self.limit.limit
        if self._throttle is not None and self._throttle.bytes_per_second >= 0:
            limit = min(limit, PACED_CONNECTIONS)
        while waiting and len(busy) < limit:
            self._send(waiting.popleft())
        if waiting and self.limit.look(time.monotonic(), busy_seconds, waiting=len(waiting)):
            self._launch()

    def _send(self, call: Call) -> None:
        paced = self._throttle is not None and self._throttle.bytes_per_second >= 0
        kind = call.method + _PACED if paced else call.method
        handles = self._idle.get(kind)
        handle = handles.pop() if handles else self._new_handle(kind)
        curl = handle.curl
        curl.setopt(pycurl.URL, call.url)
        curl.setopt(pycurl.HTTPHEADER, call.lines)
        curl.setopt(pycurl.LOW_SPEED_TIME, call.stall_seconds)
        if call.body is not None:
            if paced:
                curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(call.body))
            else:
                curl.setopt(pycurl.POSTFIELDS, call.body)
        handle.call = call
        self._busy[curl] = handle
        self.requests += 1
        self._multi.add_handle(curl)
        self._kick = True

    def _new_handle(self, kind: str) -> _Handle:
        curl = pycurl.Curl()
        handle = _Handle(kind, curl)
        method = kind.removesuffix(_PACED)
        paced = method != kind
        set_option: Any = curl.setopt
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PATH_AS_IS, 1),  # a key may hold /../ and must arrive as it was signed
            (pycurl.TCP_NODELAY, 1),
            (pycurl.TCP_KEEPALIVE, 1),
            (pycurl.BUFFERSIZE, PACED_BYTES if paced else BUFFER_BYTES),
            (pycurl.UPLOAD_BUFFERSIZE, BUFFER_BYTES),
            (pycurl.CONNECTTIMEOUT, CONNECT_SECONDS),
            (pycurl.LOW_SPEED_LIMIT, 1),
            (pycurl.MAXLIFETIME_CONN, _MAX_LIFE_SECONDS),
            (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),  # a proxy need not see what is signed
            (pycurl.CAINFO, self._ca_path),
            (pycurl.HEADERFUNCTION, handle.head.append),
        ):
            set_option(option, value)
        if method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif method == "POST" or method == "PUT":
            curl.setopt(pycurl.POST, 1)
        if method not in ("GET", "HEAD"):
            curl.setopt(pycurl.CUSTOMREQUEST, method)
        if paced:
            set_option(pycurl.READFUNCTION, partial(self._paced_read, handle))
            set_option(pycurl.WRITEFUNCTION, partial(self._paced_write, handle))
        else:
            set_option(pycurl.WRITEFUNCTION, handle.pieces.append)
        return handle

    def _ready(self) -> None:
        action, watched = self._action, self._watched
        for fd, event in self._epoll.poll(0, _EVENTS):
            if fd in watched:
                action(fd, _FLAGS[event & 31])
            else:  # an idle connection that the server closes; libcurl sees it when it takes it
                with contextlib.suppress(FileNotFoundError):
                    self._epoll.unregister(fd)
        self._collect()
        self._pump()

    def _collect(self) -> None:
        while True:
            left, good, bad = self._multi.info_read()
            for curl in good:
                self._finish(curl, "", trusted=True)
            for curl, code, message in bad:
                self._finish(curl, f"{message} ({code})", trusted=code not in UNTRUSTED)
            if not left:
                return

    def _finish(self, curl: pycurl.Curl, problem: str, *, trusted: bool) -> None:
        handle = self._busy.pop(curl)
        self._multi.remove_handle(curl)
        call = handle.call
        assert call is not None  # noqa: S101 - it is busy
        status = 0 if problem else curl.getinfo(pycurl.RESPONSE_CODE)
        answer = Answer(status, b"".join(handle.head), handle.pieces.copy(), problem, trusted)
        handle.head.clear()
        handle.pieces.clear()
        handle.call = None
        handle.sent_bytes = handle.granted_bytes = 0
        if call.body is not None and len(call.body) > BUFFER_BYTES and handle.kind == call.method:
            curl.setopt(pycurl.POSTFIELDS, b"")  # the handle would keep the body
        self._idle.setdefault(handle.kind, []).append(handle)
        self._done(call, answer)
        if self._waiting:
            self._launch()

    def _watch(self, what: int, fd: int, multi: Any, data: Any) -> None:
        """libcurl's wish for a socket.

        An idle connection stays in the epoll: most likely it is asked for again at once.  So
        whether a socket is known there is for the kernel to say, which forgets closed ones.
        """
        mask = _MASKS.get(what)
        if mask is None:
            self._watched.discard(fd)
            return
        self._watched.add(fd)
        try:
            self._epoll.modify(fd, mask)
        except FileNotFoundError:
            self._epoll.register(fd, mask)

    def _set_timer(self, milliseconds: int) -> None:
        if milliseconds == 0:
            self._kick = True
        elif milliseconds > 0:
            when = self._loop.time() + milliseconds / 1000
            if self._timer is not None:
                if self._timer.when() <= when + 0.001:
                    return  # it fires early, does no harm, and is set again then
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._timeout)

    def _timeout(self) -> None:
        self._timer = None
        self._action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()
        self._pump()
        left = self._multi.timeout()
        if left > 0:
            self._set_timer(left)

    def _paced_read(self, handle: _Handle, size_bytes: int) -> bytes | int:
        """What may be sent now, or the word that there is nothing yet."""
        body = handle.call.body if handle.call else None
        left = memoryview(body or b"")[handle.sent_bytes :]
        size = min(size_bytes, len(left), self._grain_bytes())
        if not self._granted(handle, size):
            return pycurl.READFUNC_PAUSE
        handle.sent_bytes += size
        return bytes(left[:size])

    def _paced_write(self, handle: _Handle, data: bytes) -> int | None:
        """Take what came, or have libcurl keep it for a while."""
        if not self._granted(handle, len(data)):
            return pycurl.WRITEFUNC_PAUSE
        handle.pieces.append(data)
        return None

    def _grain_bytes(self) -> int:
        return PACED_BYTES if self._throttle is None else self._throttle.grain_bytes

    def _granted(self, handle: _Handle, size_bytes: int) -> bool:
        """Whether these bytes may go; if not, the handle goes on when they may."""
        if handle.granted_bytes or not size_bytes or self._throttle is None:
            handle.granted_bytes = 0
            return True
        wait_seconds = self._throttle.take(size_bytes)
        if wait_seconds <= 0:
            return True
        handle.granted_bytes = size_bytes
        call = handle.call
        self._loop.call_later(wait_seconds, self._resume, handle, call)
        return False

    def _resume(self, handle: _Handle, call: Call | None) -> None:
        if handle.call is call is not None and not self._epoll.closed:
            handle.curl.pause(pycurl.PAUSE_CONT)
            self._kick = True
            self._pump()
