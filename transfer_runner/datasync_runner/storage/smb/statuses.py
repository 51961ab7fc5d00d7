"""What a server's status means for who asked: NTSTATUS to our errors.  Pure.

Source: MS-ERREF 2.3.1, and MS-SMB2 3.3.5 for when which is sent.
"""

from typing import Final

from datasync_runner.storage import errors

OK: Final = 0
NO_MORE_FILES: Final = 0x80000006
STOPPED_ON_LINK: Final = 0x8000002D
NO_SUCH_FILE: Final = 0xC000000F
END_OF_FILE: Final = 0xC0000011
NAME_NOT_FOUND: Final = 0xC0000034
NAME_COLLISION: Final = 0xC0000035
PATH_NOT_FOUND: Final = 0xC000003A
ACCESS_DENIED: Final = 0xC0000022
BAD_NETWORK_NAME: Final = 0xC00000CC
CANNOT_DELETE: Final = 0xC0000121
CLOSED: Final = 0xC0000128

NOT_THERE: Final = frozenset({NO_SUCH_FILE, NAME_NOT_FOUND, PATH_NOT_FOUND})
LOST: Final = frozenset(
    {
        0xC00000C9,  # the share was taken away
        0xC0000203,  # the session was ended
        0xC000035C,  # it expired
        CLOSED,
        0xC000020C,  # the connection was cut
        0xC000013C,
    }
)
"""The connection is of no use any more."""
REFUSED: Final = {
    ACCESS_DENIED: "access denied",
    0xC000006A: "wrong password",
    0xC000006D: "unknown user or wrong password",
    0xC000006E: "a restriction of the account",
    0xC000006F: "the account may not log on at this hour",
    0xC0000070: "the account may not log on from this machine",
    0xC0000071: "the password has expired",
    0xC0000072: "the account is disabled",
    0xC0000064: "no such user",
    0xC000015B: "the account may not log on over the network",
    0xC0000193: "the account has expired",
    0xC0000224: "the password must be changed first",
    0xC0000234: "the account is locked",
}
"""While logging on: the credentials are not taken."""

_LINK: Final = "a symbolic link or junction stands where a folder should be, and is not followed"
_BUSY: Final = "another client has it open in a way that keeps everybody else out"
_MEANINGS: Final[dict[int, tuple[type[errors.StorageError], str]]] = {
    NO_SUCH_FILE: (errors.Missing, "it does not exist"),
    NAME_NOT_FOUND: (errors.Missing, "it does not exist"),
    PATH_NOT_FOUND: (errors.Missing, "its folder does not exist"),
    0xC0000225: (errors.Missing, "it does not exist"),
    0xC0000056: (errors.Missing, "it is being deleted"),
    0xC0000033: (errors.NameNotRepresentable, "the server does not take the name"),
    0xC0000039: (errors.NameNotRepresentable, "the server does not take the path"),
    0xC000003B: (errors.NameNotRepresentable, "the server does not take the path"),
    0xC0000106: (errors.NameNotRepresentable, "the server finds the name too long"),
    ACCESS_DENIED: (errors.Denied, "the user of the location has no right to it"),
    0xC0000061: (errors.Denied, "the user of the location lacks a privilege"),
    CANNOT_DELETE: (errors.Denied, "it is read-only"),
    0xC00000A2: (errors.Denied, "the share is read-only"),
    0xC0000043: (errors.Unavailable, _BUSY),
    0xC0000054: (errors.Unavailable, "another client has locked it"),
    0xC0000055: (errors.Unavailable, "another client has locked it"),
    NAME_COLLISION: (errors.Conflict, "something else has its name"),
    0xC00000BA: (errors.Conflict, "a folder stands where a file should be"),
    0xC0000103: (errors.Conflict, "a file stands where a folder should be"),
    0xC0000101: (errors.Conflict, "the folder is not empty"),
    STOPPED_ON_LINK: (errors.Conflict, _LINK),
    0xC0000279: (errors.Conflict, _LINK),
    0xC000007F: (errors.Full, "the disk is full"),
    0xC0000044: (errors.Full, "the quota is used up"),
    0xC0000904: (errors.NotSupported, "the file is too large for the server's file system"),
    0xC00000BB: (errors.NotSupported, "the server cannot do it"),
    0xC0000002: (errors.NotSupported, "the server cannot do it"),
    0xC0000010: (errors.NotSupported, "the server cannot do it"),
    0xC0000257: (
        errors.NotSupported,
        "it lies behind a link of a DFS namespace; name it in a location of its own",
    ),
    0xC000009A: (errors.Throttled, "the server is short of resources"),
    0xC0000205: (errors.Throttled, "the server is short of resources"),
    0xC000011F: (errors.Throttled, "the server has too many files open"),
    0xC00000B5: (errors.Unavailable, "the server's storage did not answer in time"),
    0xC0000185: (errors.Unavailable, "the server's disk has errors"),
}


def error_of(status: int, key: bytes, doing: str) -> errors.StorageError:
    """The error for a status; what no rule knows is Unexpected.

    | status | error |
    |---|---|
    | STATUS_OBJECT_NAME_NOT_FOUND | Missing |
    | STATUS_DISK_FULL | Full |
    | any of LOST | Unavailable |
    """
    if status in LOST:
        return errors.Unavailable(f"cannot {doing}: the connection was lost", key)
    family, meaning = _MEANINGS.get(status, (errors.Unexpected, f"status {status:#010x}"))
    return family(f"cannot {doing}: {meaning}", key)
