"""An HTTP proxy that knows CONNECT alone: it remembers where it was asked to connect to."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


class Proxy:
    """Running; `asked` grows with each CONNECT, whose target is always the backend."""

    def __init__(self, backend_port: int) -> None:
        self.asked: list[str] = []
        self._backend_port = backend_port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._connect, args=(self._socket.accept()[0],), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.split()[1].decode())
            with socket.create_connection(("127.0.0.1", self._backend_port)) as backend:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = Thread(target=_pour, args=(backend, client), daemon=True)
                back.start()
                _pour(client, backend)
                back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_to(backend_port: int) -> Iterator[Proxy]:
    """A proxy until the end of the block."""
    proxy = Proxy(backend_port)
    try:
        yield proxy
    finally:
        proxy.close()
