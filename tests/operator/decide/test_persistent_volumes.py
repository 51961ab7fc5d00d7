"""Volumes and their claims: what the CSI drivers and FSx document, and bound to one run alone.

The golden files say it for people: the location in the first line, what is made for it below.
"""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from datasync_api.location import Location, LocationSpec
from datasync_api.side_pairs import nested
from datasync_api.sides import plan_side
from datasync_operator.decide import naming, volumes
from datasync_operator.decide.naming import Side
from datasync_operator.decide.nfs_mounts import nfs_mount_options
from datasync_operator.decide.owner import Owner
from datasync_operator.decide.persistent_volumes import (
    needs_volume,
    volume_and_claim,
    volume_source,
)
from datasync_operator.decide.share_mounts import share_mount_options
from fakes.objects import (
    bucket,
    claim,
    efs,
    execution,
    file_system,
    lustre,
    mounted_share,
    nfs,
    ontap_share,
    s3,
    smb,
)

RUN = execution()
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


def made(spec: LocationSpec, side: Side) -> tuple[dict[str, Any], dict[str, Any]]:
    pair = volume_and_claim(Owner.of_run(RUN), spec, side)
    assert pair is not None
    return pair


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_what_is_made_is_the_golden_file(file: Path) -> None:
    text = file.read_text()
    location = file_system(**yaml.safe_load(text.splitlines()[0].removeprefix("# ")))
    volume, claimed = yaml.safe_load_all(text)
    side: Side = "source" if volume["metadata"]["name"].endswith("-source") else "destination"
    assert made(location.spec, side) == (volume, claimed)
    for manifest in (volume, claimed):
        kubernetes_validate.validate(manifest, "1.34", strict=True)


def test_every_member_that_needs_a_volume_has_golden_files() -> None:
    members = {file.read_text().split(":", 1)[0].removeprefix("# ") for file in GOLDEN}
    assert members == {"nfs", "smb", "efs", "fsxLustre", "fsxOpenZfs", "fsxOntap"}


@pytest.mark.parametrize(
    "location",
    [bucket(), s3("mirror"), claim(), smb(), ontap_share()],
    ids=["oss", "s3", "pvc", "smb", "ontap-smb"],
)
def test_others_need_no_volume_of_ours(location: Location) -> None:
    assert not needs_volume(location.spec)
    assert volume_and_claim(Owner.of_run(RUN), location.spec, "source") is None


@pytest.mark.parametrize(
    ("member", "side", "expected"),
    [
        ({}, "source", ["hard", "noatime", "ro"]),
        ({}, "destination", ["hard", "noatime"]),
        ({"version": "NFS4_1"}, "source", ["nfsvers=4.1", "hard", "noatime", "ro"]),
        (
            {"version": "NFS3", "mountOptions": ["nconnect=8"]},
            "destination",
            ["nfsvers=3", "hard", "noatime", "nconnect=8"],
        ),
    ],
)
def test_mount_options(member: dict[str, Any], side: Side, expected: list[str]) -> None:
    location = nfs(**member)
    assert location.spec.nfs is not None
    assert nfs_mount_options(location.spec.nfs, side) == expected


SHARE_OPTIONS = [
    *("uid=65534", "gid=65534", "file_mode=0644", "dir_mode=0755", "noperm", "cache=strict"),
    *("noserverino", "nosharesock"),
]


@pytest.mark.parametrize(
    ("member", "side", "further"),
    [
        ({}, "source", ["seal", "ro"]),
        ({}, "destination", ["seal"]),
        ({"encryption": "Off"}, "destination", []),
        ({"encryption": "Off", "signing": "IfRequired"}, "destination", ["sec=ntlmssp"]),
        ({"encryption": "Off", "version": "SMB2"}, "destination", ["vers=2.1"]),
        ({"version": "SMB3"}, "destination", ["vers=3.02", "seal"]),
        (
            {"version": "SMB3_1_1", "port": 4450},
            "source",
            ["vers=3.1.1", "seal", "port=4450", "ro"],
        ),
    ],
)
def test_mount_options_of_a_share(member: dict[str, Any], side: Side, further: list[str]) -> None:
    share = mounted_share(**member).spec.mounted_share
    assert share is not None
    signed = [] if "sec=ntlmssp" in further else ["sec=ntlmsspi"]
    assert share_mount_options(share, side) == [*SHARE_OPTIONS, *signed, *further]


def test_the_secret_of_a_mounted_share_is_of_the_runs_own_namespace_and_not_in_the_pod() -> None:
    location = mounted_share()
    volume, _ = made(location.spec, "source")
    secret = volume["spec"]["csi"]["nodeStageSecretRef"]
    assert secret == {"name": "login", "namespace": RUN.metadata.namespace}
    [mounted] = volumes.pod_parts(Owner.of_run(RUN), location.spec, "source").volumes
    assert "secret" not in mounted


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(
    "location",
    [nfs(), efs(), lustre(), mounted_share()],
    ids=["nfs", "efs", "lustre", "share"],
)
def test_the_volume_and_its_claim_belong_together(location: Location, side: Side) -> None:
    volume, claimed = made(location.spec, side)
    assert volume["spec"]["claimRef"]["name"] == claimed["metadata"]["name"]
    assert volume["spec"]["accessModes"] == claimed["spec"]["accessModes"]
    label = {naming.EXECUTION_UID_LABEL: RUN.metadata.uid}
    assert claimed["spec"]["selector"] == {"matchLabels": label}
    assert label.items() <= volume["metadata"]["labels"].items()
    assert "volumeName" not in claimed["spec"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert "ownerReferences" not in volume["metadata"]
    [mounted] = volumes.pod_parts(Owner.of_run(RUN), location.spec, side).volumes
    assert mounted["persistentVolumeClaim"] == {
        "claimName": claimed["metadata"]["name"],
        "readOnly": side == "source",
    }


paths = st.lists(st.sampled_from(["a", "b"]), max_size=2).map(lambda parts: "/" + "/".join(parts))
points = st.sampled_from(
    [{}, {"accessPointId": "fsap-00000001"}, {"accessPointId": "fsap-00000002"}]
)
locations = (
    st.builds(lambda path, point: efs(path=path, **point), paths, points)
    | st.builds(lambda path: lustre(path=path), paths)
    | st.builds(lambda path: mounted_share(path=path), paths)
)


@given(locations, locations)
def test_two_ends_of_a_run_never_share_a_handle(one: Location, other: Location) -> None:
    """A kubelet would take two volumes of one handle in one pod for one volume."""
    source = plan_side(one.spec, volumes.places("source"))
    assume(not nested(source, plan_side(other.spec, volumes.places("destination"))))
    first = volume_source(Owner.of_run(RUN), one.spec, "source")
    second = volume_source(Owner.of_run(RUN), other.spec, "destination")
    assert first is not None and second is not None
    keys = [(end.fields["driver"], end.fields["volumeHandle"]) for end in (first, second)]
    assert keys[0] != keys[1]
