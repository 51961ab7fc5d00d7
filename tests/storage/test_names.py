"""Every awkward name from a real tree to a real server and back: stored as it is, or told."""

import os
from contextlib import suppress

import pytest

from awkward_names import NO_NAME, NOT_THERE, STORED, TABLE, UNLISTED
from runner.engine.test_names import contents
from storage.looks import started
from storage.sides import credentials, posix_side, s3_side

ROWS = [row for row in TABLE if row.to_objects != NOT_THERE]
KEYS = {key: row.to_objects for row in ROWS for key in row.keys}


def plant(root, keys):
    """Files with their own names in them, made folder by folder: some paths are too long."""
    root = os.fsencode(root)
    for key in keys:
        fd = os.open(root, os.O_RDONLY)
        *folders, name = key.split(b"/")
        for folder in folders:
            with suppress(FileExistsError):
                os.mkdir(folder, dir_fd=fd)
            below = os.open(folder, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o640, dir_fd=fd)
        os.write(file, b"body of " + key)
        os.close(file)
        os.close(fd)


def logged(folder, source, destination, **options):
    """A run to its end, whatever became of its files: exit code and log."""
    with started(folder, source, destination, **options) as process:
        code = process.wait(timeout=60)
    return code, (folder / "log").read_text()


@pytest.mark.timeout(60)
def test_a_tree_of_awkward_names_goes_there_and_back(tmp_path, s3_server, bucket):
    for name in ("tree", "back"):
        (tmp_path / name).mkdir()
    plant(tmp_path / "tree", KEYS)
    side = s3_side(s3_server, bucket, credentials(tmp_path / "secret", s3_server))
    code, log = logged(tmp_path, posix_side(tmp_path / "tree"), side)
    assert code == 0, log
    told = [line for line in log.splitlines() if NO_NAME in line and '"path"' in line]
    assert len(told) == sum(fate == NO_NAME for fate in KEYS.values()), log
    code, log = logged(tmp_path, side, posix_side(tmp_path / "back"))
    assert code == 0, log
    found, _ = contents(tmp_path / "back")
    # This server reads a backslash as a slash.
    wanted = {
        key.replace(b"\\", b"/"): b"body of " + key for key, fate in KEYS.items() if fate == STORED
    }
    assert found == wanted
    assert UNLISTED in KEYS.values()
