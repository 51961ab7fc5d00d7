"""The sorted walk of a folder tree: entries in the order of their S3 keys.

Siblings are sorted as `name` (files) and `name/` (folders), which makes the whole stream sorted.
Memory: the names of one folder a depth.  Links are listed, never followed.
"""

import os
import stat
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final

from datasync_api.patterns import Filter
from datasync_runner.core.entry import Entry
from datasync_runner.storage.port import Batch
from datasync_runner.storage.posix_errors import translate
from datasync_runner.storage.posix_folders import open_folder
from datasync_runner.storage.posix_metadata import entry_of
from datasync_runner.storage.posix_names import TEMPORARY

if TYPE_CHECKING:
    from datasync_runner.storage.errors import StorageError

BATCH: Final = 1000


def walk(root_fd: int, chosen: Filter, leftover: Callable[[bytes], None]) -> Generator[Batch]:
    """Everything below the root that takes part; `leftover` is told each temporary file.

    Raises: StorageError when the root itself cannot be listed.
    """
    try:
        first = _names(root_fd)
    except OSError as error:
        raise translate(error, b"", "list the location's folder") from error
    stack = [(os.dup(root_fd), b"", iter(first))]
    entries: list[Entry] = []
    errors: list[StorageError] = []
    matches, below = chosen.matches, chosen.may_match_below
    try:
        while stack:
            fd, prefix, names = stack[-1]
            for name in names:
                key = prefix + name
                folder = name[-1] == 0x2F
                if not folder and name.startswith(b".datasync-") and TEMPORARY.fullmatch(name):
                    leftover(key)
                    continue
                path = "/" + (key[:-1] if folder else key).decode("utf-8", "surrogateescape")
                enter = folder and below(path)
                taken = matches(path)
                if not taken and not enter:
                    continue
                try:
                    if taken:
                        bare = name[:-1] if folder else name
                        found = os.stat(bare, dir_fd=fd, follow_symlinks=False)
                        if stat.S_ISDIR(found.st_mode) is folder:
                            entries.append(entry_of(key, found))
                    if enter:
                        inside = open_folder(name[:-1], fd)
                        try:
                            stack.append((inside, key, iter(_names(inside))))
                        except OSError:
                            os.close(inside)
                            raise
                except FileNotFoundError:
                    continue  # removed while we walk: it is not there, that is all
                except OSError as error:
                    errors.append(translate(error, key, "list it"))
                    enter = False
                if len(entries) >= BATCH:
                    yield Batch(entries, errors)
                    entries, errors = [], []
                if enter:
                    break
            else:
                stack.pop()
                os.close(fd)
        if entries or errors:
            yield Batch(entries, errors)
    finally:
        for fd, _, _ in stack:
            os.close(fd)


def _names(fd: int) -> list[bytes]:
    with os.scandir(fd) as found:
        return sorted(
            os.fsencode(item.name) + b"/"
            if item.is_dir(follow_symlinks=False)
            else os.fsencode(item.name)
            for item in found
        )
