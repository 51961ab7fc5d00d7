"""The page of a local run's report as a file that is there whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from datasync_page.page import page
from datasync_page.view import Told

_MODE: Final = 0o644


def write_page(file: Path, told: Told) -> None:
    """Put the page in place, whole or not at all.  Raises: OSError."""
    text = page(told).encode("utf-8", "replace")
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(text)
            os.fchmod(descriptor, _MODE)
        Path(temporary).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
