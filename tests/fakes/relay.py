"""Somebody on the way to a real SMB server, who sees each frame and decides what becomes of it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Running; for one connection after the other, each served by the server behind it."""

    def __init__(
        self,
        server_port: int,
        asked: Callable[[bytes], bytes | None],
        answered: Callable[[bytes], bytes],
    ) -> None:
        """What the server gets of a request, and the client of an answer.

        `asked` gives None: the client gets it back as it is; nothing: nobody gets it.
        """
        self._asked, self._answered, self._server_port = asked, answered, server_port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no more connections, and wait for those that are."""
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with self._socket, suppress(OSError):
            while True:
                self._threads.append(
                    threading.Thread(target=self._carry, args=[self._socket.accept()[0]])
                )
                self._threads[-1].start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            back = threading.Thread(target=_relay, args=(server, client, self._answer))
            back.start()
            _relay(client, server, self._ask)
            back.join()

    def _ask(self, client: socket.socket, server: socket.socket, frame: bytes) -> None:
        passed = self._asked(frame)
        if passed != b"":
            _say(client if passed is None else server, frame if passed is None else passed)

    def _answer(self, _: socket.socket, client: socket.socket, frame: bytes) -> None:
        _say(client, self._answered(frame))


def _relay(here: socket.socket, there: socket.socket, say: Callable[..., None]) -> None:
    with suppress(OSError):
        while head := here.recv(4, socket.MSG_WAITALL):
            say(here, there, here.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL))
    for end in (here, there):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)  # who still waits at it ends as well


def _say(end: socket.socket, frame: bytes) -> None:
    end.sendall(len(frame).to_bytes(4, "big") + frame)


@contextmanager
def relay_to(
    server_port: int,
    *,
    asked: Callable[[bytes], bytes | None] = lambda frame: frame,
    answered: Callable[[bytes], bytes] = lambda frame: frame,
) -> Iterator[Relay]:
    """A relay until the end of the block."""
    relay = Relay(server_port, asked, answered)
    try:
        yield relay
    finally:
        relay.close()
