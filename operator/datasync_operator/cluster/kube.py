"""The Cluster port on the official client; the only importer of `kubernetes`.

All calls send and return raw JSON: the typed client would pick a patch format by itself and drop
fields that it does not know.
"""

import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from datasync_operator.cluster import errors
from datasync_operator.cluster.port import Manifest, ResourceType

FIELD_MANAGER: Final = "datasync-operator"
_TIMEOUT_SECONDS: Final = 30
_PAGE: Final = 500
_ERRORS: Final[dict[int, type[errors.ClusterError]]] = {
    400: errors.Refused,
    401: errors.Denied,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Conflict,
    422: errors.Refused,
}


async def connect(kubeconfig: str | None = None) -> "KubeCluster":
    """A connection by the pod's service account, or by a kubeconfig file when one is named."""
    configuration = client.Configuration()
    loader = cast("Any", config)  # the client's configuration module is untyped
    if kubeconfig:
        await loader.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    else:
        loader.load_incluster_config(client_configuration=configuration)
    return KubeCluster(client.ApiClient(configuration))


class KubeCluster:
    """A cluster behind a real API server."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = cast("Any", api)  # its low-level calls are untyped

    async def close(self) -> None:
        """End the connections."""
        await self._api.close()

    async def get(self, resource: ResourceType, namespace: str | None, name: str) -> Manifest:
        """One object."""
        return await self._call("GET", resource.path(namespace, name))

    async def list(
        self,
        resource: ResourceType,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Sequence[Manifest]:
        """All objects, read in chunks."""
        query = {"limit": str(_PAGE)}
        if labels:
            query["labelSelector"] = ",".join(f"{k}={v}" for k, v in labels.items())
        if fields:
            query["fieldSelector"] = ",".join(f"{k}={v}" for k, v in fields.items())
        items: list[Manifest] = []
        while True:
            page = await self._call("GET", resource.path(namespace), query=query)
            items += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return items
            query["continue"] = token

    async def create(self, resource: ResourceType, namespace: str | None, body: Manifest) -> None:
        """Make an object."""
        await self._call("POST", resource.path(namespace), body=body)

    async def apply_status(
        self, resource: ResourceType, namespace: str, name: str, status: Manifest
    ) -> None:
        """Server-side apply of the status, forced: it is the operator's alone."""
        kind = _KINDS[resource.plural]
        body = {
            "apiVersion": resource.api_version,
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "status": status,
        }
        await self._call(
            "PATCH",
            resource.path(namespace, name, sub="status"),
            body=body,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            content_type="application/apply-patch+yaml",
        )

    async def set_finalizers(
        self,
        resource: ResourceType,
        namespace: str,
        name: str,
        finalizers: Sequence[str],
        *,
        resource_version: str,
    ) -> None:
        """JSON patch guarded by the version: a merge patch could bring others' finalizers back."""
        body = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": resource_version},
            {"op": "add", "path": "/metadata/finalizers", "value": list(finalizers)},
        ]
        try:
            await self._call(
                "PATCH",
                resource.path(namespace, name),
                body=body,
                content_type="application/json-patch+json",
            )
        except errors.Refused as error:  # a failed test is answered as an invalid patch
            raise errors.Conflict(str(error)) from error

    async def delete(
        self, resource: ResourceType, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        """Delete in the background, only the object of this uid where one is given."""
        body: Manifest = {"propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        await self._call("DELETE", resource.path(namespace, name), body=body)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Manifest:
        if query:
            path = f"{path}?{urlencode(query)}"
        request = await self._api.param_serialize(
            method=method,
            resource_path=path,
            body=body,
            auth_settings=["BearerToken"],
            header_params={"Content-Type": content_type, "Accept": "application/json"},
        )
        try:
            response = await self._api.call_api(*request, _request_timeout=_TIMEOUT_SECONDS)
            raw: bytes = await response.read()
        except (TimeoutError, aiohttp.ClientError, ssl.SSLError, OSError) as error:
            raise errors.Unavailable(f"{method} {path}: {error or type(error).__name__}") from error
        answer = _parse(raw)
        if response.status >= 400:
            raise _error(response.status, answer, f"{method} {path}")
        return answer


_KINDS: Final = {
    "datasyncagents": "DataSyncAgent",
    "datasynclocations": "DataSyncLocation",
    "datasynctasks": "DataSyncTask",
    "datasynctaskexecutions": "DataSyncTaskExecution",
}


def _parse(raw: bytes) -> Manifest:
    try:
        return json.loads(raw)
    except ValueError:
        return {"message": raw[:200].decode(errors="replace")}


def _error(status: int, answer: Manifest, call: str) -> errors.ClusterError:
    """Our error for an answer; AlreadyExists and Conflict share a status code."""
    text = f"{call}: {answer.get('message', status)}"
    if status == 409 and answer.get("reason") == "AlreadyExists":
        return errors.AlreadyExists(text)
    return _ERRORS.get(status, errors.Unavailable)(text)
