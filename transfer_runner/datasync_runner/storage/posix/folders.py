"""Folders below a root, reached one component at a time and never through a link.

Every path of the location is resolved from the root's descriptor with O_NOFOLLOW, so a link in the
tree, old or planted while the run goes, cannot lead a read or a write outside.  The descriptors of
recent folders are kept (`KEPT_FOLDERS`, beside those in use); safe for use by several threads.
"""

import contextlib
import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Generator
from typing import Final

from datasync_runner.storage.errors import NameNotRepresentable
from datasync_runner.storage.temporary_names import PREFIX, refuse_temporary

KEPT_FOLDERS: Final = 128
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_NAMES: Final = frozenset({b"", b".", b".."})
_NEW_FOLDER_MODE: Final = 0o777  # less the process's umask


class _Handle:
    """An open folder and how many use it."""

    __slots__ = ("dropped", "fd", "users")

    def __init__(self, fd: int) -> None:
        self.fd, self.users, self.dropped = fd, 0, False


def split_key(key: bytes) -> tuple[bytes, bytes]:
    """A key's folder (empty, or ending in a slash) and its name there.

    Raises: NameNotRepresentable for what no file system could hold under that name.
    """
    path = key[:-1] if key.endswith(b"/") else key
    parts = path.split(b"/")
    if len(path) > 4095 or b"\0" in path:
        raise NameNotRepresentable("the path is too long, or holds a NUL byte", key)
    for part in parts:
        if part in (b"", b".", b"..") or len(part) > 255:
            raise NameNotRepresentable(
                "a file system has no names that are empty, '.', '..' or longer than 255 bytes", key
            )
    return path[: len(path) - len(parts[-1])], parts[-1]


def must_be_text(key: bytes) -> None:
    """Refuse what a share would store under another name: its client writes "?" for such bytes.

    Raises: NameNotRepresentable.
    """
    try:
        key.decode()
    except UnicodeDecodeError as error:
        raise NameNotRepresentable(
            "the name is not UTF-8, and a share has no others", key
        ) from error


class Folders:
    """Open folders below one root.

    `text_names`: the file system has names in UTF-8 alone; `keeps_owners`: whether it keeps them.
    """

    def __init__(
        self, root_fd: int, *, text_names: bool = False, keeps_owners: bool = True
    ) -> None:
        self.root_fd = root_fd
        self.keeps_owners = keeps_owners
        self.text_names = text_names
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, _Handle] = OrderedDict()

    @contextlib.contextmanager
    def open(self, folder: bytes, *, create: bool = False) -> Generator[int]:
        """The descriptor of a folder (empty for the root, else ending in a slash).

        Raises: OSError; ELOOP or ENOTDIR where a link or a file stands in the way.
        """
        if not folder:
            yield self.root_fd
            return
        handle = self.borrow(folder, create=create)
        try:
            yield handle.fd
        finally:
            self.give_back(handle)

    def borrow(self, folder: bytes, *, create: bool = False) -> "_Handle":
        """A folder below the root that stays open until it is given back.  Raises: OSError."""
        handle = self._take(folder)
        if handle is not None:
            return handle
        split_key(folder)
        if self.text_names:
            must_be_text(folder)
        above, names = folder, list[bytes]()
        while handle is None and above:
            cut = above.rfind(b"/", 0, -1) + 1
            names.append(above[cut:-1])
            above = above[:cut]
            handle = self._take(above)
        for name in reversed(names):  # no recursion: a key may name a thousand folders
            try:
                fd = open_folder(name, handle.fd if handle else self.root_fd, create=create)
            finally:
                if handle is not None:
                    self.give_back(handle)
            above += name + b"/"
            handle = self._add(above, fd)
        assert handle is not None  # noqa: S101 - a folder has a name
        return handle

    def give_back(self, handle: "_Handle") -> None:
        """The other end of `borrow`."""
        with self._lock:
            handle.users -= 1
            if handle.dropped and not handle.users:
                os.close(handle.fd)

    def forget(self, folder: bytes) -> None:
        """Drop a folder that was removed."""
        with self._lock:
            handle = self._open.pop(folder, None)
            if handle is not None:
                self._drop(handle)

    def lost(self, error: OSError) -> None:
        """After ESTALE, drop all handles: an NFS server forgot them, and a retry opens new ones."""
        if error.errno == errno.ESTALE:
            self.close()

    def close(self) -> None:
        """Close every folder but the root; those in use when their users are done."""
        with self._lock:
            for handle in self._open.values():
                self._drop(handle)
            self._open.clear()

    def _take(self, folder: bytes) -> _Handle | None:
        with self._lock:
            handle = self._open.get(folder)
            if handle is not None:
                handle.users += 1
                self._open.move_to_end(folder)
            return handle

    def _add(self, folder: bytes, fd: int) -> _Handle:
        handle = _Handle(fd)
        handle.users = 1
        with self._lock:
            replaced = self._open.pop(folder, None)
            if replaced is not None:
                self._drop(replaced)
            self._open[folder] = handle
            while len(self._open) > KEPT_FOLDERS:
                self._drop(self._open.popitem(last=False)[1])
        return handle

    def _drop(self, handle: _Handle) -> None:
        handle.dropped = True
        if not handle.users:
            os.close(handle.fd)


class Borrowed:
    """The folders of one batch: each is looked up once and stays open until the batch is done.

    Descriptors: one a folder of the batch.
    """

    def __init__(self, folders: Folders, *, create: bool = False) -> None:
        self._folders, self._create = folders, create
        self._handles: dict[bytes, _Handle] = {}
        self._last = b""
        self._fd = folders.root_fd

    def __enter__(self) -> "Borrowed":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the folders back; raises nothing."""
        while self._handles:
            self._folders.give_back(self._handles.popitem()[1])

    def at(self, key: bytes) -> tuple[int, bytes]:
        """The descriptor of the folder of a file's key, and the name there.

        Raises: OSError, NameNotRepresentable.
        """
        cut = key.rfind(b"/") + 1
        folder, name = key[:cut], key[cut:]
        if self._create and name.startswith(PREFIX):
            refuse_temporary(name)
        if folder != self._last or len(key) > 255 or name in _NO_NAMES or b"\0" in name:
            split_key(key)
            self._fd = self._descriptor(folder)
            self._last = folder
        if self._folders.text_names:
            must_be_text(key)
        return self._fd, name

    def _descriptor(self, folder: bytes) -> int:
        if not folder:
            return self._folders.root_fd
        handle = self._handles.get(folder)
        if handle is None:
            handle = self._handles[folder] = self._folders.borrow(folder, create=self._create)
        return handle.fd


def open_folder(name: bytes, parent_fd: int, *, create: bool = False) -> int:
    """The descriptor of a folder inside another one.  Raises: OSError."""
    try:
        return os.open(name, _FLAGS, dir_fd=parent_fd)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _NEW_FOLDER_MODE, dir_fd=parent_fd)
    return os.open(name, _FLAGS, dir_fd=parent_fd)
