"""CRC64NVME, the checksum of whatever is moved, and CRC32C: the only importer of awscrt.

Its library is loaded with the first checksum, and not imported: that starts its cryptography, which
nobody asks for, and which measures the machine's entropy for 26 ms of CPU in every process.  The
functions that it has for Python need nothing of it.
"""

import base64
import binascii
import ctypes
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

_METH_VARARGS: Final = 1  # <methodobject.h>


class _Functions(NamedTuple):
    """Each as in awscrt.checksums."""

    crc64nvme: Callable[..., int]
    crc32c: Callable[..., int]
    combine_crc64nvme: Callable[..., int]
    combine_crc32c: Callable[..., int]


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@cache
def _library() -> _Functions:
    found = find_spec("_awscrt")
    try:
        library = ctypes.PyDLL(found.origin if found else None)
        return _Functions(
            _function(library, "aws_py_checksums_crc64nvme"),
            _function(library, "aws_py_checksums_crc32c"),
            _function(library, "aws_py_checksums_crc64nvme_combine"),
            _function(library, "aws_py_checksums_crc32c_combine"),
        )
    except (OSError, AttributeError):  # a build that hides or calls them otherwise
        return imported()


def imported() -> _Functions:
    """The functions as the package offers them."""
    from awscrt import checksums  # pyright: ignore[reportMissingTypeStubs]

    return _Functions(
        checksums.crc64nvme,
        checksums.crc32c,
        checksums.combine_crc64nvme,
        checksums.combine_crc32c,
    )


_definitions: Final[list[_MethodDef]] = []
"""Of functions that were made: Python does not copy them."""


def _function(library: ctypes.PyDLL, name: str) -> Any:
    """What Python makes of a C function that takes its arguments.  Raises: AttributeError."""
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p)
    definition = _MethodDef(name.encode(), address, _METH_VARARGS, None)
    _definitions.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    return make(ctypes.byref(definition), None, None)


def crc64(data: bytes | memoryview, previous: int = 0) -> int:
    """The checksum of data that follows data whose checksum is `previous`."""
    return _library().crc64nvme(data, previous)


def combine(first: int, second: int, second_size_bytes: int) -> int:
    """The checksum of two pieces in a row, from those of the pieces."""
    return _library().combine_crc64nvme(first, second, second_size_bytes)


def crc32c(data: bytes | memoryview, previous: int = 0) -> int:
    """The checksum of data that follows data whose checksum is `previous`."""
    return _library().crc32c(data, previous)


def combine_crc32c(first: int, second: int, second_size_bytes: int) -> int:
    """As `combine`."""
    return _library().combine_crc32c(first, second, second_size_bytes)


def crc64_of_zeros(size_bytes: int) -> int:
    """The checksum of that many zero bytes, in as many steps as the number has binary digits."""
    whole, piece, piece_bytes = 0, crc64(b"\0"), 1
    while size_bytes:
        if size_bytes & 1:
            whole = combine(whole, piece, piece_bytes)
        piece, piece_bytes = combine(piece, piece, piece_bytes), piece_bytes * 2
        size_bytes >>= 1
    return whole


def to_header(checksum: int) -> str:
    """The form of the header `x-amz-checksum-crc64nvme`."""
    return binascii.b2a_base64(checksum.to_bytes(8, "big"), newline=False).decode("ascii")


def from_header(text: str | None) -> int | None:
    """The checksum that a header states; None when it states none that can be compared."""
    if not text:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return int.from_bytes(raw, "big") if len(raw) == 8 else None
