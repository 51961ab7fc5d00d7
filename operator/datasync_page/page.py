"""The report of a run as one HTML page that needs nothing else: no script, no network.

The only importer of jinja2, whose autoescape keeps names of files from becoming markup.
"""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from datasync_page.view import HEIGHT, WIDTH, Told, view

_TEMPLATES: Final = Path(__file__).parent / "templates"


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
