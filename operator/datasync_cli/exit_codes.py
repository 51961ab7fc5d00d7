"""What the `datasync` command ends with; the table of their meanings is `__main__`'s.

A module of its own without imports: the first moments of the command need it, and so does a run.
"""

from typing import Final

ANSWER_MISSING: Final = 1
"""The summary or the report could not be written."""
USAGE: Final = 2
INTERRUPTED: Final = 130
