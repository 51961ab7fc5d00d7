"""Keys as paths of a share, and which keys can be none.  Pure.

Windows refuses some names, drops dots and spaces at their ends without a word, and takes others for
devices.  All of them are refused here, whatever the server is, so that a tree that was written to
one server can be moved to another.  Source: "Naming Files, Paths, and Namespaces" of Windows.
"""

import re
from typing import Final

from datasync_runner.storage.errors import NameNotRepresentable

MAX_KEY_BYTES: Final = 4095
MAX_UNITS: Final = 255
"""Of a name, in the 16-bit units of UTF-16."""
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f"*:<>?|\\]')
_DEVICE: Final = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?", re.IGNORECASE)


def problem(name: str) -> str | None:
    """Why a share cannot have such a name, or None.

    | name | problem |
    |---|---|
    | report 2024.txt | - |
    | a:b | a character that Windows forbids |
    | report. | ends in a dot or a space |
    | nul.txt | the name of a device |
    """
    if name in ("", ".", ".."):
        return "a share has no names that are empty, '.' or '..'"
    if found := _FORBIDDEN.search(name):
        return f"a share has no names with the character {found[0]!r}"
    if name[-1] in ". ":
        return "Windows drops a dot or a space at the end of a name"
    if _DEVICE.fullmatch(name):
        return "Windows takes the name for a device"
    if len(name.encode("utf-16-le", "surrogatepass")) > 2 * MAX_UNITS:
        return f"the name is longer than {MAX_UNITS} characters of UTF-16"
    return None


def text_of(key: bytes) -> str:
    """A key as text; a name of Windows that is no valid UTF-16 survives.

    Raises: NameNotRepresentable.
    """
    try:
        return key.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise NameNotRepresentable("the name is not UTF-8", key) from error


def path_of(root: str, key: bytes) -> str:
    """The path of a listed key below the share; `root` is empty or ends in a backslash.

    Raises: NameNotRepresentable where a name would lead elsewhere.
    """
    text = text_of(key).rstrip("/")
    if "\\" in text or any(name in ("", ".", "..") for name in text.split("/")):
        raise NameNotRepresentable("no share has such a name", key)
    return root + text.replace("/", "\\")


def check(key: bytes) -> None:
    """Raises NameNotRepresentable where the key cannot be written to a share."""
    if len(key) > MAX_KEY_BYTES:
        raise NameNotRepresentable(f"the path is longer than {MAX_KEY_BYTES} bytes", key)
    text = text_of(key)
    for name in (text[:-1] if text.endswith("/") else text).split("/"):
        if why := problem(name):
            raise NameNotRepresentable(why, key)


def root_of(path: str) -> str:
    """A location's path as the beginning of its paths: empty, or ending in a backslash."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    return "\\".join(names) + "\\" if names else ""
