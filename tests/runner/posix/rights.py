"""Rights that some tests of files need: without them they fail and say so, so that nobody takes what was not tested for tested."""

import os
import stat

import pytest

AS_ROOT = "run the tests as root, as the README says"


def needs_root():
    """Only root gives files away."""
    if os.geteuid() != 0:
        pytest.fail(f"this user may not give files to another: {AS_ROOT}", pytrace=False)


def needs_mknod(folder):
    """Asks the system: a user namespace has the capability and no say."""
    try:
        os.mknod(folder / "probe", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.fail(
            f"nobody here may make device nodes (CAP_MKNOD): {AS_ROOT}, and not in a container "
            "without that right",
            pytrace=False,
        )
    (folder / "probe").unlink()
