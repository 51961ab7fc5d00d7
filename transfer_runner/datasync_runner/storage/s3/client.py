"""Requests to one side's bucket: signed, sent, sent again, and answered with a value.

What passes is repeated here, request by request, so that one slow answer holds up nobody else:
credentials that have expired are renewed, a clock that is wrong is corrected, a bucket that turns
out to be in another region is asked there, signed anew.  A SlowDown lowers the number of
connections.  What the answers mean for files is `objects`' business.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Final

from datasync_api.sides import S3Side
from datasync_runner.storage import errors
from datasync_runner.storage.s3.answers import ErrorAnswer, has_error, parse_error
from datasync_runner.storage.s3.calls import Answer, Call
from datasync_runner.storage.s3.credentials import make_source
from datasync_runner.storage.s3.endpoint import Endpoint, resolve
from datasync_runner.storage.s3.errors import to_error, unanswered
from datasync_runner.storage.s3.http import Http
from datasync_runner.storage.s3.pieces import sha256_of
from datasync_runner.storage.s3.retries import RetryAllowance
from datasync_runner.storage.s3.signer import EMPTY_SHA256, UNSIGNED, Signer, encode_key
from datasync_runner.storage.s3.standing import standing_headers
from datasync_runner.storage.throttle import Throttle

Finish = Callable[[Answer | errors.StorageError], None]
RENEW_SECONDS: Final = 60
"""How often the source of credentials is asked whether it has newer ones."""
MAX_MENDS: Final = 4
"""How often one request may renew, correct the clock or move, before its error counts."""


class Client:
    """All traffic of one process with one side."""

    def __init__(self, side: S3Side, *, most: int = 256, throttle: Throttle | None = None) -> None:
        """Raises: ConfigurationInvalid when the Secret's files or the endpoint cannot be used."""
        self.side = side
        self._source = make_source(side)
        self._standing = standing_headers(side)
        self._most, self._throttle = most, throttle
        self._allowance = RetryAllowance()
        self._http: Http | None = None
        self._signer: Signer | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._renewed_at = 0.0
        self._generation = 0
        self._skew_seconds = 0.0
        self._move(side.region)

    @property
    def sent(self) -> Mapping[str, int]:
        """How many requests of each kind were sent, repetitions included."""
        return self._http.sent if self._http else {}

    @property
    def requests(self) -> int:
        """How many requests were sent, repetitions included."""
        return sum(self.sent.values())

    def path(self, key: str = "") -> str:
        """The path of a key, encoded, as it is signed; of the bucket itself without one."""
        return f"{self._base}/{encode_key(key)}"

    def same_account(self, other: "Client") -> bool:
        """Whether both ask the same storage with the same keys, so that it can copy by itself."""
        ours, theirs = self.side, other.side
        return (
            ours.endpoint == theirs.endpoint
            and ours.region == theirs.region
            and self._source.same_as(other._source)
        )

    def start(self, call: Call, finish: Finish) -> None:
        """Send a call; `finish` gets its answer, or the error when it is not sent again."""
        call.finish = finish
        self._sign(call)

    async def ask(self, call: Call) -> Answer:
        """Send a call and wait for its answer.  Raises: StorageError."""
        future: asyncio.Future[Answer | errors.StorageError] = (
            asyncio.get_running_loop().create_future()
        )

        def finish(answer: Answer | errors.StorageError) -> None:
            if not future.done():
                future.set_result(answer)

        self.start(call, finish)
        answer = await future
        if isinstance(answer, errors.StorageError):
            raise answer
        return answer

    def close(self) -> None:
        """Drop all connections."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._http is not None:
            self._http.close()

    def _move(self, region: str) -> None:
        self._region = region
        self._endpoint: Endpoint = resolve(self.side, region)
        self._base = self._endpoint.base_path
        self._origin = f"{self._endpoint.scheme}://{self._endpoint.host}"
        choice = self.side.payload_signing
        self._signs_payload = choice == "Always" or (
            choice == "Automatic" and self._endpoint.scheme == "http"
        )
        self._signer = None
        self._generation += 1

    def _sign(self, call: Call) -> None:
        """Sign and send; credentials that are old, or not there yet, are looked after first."""
        now = time.monotonic()
        signer, http = self._signer, self._http
        if signer is None or http is None or now - self._renewed_at > RENEW_SECONDS:
            self._after_renewal(call)
            return
        call.attempt += 1
        call.generation = self._generation
        body = call.body
        payload = UNSIGNED
        if self._signs_payload:
            payload = sha256_of(body) if body else EMPTY_SHA256
        try:
            lines = signer.lines(
                call.method,
                self._endpoint.host,
                call.path,
                call.query,
                call.headers,
                payload,
                time.time(),
            )
        except errors.NotSupported as error:
            error.key = call.key
            call.finish(error)
            return
        if body is not None:
            lines.append("Expect:")
            if "content-type" not in [name for name, _ in call.headers]:
                lines.append("Content-Type:")  # or libcurl says it is a form
        query = call.query
        call.url = f"{self._origin}{call.path}?{query}" if query else self._origin + call.path
        call.lines = lines
        http.start(call)

    def _after_renewal(self, call: Call) -> None:
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        self._renewing.add_done_callback(lambda task: self._renewed(task, call))

    async def _renew(self) -> None:
        """Ask the source, in a thread: it may read files or ask a server."""
        if self._http is None:
            self._http = Http(
                self._answered,
                ca_path=self.side.ca_bundle_path,
                most=self._most,
                throttle=self._throttle,
            )
        try:
            if self._renewed_at:
                await asyncio.to_thread(self._source.refresh)
            current = await asyncio.to_thread(self._source.current)
        finally:
            self._renewing = None
        self._signer = Signer(current, self._region, standing=self._standing)
        self._signer.skew_seconds = self._skew_seconds
        self._renewed_at = time.monotonic()
        self._generation += 1

    def _renewed(self, task: "asyncio.Task[None]", call: Call) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._sign(call)
        elif isinstance(error, errors.StorageError):
            call.finish(error)
        else:
            task.get_loop().call_exception_handler(
                {"message": "credentials could not be renewed", "exception": error}
            )

    def _answered(self, call: Call, answer: Answer) -> None:
        status = answer.status
        if 200 <= status < 300 and not (status == 200 and call.thinks and has_error(answer.body)):
            error = call.judge(answer) if call.judge is not None else None
            if error is None:
                self._allowance.went_well(call.attempt)
                call.finish(answer)
                return
        elif status == 0:
            error = unanswered(self.side, self._origin, call, answer)
        else:
            told = parse_error(500 if status == 200 else status, answer.headers(), answer.body)
            if self._mended(call, told):
                call.attempt -= 1  # what is mended is no repetition
                self._sign(call)
                return
            error = to_error(told, self.side, operation=call.operation, key=call.key)
        self._failed(call, error)

    def _failed(self, call: Call, error: errors.StorageError) -> None:
        if isinstance(error, errors.Throttled) and self._http is not None:
            self._http.limit.slow_down(time.monotonic())
        if isinstance(error, errors.Unavailable) and not call.once:
            pause = self._allowance.delay_seconds(call.attempt, random.random())  # noqa: S311
            if pause is not None:
                asyncio.get_running_loop().call_later(pause, self._sign, call)
                return
        error.key = error.key or call.key
        call.finish(error)

    def _mended(self, call: Call, told: ErrorAnswer) -> bool:
        """Whether the cause of a refusal is gone now, or was already when it was answered."""
        if call.mends >= MAX_MENDS:
            return False
        call.mends += 1
        stale = call.generation != self._generation
        if told.renewable:
            if not stale:
                self._signer = None  # the next signature renews
            return True
        if told.skewed:
            return stale or self._correct_clock(told)
        return told.moved and (stale or self._moved(told))

    def _correct_clock(self, told: ErrorAnswer) -> bool:
        if told.server_seconds is None or self._signer is None:
            return False
        self._skew_seconds = told.server_seconds - time.time()
        self._signer.skew_seconds = self._skew_seconds
        self._generation += 1
        return True

    def _moved(self, told: ErrorAnswer) -> bool:
        """Follow the bucket to its region.  Only its name is taken from the answer, no address."""
        if not told.region or told.region == self._region or self.side.bucket.startswith("arn:"):
            return False
        self._move(told.region)
        return True
