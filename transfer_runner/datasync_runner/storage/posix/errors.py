"""The border for errors of the operating system: errno to what the engine can do about it."""

import errno
import os
from typing import Final

from datasync_runner.storage import errors

_MAP: Final[dict[int, type[errors.StorageError]]] = {
    errno.ENOENT: errors.Missing,
    errno.EACCES: errors.Denied,
    errno.EPERM: errors.Denied,
    errno.EROFS: errors.Denied,
    errno.ELOOP: errors.Conflict,
    errno.ENOTDIR: errors.Conflict,
    errno.EISDIR: errors.Conflict,
    errno.EEXIST: errors.Conflict,
    errno.ENOTEMPTY: errors.Conflict,
    errno.ENAMETOOLONG: errors.NameNotRepresentable,
    errno.EILSEQ: errors.NameNotRepresentable,
    errno.ENOSPC: errors.Full,
    errno.EDQUOT: errors.Full,
    errno.EINVAL: errors.NotSupported,
    errno.EFBIG: errors.NotSupported,
    errno.EOPNOTSUPP: errors.NotSupported,
    errno.ENOSYS: errors.NotSupported,
    errno.EMLINK: errors.NotSupported,
    errno.EXDEV: errors.NotSupported,
    errno.EIO: errors.Unavailable,
    errno.ESTALE: errors.Unavailable,
    errno.ETIMEDOUT: errors.Unavailable,
    errno.EAGAIN: errors.Unavailable,
    errno.EBUSY: errors.Unavailable,
    errno.EMFILE: errors.Unavailable,
    errno.ENFILE: errors.Unavailable,
    errno.ECONNREFUSED: errors.Unavailable,
    errno.ECONNRESET: errors.Unavailable,
    errno.EHOSTDOWN: errors.Unavailable,
    errno.EHOSTUNREACH: errors.Unavailable,
    errno.ENOTCONN: errors.Unavailable,
    errno.EREMOTEIO: errors.Unavailable,
}

_MEANING: Final = {
    errno.ELOOP: "a symbolic link stands where a folder or file should be, and is not followed",
    errno.ENOTDIR: "a file or a symbolic link stands where a folder should be",
    errno.EISDIR: "a folder stands where a file should be",
}


def translate(error: OSError, key: bytes, doing: str) -> errors.StorageError:
    """The storage error for an OSError; what no rule knows is Unexpected."""
    number = error.errno or 0
    meaning = _MEANING.get(number) or os.strerror(number)
    return _MAP.get(number, errors.Unexpected)(f"cannot {doing}: {meaning}", key)
