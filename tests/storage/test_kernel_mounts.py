"""NFS and CIFS as a real kernel mounts them: the contract and whole runs, under user-mode Linux.

This machine's kernel has neither. The kernel of user-mode Linux has both; it runs the tests from this
tree and writes a report, and what is proven here is that all of them ran there and passed.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from datasync_api.smb import Smb
from datasync_operator.decide.share_mounts import share_mount_options
from fixtures import s3, smb
from fixtures.testbed import ROOT, SCRIPTS, run, slot

MOUNTS = {
    "nfs-3": ("nfs", "vers=3"),
    "nfs-4.0": ("nfs4", "vers=4.0"),
    "nfs-4.1": ("nfs4", "vers=4.1"),
    "nfs-4.2": ("nfs4", "vers=4.2"),
    "cifs": ("cifs", "vers=3.1.1"),
    "cifs-sealed": ("cifs", "seal"),
}
SHARES = {
    "CIFS_OPTIONS": {"version": "SMB3_1_1", "encryption": "Off"},
    "CIFS_SEALED_OPTIONS": {"encryption": "Required"},
}
"""Locations with access Mount: their shares are mounted with what the operator would ask for."""
SQUASHED = {"nfs-squashed": ("nfs4", "vers=4.2")}
"""The same export, by a server that takes root for nobody."""
SUITES = ("test_contract.py", "mounted_runs.py", "mounted_nfs.py")
SECONDS = 540
HERE = Path(__file__).parent


@pytest.fixture
def network() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield a network with a tap device and servers of NFS, SMB and S3, and what their clients need."""
    with slot("kernel-mounts", count=4) as number:
        name, export = f"dskm{number}", Path(f"/var/tmp/dskm{number}-export")
        nfs, shares = {"STORAGE_NAME": f"pytest-{name}-nfs"}, f"pytest-{name}-smb"
        squashing = {"STORAGE_NAME": f"pytest-{name}-squashed"}
        buckets = f"pytest-{name}-s3"

        def down() -> None:
            for server in (nfs, squashing):
                run(SCRIPTS / "nfs.sh", "down", environment=server)
            smb.stop(shares)
            s3.stop(buckets)
            run(SCRIPTS / "kernel-mounts.sh", "net-down", name)
            shutil.rmtree(export, ignore_errors=True)

        try:
            down()
            export.mkdir()
            run(SCRIPTS / "kernel-mounts.sh", "net", name, f"10.89.{number}")
            run(SCRIPTS / "nfs.sh", "up", export, "--netns", name, "--v3", environment=nfs)
            run(
                *(SCRIPTS / "nfs.sh", "up", export, "--netns", name, "--port", "2059"),
                "--root-squash",
                environment=squashing,
            )
            shared = smb.start("--netns", name, name=shares)
            stored = s3.start("--netns", name, name=buckets)
            yield (
                name,
                {
                    "SMB_SERVER": shared.host,
                    "SMB_PORT": str(shared.port),
                    "SMB_USERNAME": shared.username,
                    "SMB_PASSWORD": shared.password,
                    **{name: options(**share) for name, share in SHARES.items()},
                    "AWS_ENDPOINT_URL": stored.endpoint,
                    "AWS_ACCESS_KEY_ID": stored.access_key,
                    "AWS_SECRET_ACCESS_KEY": stored.secret_key,
                },
            )
        finally:
            down()


def options(**share: str) -> str:
    """The mount options of a destination with access Mount, as mount(8) takes them."""
    login = {"credentialsSecretRef": {"name": "login"}}
    fields = {"server": "nas", "share": "data", "access": "Mount", **login, **share}
    return ",".join(share_mount_options(Smb.model_validate(fields), "destination"))


def collected() -> Counter[str]:
    """How many tests there are for each mount, counted without any kernel."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly"]
    mounts = {
        "DATASYNC_TEST_MOUNTS": " ".join(f"{name}=/" for name in MOUNTS),
        "DATASYNC_TEST_SQUASHED": " ".join(f"{name}=/" for name in SQUASHED),
    }
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *(HERE / name for name in SUITES)],
        env={**os.environ, **mounts},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return Counter(mount_of(line) for line in done.stdout.splitlines() if "::" in line)


def mount_of(name: str) -> str:
    """The mount in a test's parameters."""
    words = name.partition("[")[2].removesuffix("]")
    known = {**MOUNTS, **SQUASHED}
    return max((mount for mount in known if words.startswith(mount)), key=len, default="")


@pytest.mark.timeout(SECONDS + 60)
def test_the_suites_pass_where_a_kernel_mounts(
    network: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    name, values = network
    expected = collected()
    assert set(expected) == {*MOUNTS, *SQUASHED}
    assert min(expected[mount] for mount in MOUNTS) >= 30

    done = run(
        *(SCRIPTS / "kernel-mounts.sh", "run", name, tmp_path, HERE / "kernel_mounts_inside.sh"),
        *(ROOT, *(f"{key}={value}" for key, value in values.items())),
        environment={"KERNEL_MOUNTS_TIMEOUT": str(SECONDS)},
        check=False,
        deadline_seconds=SECONDS + 30,
    )
    output = (tmp_path / "output").read_text() if (tmp_path / "output").exists() else ""
    assert done.returncode == 0, f"{done.stderr}\n{output}"

    mounted = {
        line.split()[1]: line.split()[2:4]
        for line in (tmp_path / "mounts").read_text().splitlines()
    }
    for mount, (kind, option) in {**MOUNTS, **SQUASHED}.items():
        found_kind, options = mounted[f"/mnt/{mount}"]
        assert found_kind == kind
        assert option in options.split(",")
    suites = list(ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testsuite"))
    totals = {
        key: sum(int(suite.attrib[key]) for suite in suites)
        for key in ("errors", "failures", "skipped")
    }
    assert totals == {"errors": 0, "failures": 0, "skipped": 0}
    passed = Counter(
        mount_of(case.attrib["name"])
        for suite in suites
        for case in suite.iter("testcase")
        if not len(case)
    )
    assert passed == expected
