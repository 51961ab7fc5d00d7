"""What is wrong with what the user gave: where, what, and how to fix it.

One shape for every complaint, so that a line of `validate` and an error of `run` read alike.
Nothing here decides what is wrong.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One finding in a manifest; a warning does not make it invalid."""

    file: str
    document: str = ""
    field: str = ""
    what: str
    fix: str = ""
    severity: Literal["error", "warning"] = "error"

    def line(self) -> str:
        """The finding on one line: file, document, field, what, fix."""
        mark = "warning" if self.severity == "warning" else ""
        parts = (self.file, mark, self.document, self.field, self.what, self.fix)
        return " ".join(": ".join(part for part in parts if part).split())


class UsageError(Exception):
    """What was asked for cannot be done; the text says what, why and how to fix it."""
