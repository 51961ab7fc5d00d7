"""`datasync run` between two places: its manifests and its command."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.figures import Figures
from benchmarks.measure import Command, WrongRun, measure
from benchmarks.places import Bucket, Place, Share
from datasync_api.object_storage import ObjectStorage

MIB = 1024 * 1024
DATASYNC = Path(sys.executable).parent / "datasync"
NO_METADATA = {
    "mtime": "None",
    "atime": "None",
    "uid": "None",
    "gid": "None",
    "posixPermissions": "None",
}
"""Size and time from the listings decide: no HEAD per object."""


def command(
    source: Place, destination: Place, scratch: Path, *, options: Mapping[str, Any] | None = None
) -> Command:
    """Write the manifests to scratch; the options are the task's, its defaults where not given."""
    documents: list[dict[str, Any]] = [
        _document(
            "DataSyncTask",
            "bench",
            spec={
                "sourceLocationRef": {"name": "source"},
                "destinationLocationRef": {"name": "destination"},
                "options": {
                    "verifyMode": "OnlyFilesTransferred",
                    "objectTags": "None",  # no peer copies tags
                    **(options or {}),
                },
            },
        )
    ]
    mounts: list[str] = []
    for name, place in (("source", source), ("destination", destination)):
        if isinstance(place, Bucket):
            documents += _bucket(name, place)
        elif isinstance(place, Share):
            documents += _share(name, place)
        else:
            claim = {"persistentVolumeClaim": {"claimName": name}}
            documents.append(_document("DataSyncLocation", name, spec=claim))
            mounts += ["--mount", f"{name}={place.path}"]
    file = scratch / "manifests.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    kept = ("--baseline", str(_baseline(scratch)))
    return Command((str(DATASYNC), "run", "-f", str(file), *mounts, *kept, "--output", "json"))


def forget(scratch: Path) -> None:
    """Make the next run a first one: what runs before it have proven is gone."""
    _baseline(scratch).unlink(missing_ok=True)


def _baseline(scratch: Path) -> Path:
    return scratch / "baseline.json"


def _document(kind: str, name: str, **content: Any) -> dict[str, Any]:
    version = "v1" if kind in ("Secret", "ConfigMap") else "datasync.dev/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}


def _bucket(name: str, bucket: Bucket) -> list[dict[str, Any]]:
    storage: dict[str, Any] = {
        "endpoint": bucket.endpoint,
        "bucket": bucket.name,
        "region": bucket.region,
        "credentialsSecretRef": {"name": f"{name}-keys"},
    }
    keys = {"AWS_ACCESS_KEY_ID": bucket.access_key, "AWS_SECRET_ACCESS_KEY": bucket.secret_key}
    documents = [_document("Secret", f"{name}-keys", stringData=keys)]
    if bucket.ca is not None:
        storage["caBundle"] = {"configMapKeyRef": {"name": f"{name}-ca", "key": "ca.crt"}}
        ca = {"ca.crt": bucket.ca.read_text()}
        documents.append(_document("ConfigMap", f"{name}-ca", data=ca))
    else:
        storage["allowInsecure"] = True
        if "payload_signing" in ObjectStorage.model_fields and not bucket.sign_payload:
            storage["payloadSigning"] = "Never"
    return [*documents, _document("DataSyncLocation", name, spec={"objectStorage": storage})]


def _share(name: str, share: Share) -> list[dict[str, Any]]:
    storage = {
        "server": share.host,
        "port": share.port,
        "share": share.name,
        "path": share.path,
        "encryption": share.encryption,
        "signing": share.signing,
        "credentialsSecretRef": {"name": f"{name}-login"},
    }
    login = {"username": share.username, "password": share.password}
    spec = {"smb": storage, "agentRefs": [{"name": "here"}]}
    return [
        _document("Secret", f"{name}-login", stringData=login),
        _document("DataSyncLocation", name, spec=spec),
    ]


class Ran(NamedTuple):
    """A run that says it succeeded."""

    figures: Figures
    transferred: int
    """Files, and folders' markers."""


def run(
    source: Place, destination: Place, scratch: Path, *, options: Mapping[str, Any] | None = None
) -> Ran:
    """Run and measure it.

    Raises: WrongRun when it fails, or does not say that it succeeded.
    """
    try:
        measured = measure(command(source, destination, scratch, options=options), scratch)
    except WrongRun as error:
        raise WrongRun(_reason(error.output) or str(error)) from None
    status = _status(measured.output)
    if status.get("phase") != "Success":
        raise WrongRun(f"no success in the output: {measured.output[-300:]}")
    figures = measured.figures._replace(
        rate_mib=status.get("progress", {}).get("bytesPerSecond", 0) / MIB
    )
    return Ran(figures, int(status.get("counters", {}).get("filesTransferred", 0)))


def _reason(output: str) -> str:
    result = _status(output).get("result", {})
    return f"{result['errorCode']}: {result.get('errorDetail')}" if "errorCode" in result else ""


def _status(output: str) -> dict[str, Any]:
    try:
        return json.loads(output)
    except ValueError:
        return {}
