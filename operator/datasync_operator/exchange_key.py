"""The installation's key for exchange tokens: made once, in a Secret that is mounted, not read.

The operator may create Secrets and never read them.  At the first start there is no key yet: it is
made and stored.  Later starts find it mounted by the kubelet.  A container that restarts before the
kubelet has mounted it waits for the file.
"""

import asyncio
import base64
import secrets
from pathlib import Path
from typing import Final

from datasync_operator.cluster.errors import AlreadyExists
from datasync_operator.cluster.port import SECRETS, Cluster
from datasync_operator.settings import Settings

_KEY_BYTES: Final = 32
_POLL_SECONDS: Final = 1.0


async def installation_key(cluster: Cluster, settings: Settings) -> bytes:
    """The key; waits where it exists and is not mounted yet."""
    path = settings.exchange_key_file
    if key := await asyncio.to_thread(_read, path):
        return key
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        await cluster.create(
            SECRETS,
            settings.namespace,
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": settings.exchange_key_secret,
                    "namespace": settings.namespace,
                    "labels": {"app.kubernetes.io/managed-by": "datasync-operator"},
                },
                "type": "Opaque",
                "data": {path.name: base64.b64encode(key).decode()},
            },
        )
    except AlreadyExists:
        while not (mounted := await asyncio.to_thread(_read, path)):  # noqa: ASYNC110 - a file
            await asyncio.sleep(_POLL_SECONDS)
        return mounted
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
