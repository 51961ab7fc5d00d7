"""HTTP by libcurl's multi interface: with `handles` the only module that imports pycurl.

One engine per process and event loop.  libcurl says which sockets it watches; they live in an epoll
of our own, whose descriptor is all that asyncio sees: a loop callback then serves every socket that
is ready, where asyncio would make a callback for each.  It sends what it is given, once: signing,
retries and what a status means are the client's.

Memory: a body that is sent belongs to its call; what is received is held until the call is done,
or where the call has a sink, 256 KiB of it; beside that libcurl holds two transfer buffers of
512 KiB a process and about 20 KiB a connection.
"""

import asyncio
import contextlib
import os
import select
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Final

import certifi
import pycurl

from datasync_runner.storage.s3.busy import busy_seconds
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.handles import Handle, PacedHandle, PiecesHandle
from datasync_runner.storage.s3.limits import ConnectionLimit
from datasync_runner.storage.s3.pieces import Pieces
from datasync_runner.storage.throttle import Throttle

PACED_CONNECTIONS: Final = 8
"""Under a ceiling: each waits for its turn with what it has taken, and a change is to be felt."""
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
        self.sent: defaultdict[str, int] = defaultdict(int)
        self._throttle = throttle
        self._waiting: deque[Call] = deque()
        self._idle: defaultdict[tuple[type[Handle], str], list[Handle]] = defaultdict(list)
        self._busy: dict[pycurl.Curl, Handle] = {}
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
        throttle = self._throttle
        if throttle is not None and throttle.bytes_per_second >= 0:
            limit = min(limit, PACED_CONNECTIONS)
        else:
            throttle = None
        while waiting and len(busy) < limit:
            self._send(waiting.popleft(), throttle)
        if waiting and self.limit.look(time.monotonic(), busy_seconds, waiting=len(waiting)):
            self._launch()

    def _send(self, call: Call, throttle: Throttle | None) -> None:
        plain = PiecesHandle if isinstance(call.body, Pieces) else Handle
        kind = plain if throttle is None else PacedHandle
        handles = self._idle[kind, call.method]
        if handles:
            handle = handles.pop()
        elif throttle is None:
            handle = plain(call.method, self._ca_path)
        else:
            handle = PacedHandle(call.method, self._ca_path, throttle, self._wake_later)
        handle.load(call)
        self._busy[handle.curl] = handle
        self.sent[call.operation] += 1
        self._multi.add_handle(handle.curl)
        self._kick = True

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
                self._finish(curl, "", pycurl.E_OK)
            for curl, code, message in bad:
                self._finish(curl, f"{message} ({code})", code)
            if not left:
                break
        if self._waiting:
            self._launch()

    def _finish(self, curl: pycurl.Curl, problem: str, code: int) -> None:
        handle = self._busy.pop(curl)
        self._multi.remove_handle(curl)
        call, answer = handle.unload(problem, code)
        self._idle[type(handle), handle.method].append(handle)
        self._done(call, answer)

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

    def _wake_later(self, seconds: float, handle: PacedHandle, call: Call) -> None:
        self._loop.call_later(seconds, self._wake, handle, call)

    def _wake(self, handle: PacedHandle, call: Call) -> None:
        if handle.call is call and not self._epoll.closed:
            handle.wake()
            self._kick = True
            self._pump()
