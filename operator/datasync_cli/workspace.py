"""A private folder for one local run: the plan, the token, and what a cluster would mount.

Secrets are written for the owner alone and removed with the folder, whatever happened.  Nothing
of them is ever printed.
"""

import base64
import binascii
import os
import secrets
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from datasync_api.location import LocationSpec
from datasync_api.manifest import MANIFEST_KEY
from datasync_api.sides import Places
from datasync_api.smb import KRB5_CONF
from datasync_api.text import ConfigMapKeyReference
from datasync_cli.issues import UsageError
from datasync_cli.manifests import Manifests


@dataclass(frozen=True)
class Workspace:
    """The places of one run's files."""

    folder: Path

    @property
    def plan(self) -> Path:
        """The plan, which the runner reads."""
        return self.folder / "plan.json"

    @property
    def result(self) -> Path:
        """The result, which the runner writes."""
        return self.folder / "result.json"

    @property
    def token(self) -> Path:
        """The bearer token of the exchange."""
        return self.folder / "token"

    @property
    def manifest(self) -> Path:
        """The list of files to transfer, where it comes out of a ConfigMap."""
        return self.folder / MANIFEST_KEY

    def new_token(self) -> str:
        """Make and keep a token that nobody can guess."""
        token = secrets.token_urlsafe(32)
        write_private(self.token, token.encode())
        return token

    def materialize(
        self, side: str, location: LocationSpec, manifests: Manifests, namespace: str
    ) -> Places:
        """Write the location's Secret and certificates as files, as the kubelet would.

        Raises: UsageError when a document is missing or lacks a key.
        """
        (self.folder / side).mkdir(mode=0o700)
        places = Places(
            mount="",
            credentials=str(self.folder / side / "credentials"),
            ca_bundle=str(self.folder / side / "ca.crt"),
            krb5_conf=str(self.folder / side / KRB5_CONF),
        )
        if secret := location.credentials_secret_ref:
            data = _data(manifests, "Secret", namespace, secret.name)
            folder = Path(places.credentials)
            folder.mkdir(mode=0o700)
            for key, value in data.items():
                write_private(folder / key, value)
        if location.object_storage is not None and location.object_storage.ca_bundle is not None:
            ref = location.object_storage.ca_bundle.config_map_key_ref
            write_private(Path(places.ca_bundle), _key_of(manifests, namespace, ref))
        if ref := location.krb5_conf_ref:
            key = ConfigMapKeyReference(name=ref.name, key=KRB5_CONF)
            write_private(Path(places.krb5_conf), _key_of(manifests, namespace, key))
        return places

    def write_manifest(
        self, ref: ConfigMapKeyReference, manifests: Manifests, namespace: str
    ) -> None:
        """Write the key of a ConfigMap as the manifest's file.

        Raises: UsageError when the document is missing or lacks the key.
        """
        write_private(self.manifest, _key_of(manifests, namespace, ref))


@contextmanager
def workspace() -> Generator[Workspace]:
    """A folder that only its owner may enter; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="datasync-run-") as folder:  # made with mode 0700
        yield Workspace(Path(folder))


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _key_of(manifests: Manifests, namespace: str, ref: ConfigMapKeyReference) -> bytes:
    data = _data(manifests, "ConfigMap", namespace, ref.name)
    if ref.key not in data:
        raise UsageError(f"ConfigMap {ref.name} has no key {ref.key}: add it")
    return data[ref.key]


def _data(manifests: Manifests, kind: str, namespace: str, name: str) -> dict[str, bytes]:
    """The keys of a Secret or ConfigMap; stringData wins over data, as in Kubernetes."""
    document = manifests.others.get((kind, namespace, name))
    if document is None:
        raise UsageError(
            f"{kind} {name} is not among the given documents: give the file that holds it by -f"
        )
    encoded = kind == "Secret"
    found = {
        key: _decoded(name, key, value) if encoded else value.encode()
        for key, value in _strings(document.body.get("data"))
    }
    if encoded:
        found |= {k: v.encode() for k, v in _strings(document.body.get("stringData"))}
    else:
        found |= {k: _decoded(name, k, v) for k, v in _strings(document.body.get("binaryData"))}
    for key in found:
        if "/" in key or key in ("", ".", ".."):
            raise UsageError(f"{kind} {name}: {key!r} is not a key: use letters, digits, - _ .")
    return found


def _strings(mapping: Any) -> Iterator[tuple[str, str]]:
    if isinstance(mapping, dict):
        for key, value in cast("Mapping[str, Any]", mapping).items():
            yield key, str(value)


def _decoded(name: str, key: str, value: str) -> bytes:
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error as error:
        raise UsageError(f"{name}: data.{key} is not base64: use stringData for text") from error
