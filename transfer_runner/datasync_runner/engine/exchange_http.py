"""The exchange as HTTP: POST /v1/exchange, progress back, to the execution's own token alone.

It is loaded with the first connection: a run that ends before anybody asks needs no HTTP.
"""

import hmac
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from pydantic import ValidationError

from datasync_api.report import ExchangeRequest, Progress

PATH: Final = "/v1/exchange"
MAX_BODY_BYTES: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 10


def http_server(
    listening: socket.socket,
    *,
    token: str,
    progress: Callable[[], Progress],
    pace: Callable[[int | None], None],
) -> ThreadingHTTPServer:
    """A server for the connections of a socket that listens already; it owns the socket."""
    expected = f"Bearer {token}".encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_SECONDS
        server_version = "datasync-runner"
        sys_version = ""

        def do_POST(self) -> None:
            self._reply(*self._answer())

        def _answer(self) -> tuple[int, bytes]:
            if self.path != PATH:
                return 404, b""
            given = self.headers.get("Authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, expected):
                return 401, b""
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
                return 413, b""
            try:
                request = ExchangeRequest.model_validate_json(self.rfile.read(int(length)))
            except ValidationError:
                return 400, b""
            told = progress()
            if request.execution_uid != told.execution_uid:
                return 409, b""
            pace(request.bytes_per_second)
            return 200, told.model_dump_json(by_alias=True).encode()

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def send_error(self, code: int, message: Any = None, explain: Any = None) -> None:
            self._reply(404 if code == 501 else code, b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(listening.getsockname(), Handler, bind_and_activate=False)
    server.daemon_threads = True
    server.timeout = 0  # to be told of connections that were seen, and not to wait for one
    server.socket.close()  # its own, which was never bound
    server.socket = listening
    return server
