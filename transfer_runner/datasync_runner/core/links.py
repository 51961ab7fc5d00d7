"""Whether a symbolic link that comes from objects may be restored on a file system.

Objects are written by anyone who may write to the bucket; a link among them must not lead out of
the destination, neither alone nor by way of others.  So `..` may stand at the beginning of a target
alone: behind a name it would be a step up from wherever another link of that name leads.  Between
file systems links are kept as they are: nothing here ever follows one.
"""


def problem(key: bytes, target: bytes) -> str | None:
    """Why a link with this key and target may lead out of the location, or None.

    | key | target | problem |
    |---|---|---|
    | a/link | ../b | - |
    | a/link | ../../b | leads out |
    | link | /etc/passwd | absolute |
    | a/link | b/../c | goes up behind a name |
    """
    if target.startswith(b"/"):
        return "the link's target is an absolute path"
    depth = key.count(b"/")
    named = False
    for part in target.split(b"/"):
        if part == b"..":
            if named:
                return "the link's target goes up behind a name, which may be a link itself"
            depth -= 1
            if depth < 0:
                return "the link's target leads out of the location"
        elif part not in (b"", b"."):
            named = True
    return None
