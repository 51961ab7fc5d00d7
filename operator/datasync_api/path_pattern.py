"""What every pattern language becomes: a regular expression, and the way to its matches.

Paths start with `/` at the location's root, and a folder's ends in `/` too.  Nothing here knows a
language; whoever lists a location knows nothing else.
"""

from typing import NamedTuple


class Pattern(NamedTuple):
    """One pattern of a filter."""

    source: str
    """A regular expression for whole paths (`.` means any character): what it takes, and what is
    inside of it."""
    anchor: bytes
    """What stands in every path that it takes, in UTF-8."""
    start: str = ""
    """What every path that it takes starts with."""
    levels: tuple[str, ...] = ()
    """Regular expressions for the names of the folders that lead to what it takes, the topmost
    first.  Below the last of them anything may be taken; without one, anywhere."""


class PatternError(ValueError):
    """A text is no pattern of its language; the message says why and what to write."""
