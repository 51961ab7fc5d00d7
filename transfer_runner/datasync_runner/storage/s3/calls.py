"""A request to S3 and its answer, as values that the HTTP engine and the client exchange.

Slotted and mutable, because a run makes one for each object: the hot path allocates little.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from datasync_runner.storage.errors import StorageError

if TYPE_CHECKING:
    from datasync_runner.storage.port import Sink
    from datasync_runner.storage.s3.pieces import Pieces

QUICK_SECONDS: Final = 20
"""How long nothing may move, also before the first byte, until a request counts as stalled."""
PATIENT_SECONDS: Final = 120
"""The same for what a server may think about: copies and completions."""


class Answer:
    """What came back; `problem` says why nothing did (status 0)."""

    __slots__ = ("_headers", "head", "met", "pieces", "problem", "status", "trusted")

    def __init__(
        self,
        status: int,
        head: bytes,
        pieces: list[bytes],
        problem: str = "",
        *,
        trusted: bool = True,
        met: bool = True,
    ) -> None:
        self.status = status
        self.head = head
        """Status line and header lines as they came."""
        self.pieces = pieces
        """The body in the pieces that it came in."""
        self.problem = problem
        self.trusted = trusted
        """False: the server's certificate was refused, which no retry mends."""
        self.met = met
        """False: there is no such name, or nobody who listens there."""
        self._headers: dict[str, str] | None = None

    @property
    def body(self) -> bytes:
        """The body whole."""
        pieces = self.pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def headers(self) -> dict[str, str]:
        """The last response's headers, names in lower case; read once, whoever asks."""
        if self._headers is None:
            self._headers = _headers(self.head)
        return self._headers


class Call:
    """One request: made by the storage, signed and repeated by the client, sent by the engine."""

    __slots__ = (
        "attempt", "body", "finish", "generation", "headers", "judge", "key", "lines",
        "mends", "method", "once", "operation", "path", "query", "sink", "stall_seconds", "thinks",
        "url",
    )  # fmt: skip

    def __init__(
        self,
        operation: str,
        method: str,
        path: str,
        query: str = "",
        *,
        headers: list[tuple[str, str]] | None = None,
        body: "bytes | Pieces | None" = None,
        key: bytes = b"",
        judge: Callable[[Answer], StorageError | None] | None = None,
        thinks: bool = False,
    ) -> None:
        self.operation, self.method, self.path, self.query = operation, method, path, query
        self.headers: list[tuple[str, str]] = [] if headers is None else headers
        self.body, self.key = body, key
        self.judge = judge
        """Whether an answer with a good status is one: an error that may be retried, or None."""
        self.thinks = thinks
        """The server may take long, and say that it failed in the body of a 200."""
        self.stall_seconds = PATIENT_SECONDS if thinks else QUICK_SECONDS
        self.sink: Sink | None = None
        """Where the body of a 206 goes as it comes, instead of into the answer."""
        self.once = False
        """Not to be repeated: the refusal is what is asked for."""
        self.attempt = self.mends = self.generation = 0
        self.url = ""
        self.lines: list[str] = []
        self.finish: Callable[[Answer | StorageError], None] = _nobody


def _headers(head: bytes) -> dict[str, str]:
    interim = head.rfind(b"\r\n\r\nHTTP/1.")  # 100 Continue, or a proxy's own answer
    last = (head if interim < 0 else head[interim + 4 :]).decode("utf-8", "replace")
    found: dict[str, str] = {}
    for line in last.split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found[name.lower()] = value.strip()
    return found


def _nobody(answer: Answer | StorageError) -> None:
    raise RuntimeError(f"nobody waits for {answer}")
