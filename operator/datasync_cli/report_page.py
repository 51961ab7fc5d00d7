"""The report of a local run as one HTML page that needs nothing else: no script, no network.

The only importer of jinja2, whose autoescape keeps names of files from becoming markup.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from datasync_cli.report_view import HEIGHT, WIDTH, Told, view

_TEMPLATES: Final = Path(__file__).parent / "templates"
_MODE: Final = 0o644


def page(told: Told) -> str:
    """The whole page."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = templates.get_template("report.html.jinja")
    return template.render(view=view(told), width=WIDTH, height=HEIGHT)


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
