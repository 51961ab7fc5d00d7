"""What is copied of security descriptors, as requests and answers.  Pure.

Source: MS-SMB2 2.2.37 to 2.2.39; MS-DTYP 2.4.3 for the rights.
"""

from collections.abc import Mapping
from struct import Struct
from typing import Final, NamedTuple

from datasync_api.task_options import SecurityDescriptorCopyFlags
from datasync_runner.core.descriptors import (
    DACL,
    GROUP,
    OWNER,
    SACL,
    NoDescriptor,
    canonical,
    same_meaning,
    to_be_set,
)
from datasync_runner.core.entry import Entry, WindowsMetadata
from datasync_runner.storage import errors
from datasync_runner.storage.smb import statuses
from datasync_runner.storage.smb.requests import HEADER_BYTES, LAST_FILE, SET_INFO, Options, Request
from datasync_runner.storage.smb.responses import Answer

MAX_BYTES: Final = 64 * 1024
"""Of a descriptor: what one credit pays for; its lists count their bytes in 16 bits."""
QUERY_INFO: Final = 16
_QUERY: Final = Struct("<HBBIHHIII16s")
_TOLD: Final = Struct("<HHI")
_SET: Final = Struct("<HBBIHHI16s")
_SECURITY: Final = 3
_READ_CONTROL, _WRITE_DAC, _WRITE_OWNER = 0x20000, 0x40000, 0x80000
_SYSTEM_SECURITY: Final = 0x1000000


class Parts(NamedTuple):
    """Which parts are copied, the rights to ask for when a file is opened, and how to open all.

    `proven`: what was set is read back.
    """

    information: int = 0
    to_read: int = 0
    to_write: int = 0
    options: int = 0
    proven: bool = False


NOTHING: Final = Parts()
PARTS: Final[Mapping[SecurityDescriptorCopyFlags, Parts]] = {
    "None": NOTHING,
    "OwnerDACL": Parts(
        OWNER | GROUP | DACL,
        _READ_CONTROL,
        _READ_CONTROL | _WRITE_DAC | _WRITE_OWNER,
        Options.BACKUP,
    ),
    "OwnerDACLSACL": Parts(
        OWNER | GROUP | DACL | SACL,
        _READ_CONTROL | _SYSTEM_SECURITY,
        _READ_CONTROL | _WRITE_DAC | _WRITE_OWNER | _SYSTEM_SECURITY,
        Options.BACKUP,
    ),
}


def queries(parts: Parts, file: bytes = LAST_FILE) -> list[Request]:
    """Ask for the parts; nothing, where none are copied."""
    if not parts.information:
        return []
    body = _QUERY.pack(41, _SECURITY, 0, MAX_BYTES, 0, 0, 0, parts.information, 0, file)
    return [Request(QUERY_INFO, body, MAX_BYTES)]


def told(answers: list[Answer], parts: Parts, key: bytes) -> bytes | None:
    """The answer to `queries`; None where nothing was asked.  Raises: StorageError."""
    for answer in answers:
        if answer.status != statuses.OK:
            raise statuses.error_of(answer.status, key, "read its security descriptor")
        try:
            return canonical(_descriptor_in(answer.body), parts.information)
        except NoDescriptor as error:
            raise errors.Unexpected(
                f"the server told a security descriptor that is none: {error}", key
            ) from error
    return None


def _descriptor_in(body: bytes | memoryview) -> bytes:
    """Raises: NoDescriptor."""
    if len(body) < _TOLD.size:
        raise NoDescriptor("the answer is shorter than its head")
    _, offset, size_bytes = _TOLD.unpack_from(body)
    start = offset - HEADER_BYTES
    if start < _TOLD.size or start + size_bytes > len(body):
        raise NoDescriptor("it lies outside of the answer")
    return bytes(body[start : start + size_bytes])


def settings(entry: Entry, parts: Parts, file: bytes = LAST_FILE) -> list[Request]:
    """Set the entry's descriptor, and ask for it where it is proven; nothing, where none is known.

    The answers are for `check_set`.
    """
    wanted = _wanted(entry, parts)
    if wanted is None:
        return []
    body, information = to_be_set(wanted, parts.information)
    where = HEADER_BYTES + _SET.size
    head = _SET.pack(33, _SECURITY, 0, len(body), where, 0, information, file)
    setting = Request(SET_INFO, head + body, len(body))
    return [setting, *queries(parts, file)] if parts.proven else [setting]


def check_set(answers: list[Answer], entry: Entry, parts: Parts) -> None:
    """Judge the answers to `settings`.  Raises: Denied, VerificationFailed, other StorageErrors."""
    wanted = _wanted(entry, parts)
    if wanted is None:
        return
    setting, *asked = answers
    if setting.status != statuses.OK:
        raise setting_error(setting.status, entry.key)
    found = told(asked, parts, entry.key)
    if found is not None and not same_meaning(wanted, found):
        raise errors.VerificationFailed(
            "the server keeps another owner or access list than was set; where it cannot hold "
            "what Windows can, set options.securityDescriptorCopyFlags to None",
            entry.key,
        )


def _wanted(entry: Entry, parts: Parts) -> bytes | None:
    node = entry.node
    if not (parts.information and isinstance(node, WindowsMetadata)):
        return None
    return node.descriptor or None


_REFUSED: Final = frozenset(
    {
        statuses.ACCESS_DENIED,
        0xC0000061,  # a privilege is not held
        0xC000005A,  # may not be the owner
        0xC000005B,  # may not be the group
    }
)


def setting_error(status: int, key: bytes) -> errors.StorageError:
    """Why a descriptor was not set: most often for want of a right, which is told."""
    if status in _REFUSED:
        return errors.Denied(
            f"cannot set its owner and access list ({status:#010x}): the user of the destination "
            "needs SeRestorePrivilege (of the group Backup Operators, for example) and the right "
            "to change permissions there; or set options.securityDescriptorCopyFlags to None",
            key,
        )
    return statuses.error_of(status, key, "set its owner and access list")
