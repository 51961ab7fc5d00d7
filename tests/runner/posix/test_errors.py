"""The border for errno: every one that a file system gives has a meaning."""

import errno

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.posix.errors import translate

TABLE = {
    errors.Missing: [errno.ENOENT],
    errors.Denied: [errno.EACCES, errno.EPERM, errno.EROFS],
    errors.Conflict: [
        errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY
    ],
    errors.NameNotRepresentable: [errno.ENAMETOOLONG, errno.EILSEQ],
    errors.Full: [errno.ENOSPC, errno.EDQUOT],
    errors.NotSupported: [errno.EINVAL, errno.EFBIG, errno.EOPNOTSUPP, errno.ENOSYS],
    errors.Unavailable: [
        errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EMFILE,
        errno.ENFILE, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTDOWN,
        errno.EHOSTUNREACH, errno.ENOTCONN, errno.EREMOTEIO,
    ],
    errors.Unexpected: [errno.ECHILD],
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "ours"), [(number, ours) for ours, numbers in TABLE.items() for number in numbers]
)
def test_errno(number, ours):
    found = translate(OSError(number, "text"), b"k", "write it")
    assert type(found) is ours
    assert found.key == b"k"
    assert found.message.startswith("cannot write it: ")
    assert found.hint
