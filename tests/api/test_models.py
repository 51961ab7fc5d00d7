"""The four kinds: what they write is what the CRDs take and what they read back."""

import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.strategies import documents
from datasync_api import API_VERSION
from datasync_api.agent import Agent
from datasync_api.crds import KINDS, Kind
from datasync_api.location import Location, LocationSpec
from datasync_api.schema import structural, unknown_fields
from datasync_api.task import Guards, Task
from datasync_api.task_options import TaskOptions

IDS = [kind.name for kind in KINDS]
NAMED = {"name": "example"}


MEMBERS = [name for name in structural(LocationSpec)["properties"] if name != "agentRefs"]


def one_member(spec: dict[str, Any], member: str) -> dict[str, Any]:
    """A location's spec cut down to one member, with agents only where they belong."""
    kept = {name: value for name, value in spec.items() if name == member or name not in MEMBERS}
    if member in ("nfs", "smb"):
        kept["agentRefs"] = kept.get("agentRefs") or [{"name": "site"}]
    if member in ("s3", "fsxWindows"):
        kept.pop("agentRefs", None)
    return kept


@st.composite
def resources(draw: st.DrawFn, kind: Kind) -> Any:
    """A valid object of a kind."""
    schema = kind.schema()["properties"]
    spec = draw(documents(schema["spec"]))
    if kind.model is Location:
        members = [member for member in MEMBERS if member in spec]
        assume(members)
        spec = one_member(spec, draw(st.sampled_from(members)))
    body = {"metadata": NAMED, "spec": spec, "status": draw(documents(schema["status"]))}
    try:
        return kind.model.model_validate(body)
    except ValidationError:
        assume(False)


def taken(kind: Kind, manifest: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(kind.schema()).validate(manifest)
    assert not list(unknown_fields(manifest, kind.schema()))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_what_is_written_is_taken_by_the_crd_and_read_back(kind: Kind) -> None:
    @settings(
        max_examples=30,
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(resources(kind))
    def check(resource: Any) -> None:
        manifest = resource.manifest()
        taken(kind, manifest)
        assert manifest["apiVersion"] == API_VERSION
        assert manifest["kind"] == kind.name
        assert kind.model.model_validate(manifest) == resource
        assert kind.model.model_validate_json(resource.model_dump_json(by_alias=True)) == resource

    check()


def test_defaults_of_the_task_are_awss() -> None:
    """API reference, Options; VerifyMode as in enhanced mode."""
    assert TaskOptions().manifest() == {
        "transferMode": "Changed",
        "verifyMode": "OnlyFilesTransferred",
        "overwriteMode": "Always",
        "preserveDeletedFiles": "Preserve",
        "mtime": "Preserve",
        "atime": "BestEffort",
        "uid": "IntValue",
        "gid": "IntValue",
        "posixPermissions": "Preserve",
        "preserveDevices": "None",
        "objectTags": "Preserve",
        "bytesPerSecond": -1,
        "compareMode": "Properties",
        "checksumAlgorithm": "CRC64NVME",
        "taskQueueing": "Enabled",
        "logLevel": "Basic",
        "fileErrorPolicy": "Fail",
        "hiddenFiles": "Include",
    }


def test_a_task_that_says_nothing_is_guarded() -> None:
    assert Guards().manifest() == {
        "allowEmptySource": False,
        "allowReplacedSource": False,
        "maxDeletePercent": 50,
    }


def test_an_older_reader_passes_over_what_a_newer_writer_added() -> None:
    agent = Agent.model_validate(
        {"metadata": {**NAMED, "newer": 1}, "spec": {"runAsUser": 5, "newer": {"a": 1}}}
    )
    assert agent.spec.run_as_user == 5
    assert "newer" not in agent.manifest()["spec"]


def test_objects_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TaskOptions().uid = "None"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_child_names_its_owner() -> None:
    task = Task.model_validate(
        {
            "metadata": {**NAMED, "uid": "u-1"},
            "spec": {"sourceLocationRef": {"name": "a"}, "destinationLocationRef": {"name": "b"}},
        }
    )
    assert task.owner_reference() == {
        "apiVersion": API_VERSION,
        "kind": "DataSyncTask",
        "name": "example",
        "uid": "u-1",
        "controller": True,
        "blockOwnerDeletion": False,
    }


KEYS = {"credentialsSecretRef": {"name": "keys"}}
ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/logs"
URIS = [
    ({"nfs": {"server": "nas", "path": "/"}}, "NFS", "nfs://nas/"),
    ({"nfs": {"server": "nas", "path": "/a/b/"}}, "NFS", "nfs://nas/a/b/"),
    ({"smb": {"server": "nas", "share": "a", **KEYS}}, "SMB", "smb://nas/a/"),
    (
        {"smb": {"server": "fd00::1", "port": 4450, "share": "a", "path": "/b/", **KEYS}},
        "SMB",
        "smb://[fd00::1]:4450/a/b/",
    ),
    (
        {"fsxWindows": {"dnsName": "amznfsx.example.com", "path": "b", **KEYS}},
        "FSxWindows",
        "fsxw://amznfsx.example.com/share/b/",
    ),
    ({"s3": {"bucket": "mirror"}}, "S3", "s3://mirror/"),
    ({"s3": {"bucket": "mirror", "prefix": "a/b"}}, "S3", "s3://mirror/a/b/"),
    (
        {"s3": {"bucket": ACCESS_POINT, "region": "eu-west-1", "prefix": "a"}},
        "S3",
        f"s3://{ACCESS_POINT}/a/",
    ),
    (
        {"objectStorage": {"endpoint": "https://h:9000/", "bucket": "mirror", "prefix": "a/"}},
        "ObjectStorage",
        "object-storage://h:9000/mirror/a/",
    ),
    (
        {"persistentVolumeClaim": {"claimName": "data"}},
        "PersistentVolumeClaim",
        "pvc://data/",
    ),
    (
        {"persistentVolumeClaim": {"claimName": "data", "path": "/a"}},
        "PersistentVolumeClaim",
        "pvc://data/a/",
    ),
    ({"efs": {"fileSystemId": "fs-01234567"}}, "EFS", "efs://fs-01234567/"),
    (
        {"efs": {"fileSystemId": "fs-01234567", "path": "/a/b/"}},
        "EFS",
        "efs://fs-01234567/a/b/",
    ),
    (
        {
            "efs": {
                "fileSystemId": "fs-01234567",
                "accessPointId": "fsap-89abcdef",
                "path": "/a",
            }
        },
        "EFS",
        "efs://fs-01234567/fsap-89abcdef/a/",
    ),
    ({"fsxLustre": {"dnsName": "h", "mountName": "fsx"}}, "FSxLustre", "fsxl://h/"),
    (
        {"fsxLustre": {"dnsName": "h", "mountName": "fsx", "path": "/a"}},
        "FSxLustre",
        "fsxl://h/a/",
    ),
    ({"fsxOpenZfs": {"dnsName": "h"}}, "FSxOpenZFS", "fsxz://h/fsx/"),
    ({"fsxOpenZfs": {"dnsName": "h", "path": "/fsx/a"}}, "FSxOpenZFS", "fsxz://h/fsx/a/"),
    ({"fsxOntap": {"dnsName": "h", "path": "/vol1"}}, "FSxONTAP", "fsxn-nfs://h/vol1/"),
    (
        {"fsxOntap": {"dnsName": "h", "smb": {"share": "a", "path": "/b", **KEYS}}},
        "FSxONTAP",
        "fsxn-smb://h/a/b/",
    ),
]


@pytest.mark.parametrize(("member", "type_", "uri"), URIS)
def test_type_and_uri_of_a_location(member: dict[str, Any], type_: str, uri: str) -> None:
    agents = {"agentRefs": [{"name": "site"}]} if member.keys() & {"nfs", "smb"} else {}
    spec = LocationSpec.model_validate({**member, **agents})
    assert (spec.type, spec.uri) == (type_, uri)


def test_the_contract_imports_neither_operator_nor_runner_nor_yaml() -> None:
    code = (
        "import sys, pkgutil, importlib, datasync_api\n"
        "for m in pkgutil.iter_modules(datasync_api.__path__):\n"
        "    importlib.import_module('datasync_api.' + m.name)\n"
        "bad = {'datasync_operator', 'datasync_runner', 'datasync_cli', 'yaml', 'boto3'}\n"
        "print(sorted(bad & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
