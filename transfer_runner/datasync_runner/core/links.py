"""Whether a symbolic link that comes from objects may be restored on a file system.

Objects are written by anyone who may write to the bucket; a link among them must not lead out of
the destination.  Between file systems links are kept as they are: nothing here ever follows one.
"""


def problem(key: bytes, target: bytes) -> str | None:
    """Why a link with this key and target leads out of the location, or None.

    | key | target | problem |
    |---|---|---|
    | a/link | ../b | - |
    | a/link | ../../b | leads out |
    | link | /etc/passwd | absolute |
    """
    if target.startswith(b"/"):
        return "the link's target is an absolute path"
    depth = key.count(b"/")
    for part in target.split(b"/"):
        depth += {b"..": -1, b".": 0, b"": 0}.get(part, 1)
        if depth < 0:
            return "the link's target leads out of the location"
    return None
