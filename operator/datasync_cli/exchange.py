"""The conversation that the operator has with a pod, with a child process: HTTP, a bearer token.

Imported when there is something to ask: a short run ends before.
"""

import http.client
from typing import Final

from pydantic import ValidationError

from datasync_api.report import ExchangeRequest, Progress

_TIMEOUT_SECONDS: Final = 5.0


def ask_progress(port: int, token: str, execution_uid: str) -> Progress | None:
    """One exchange; None when there was no answer that can be used, which ends nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST",
            "/v1/exchange",
            body=ExchangeRequest(execution_uid=execution_uid).model_dump_json(by_alias=True),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            return None
        progress = Progress.model_validate_json(answer)
    except (OSError, http.client.HTTPException, ValidationError):
        return None
    finally:
        connection.close()
    return progress if progress.execution_uid == execution_uid else None
