"""The operator's window into a run: it asks for progress, and tells the rate that is in force.

A thread listens, whatever the run is doing, and what answers (`exchange_http`) is loaded when
somebody asks.
"""

import select
import socket
import threading
from collections.abc import Callable

from datasync_api.report import Progress


class ExchangeServer:
    """Listens from construction; raises OSError when the address is taken."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        token: str,
        progress: Callable[[], Progress],
        pace: Callable[[int | None], None],
    ) -> None:
        self._token, self._progress, self._pace = token, progress, pace
        self._listening = socket.create_server((host, port))
        self.port: int = self._listening.getsockname()[1]
        self._end, self._closed = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._end.close()
        self._thread.join()
        self._closed.close()
        self._listening.close()

    def _serve(self) -> None:
        asked, _, _ = select.select([self._listening, self._closed], [], [])
        if self._closed in asked:
            return
        from datasync_runner.engine.exchange_http import http_server

        server = http_server(
            self._listening, token=self._token, progress=self._progress, pace=self._pace
        )
        while self._closed not in select.select([self._listening, self._closed], [], [])[0]:
            server.handle_request()
