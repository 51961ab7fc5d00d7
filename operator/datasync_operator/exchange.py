"""The exchange: tell a runner pod its limits and get its progress, with the execution's own token.

The token is an HMAC of the execution's uid by the installation's key, so nothing has to be stored
or read back: every start of the operator knows every token.  An answer about another execution is
dropped, because pod addresses are used again.
"""

import hashlib
import hmac
from typing import Final

import aiohttp
from pydantic import ValidationError

from datasync_api.report import ExchangeRequest, Progress

_TIMEOUT: Final = aiohttp.ClientTimeout(total=3)
_ANSWER_MAX_BYTES: Final = 65_536


def token_for(key: bytes, execution_uid: str) -> str:
    """The bearer token of one execution."""
    return hmac.new(key, execution_uid.encode(), hashlib.sha256).hexdigest()


class Exchange:
    """Connections to runner pods."""

    def __init__(self, key: bytes, port: int) -> None:
        self._key = key
        self._port = port
        self._session: aiohttp.ClientSession | None = None

    def token(self, execution_uid: str) -> str:
        """The token of an execution, for its Secret."""
        return token_for(self._key, execution_uid)

    async def ask(
        self, pod_ip: str, execution_uid: str, *, bytes_per_second: int | None
    ) -> Progress | None:
        """Tell the runner its rate (None: as its plan says) and get its progress.

        None when it does not answer, or not for this execution.
        """
        if self._session is None:  # made here: a session belongs to the loop it is used in
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False)
        host = f"[{pod_ip}]" if ":" in pod_ip else pod_ip
        request = ExchangeRequest(execution_uid=execution_uid, bytes_per_second=bytes_per_second)
        try:
            async with self._session.post(
                f"http://{host}:{self._port}/v1/exchange",
                data=request.model_dump_json(by_alias=True),
                headers={
                    "Authorization": f"Bearer {self.token(execution_uid)}",
                    "Content-Type": "application/json",
                },
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    return None
                body = await response.content.read(_ANSWER_MAX_BYTES)
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None
        try:
            progress = Progress.model_validate_json(body)
        except ValidationError:
            return None
        return progress if progress.execution_uid == execution_uid else None

    async def close(self) -> None:
        """End the connections."""
        if self._session is not None:
            await self._session.close()
