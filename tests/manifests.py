"""Every manifest that a user may read: the examples, and the YAML in README and docs."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Snippet:
    """A YAML text, and where it stands."""

    where: str
    text: str


def snippets() -> list[Snippet]:
    found = [
        Snippet(str(path.relative_to(ROOT)), path.read_text())
        for path in sorted((ROOT / "examples").rglob("*.yaml"))
    ]
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, text in enumerate(
            re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL)
        ):
            found.append(Snippet(f"{path.relative_to(ROOT)}[{number}]", text))
    return found
