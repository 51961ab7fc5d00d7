"""An HTTP server that answers by a script and notes what it was asked; it knows nothing of S3.

For answers that no real server gives on demand: expired tokens, wrong clocks, other regions.
"""

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Asked(NamedTuple):
    """A request as it came; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def access_key(self) -> str:
        """Who signed it."""
        return self._scope[0]

    @property
    def region(self) -> str:
        """For which region it is signed."""
        return self._scope[2]

    @property
    def _scope(self) -> list[str]:
        return self.headers["authorization"].split("Credential=")[1].split(",")[0].split("/")


@dataclass(frozen=True)
class Reply:
    """What to answer; `cut_bytes` of the body are sent and then the connection is closed."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_bytes: int | None = None


CLOSE = Reply(0)
"""No answer at all: the connection is closed."""


def error(status: int, code: str, more: str = "", **headers: str) -> Reply:
    """An answer as S3 gives it; underscores in names of headers are hyphens."""
    body = f"{XML}<Error><Code>{code}</Code><Message>said so</Message>{more}</Error>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body.encode(), named)


Answers = Sequence[Reply] | Callable[[Asked], Reply]


class Server:
    """Running; `asked` grows with each request."""

    def __init__(self, answers: Answers, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._answers, self._lock = answers, Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self.rfile.read(size))
                reply = outer._next(asked)
                if reply.status == 0:
                    self.close_connection = True
                    return
                # send_response would add a Date of its own.
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body[: reply.cut_bytes])
                if reply.cut_bytes is not None:
                    self.close_connection = True

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64  # a connection beyond it would wait for a second

            def handle_error(self, *_: Any) -> None:
                """A client that goes away in the handshake is part of the script."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def _next(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            if callable(self._answers):
                return self._answers(asked)
            at = min(len(self.asked), len(self._answers)) - 1
            return self._answers[at]


@contextmanager
def serve(answers: Answers, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Answer by the script, whose last line is repeated, until the end of the block."""
    server = Server(answers, tls=tls)
    server._thread.start()
    try:
        yield server
    finally:
        server._server.shutdown()
        server._thread.join()
        server._server.server_close()
