"""The report of a run as one HTML page that needs nothing else: no script, no network.

The only importer of jinja2, whose autoescape keeps names of files from becoming markup.  Characters
that are not seen, or that turn the order of others around, are shown as escapes: such a name would
look like another.
"""

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from datasync_page.view import HEIGHT, WIDTH, Told, view

_TEMPLATES: Final = Path(__file__).parent / "templates"


def page(told: Told) -> str:
    """The whole page."""
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = templates.get_template("report.html.jinja")
    return template.render(view=view(told), width=WIDTH, height=HEIGHT)


def _visible(value: Any) -> Any:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
