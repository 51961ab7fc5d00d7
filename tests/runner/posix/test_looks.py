"""A folder's names become entries piece by piece, whatever is met among them."""

import os
from itertools import chain

import pytest

from datasync_api.patterns import Filter
from datasync_runner.core.entry import Kind
from datasync_runner.storage import errors
from datasync_runner.storage.posix.looks import Looks

ALL = Filter.parse([], [])


class Refused:
    """A name that the file system does not let us look at."""

    name = "refused"

    def stat(self, *, follow_symlinks):
        del follow_symlinks
        raise PermissionError(13, "no")


def names(folder):
    with os.scandir(folder) as items:
        return sorted(items, key=lambda item: item.name)


@pytest.mark.parametrize("count", [1, 2, 100])
def test_what_cannot_be_looked_at_is_told_and_the_rest_is_listed(tmp_path, count):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    items = names(tmp_path)
    (tmp_path / "b").unlink()  # removed after its name was read
    looks = Looks(ALL, b"d/", 0)
    entries = list(chain(*looks.pieces(iter([*items, Refused()]), count)))
    assert [entry.key for entry in entries] == [b"d/a", b"d/c"]
    assert [(type(error), error.key) for error in looks.failures] == [(errors.Denied, b"d/refused")]


def test_an_entry_has_all_that_stat_tells(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"four")
    file.chmod(0o4751)
    os.utime(file, ns=(11, 22))
    found = file.stat()
    (entry,) = chain(*Looks(ALL, b"", 0).pieces(iter(names(tmp_path)), 10))
    assert (entry.key, entry.kind, entry.size_bytes, entry.mtime_ns) == (b"f", Kind.FILE, 4, 22)
    assert entry.metadata == (0o4751, found.st_uid, found.st_gid, 22, 11)
    assert entry.changed_ns == found.st_ctime_ns
    assert (entry.implied, entry.bare, entry.etag, entry.headers) == (False, False, "", None)
    assert (entry.version_id, entry.node, entry.storage_class) == ("", None, "")


def test_in_a_folder_that_was_moved_nothing_is_older_than_the_move(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    later = 2**62
    entries = list(chain(*Looks(ALL, b"", later).pieces(iter(names(tmp_path)), 10)))
    assert [(entry.key, entry.changed_ns) for entry in entries] == [
        (b"file", later),
        (b"folder/", later),
    ]
