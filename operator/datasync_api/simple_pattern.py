"""AWS DataSync's SIMPLE_PATTERN language, exactly.

Source: DataSync user guide, "Filtering data transferred by AWS DataSync".

| written | means |
|---|---|
| `a|b` | one pattern or the other |
| `*` | any run of characters, none and slashes too |
| `\\*`, `\\|`, `\\\\` | the character itself; before any other, and at the end, `\\` is ignored |
| `/` at the beginning | the location's root |
| `/dir`, `/dir/` | the same: a file, or a folder with everything in it |
| anything else | itself; case counts, and there is no `?` and no `[...]` |
"""

import re
from collections.abc import Sequence
from typing import Final

from datasync_api.path_pattern import Pattern

_INCLUDE: Final = r"\\?/([^*|\\]|\\.)*\*?"
_EXCLUDE: Final = r"(\*|\\?/)([^|\\]|\\.)*"

INCLUDE_GRAMMAR: Final = rf"{_INCLUDE}(\|{_INCLUDE})*\\?"
"""Include rules: every pattern starts with `/`, a `*` only as its last character."""

EXCLUDE_GRAMMAR: Final = rf"{_EXCLUDE}(\|{_EXCLUDE})*\\?"
"""Exclude rules: every pattern starts with `/` or `*`; anything else could match no path."""

SNAPSHOT: Final = ".snapshot"
DEFAULT_EXCLUDES: Final = f"*{SNAPSHOT}|/.aws-datasync*|/.awssync|/.zfs"
"""What AWS DataSync leaves out of every transfer: any path that ends in `.snapshot`, what it
puts into a location itself, and `/.zfs`."""


def parse(value: str) -> list[Pattern]:
    """The patterns of a rule's value."""
    return [_pattern(text) for text in split(value)]


def split(value: str) -> list[str]:
    """The single patterns of a rule's value, escapes left as they are."""
    found = [""]
    characters = iter(value)
    for character in characters:
        if character == "\\":
            found[-1] += character + next(characters, "")
        elif character == "|":
            found.append("")
        else:
            found[-1] += character
    return [pattern for pattern in found if pattern]


def _pattern(text: str) -> Pattern:
    pieces = _pieces(text)
    pieces[-1] = pieces[-1].rstrip("/")  # /dir and /dir/ are the same
    anchor = max(pieces, key=len).encode("utf-8", "surrogateescape")
    return Pattern(_source(pieces), anchor, start=pieces[0], levels=_levels(pieces))


def _pieces(text: str) -> list[str]:
    """What stands between the stars, escapes resolved: one more than there are stars."""
    found = [""]
    characters = iter(text)
    for character in characters:
        if character == "*":
            found.append("")
        else:
            found[-1] += next(characters, "") if character == "\\" else character
    return [found[0], *filter(None, found[1:-1]), *found[1:][-1:]]


def _source(pieces: Sequence[str]) -> str:
    """Each piece but the last is taken where it first comes, for good: it leaves most to the rest.

    So a path is looked at once for each piece, however many stars there are.
    """
    first, *rest = (re.escape(piece) for piece in pieces)
    inside = "(?:/.*)?"
    if not rest:
        return first + inside if first else "/.*"  # nothing is left of `/`: everything
    *between, last = rest
    start = first + "".join(f"(?>.*?{piece})" for piece in between)
    if last:
        return f"{start}.*{last}{inside}"
    # `/dir/*` is what is in the folder: the slash at the end of its own path does not count.
    return start + (".+" if pieces[-2].endswith("/") else ".*")


def _levels(pieces: Sequence[str]) -> tuple[str, ...]:
    names = [re.escape(name) for name in pieces[0].split("/")[1:]]
    if names and len(pieces) > 1:
        names[-1] += ".*"
    return tuple(names)
