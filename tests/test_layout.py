"""The shape of the house: what must be absent, what must be so for the rest to work."""

import operator
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_operator_is_the_standard_librarys() -> None:
    """A package in operator/ would hide it, and half of Python with it."""
    assert operator.add(1, 2) == 3
    for folder in ("operator", "transfer_runner", "tests/operator"):
        assert not (ROOT / folder / "__init__.py").exists()


def test_every_package_is_typed() -> None:
    packages = [p.parent for p in ROOT.glob("*/datasync_*/__init__.py")]
    assert len(packages) == 5
    assert all((package / "py.typed").exists() for package in packages)


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "://" not in text
        pinned = [line for line in text.splitlines() if "==" in line and not line.startswith("#")]
        assert pinned
        assert text.count("--hash=sha256:") >= len(pinned)


def test_every_module_says_why_it_exists() -> None:
    for module in ROOT.glob("*/datasync_*/**/*.py"):
        assert module.read_text().lstrip().startswith('"""'), module
