"""What every test run has in common: the fixtures, and the tier that a folder stands for."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# pytest-timeout limits each test; a limit per example fails on a busy machine.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

pytest_plugins = [
    "fixtures.blocking",
    "fixtures.browser",
    "fixtures.s3",
    "fixtures.peers",
    "fixtures.smb",
    "fixtures.faults",
    "fixtures.control_plane",
    "fixtures.cluster",
]

TESTS = Path(__file__).parent
TIERS = {"storage": "storage", "control_plane": "control_plane", "cluster": "cluster"}


@pytest.fixture(scope="session", autouse=True)
def main_thread_loop() -> Iterator[None]:
    """Own the loop that pytest-asyncio would otherwise make on the side and never close."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.hookimpl(tryfirst=True)  # before pytest deselects by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its folder's tier, and let its time limit run for the test alone.

    A session's servers start inside of the first test that asks for them; they have deadlines of
    their own.
    """
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        folder = item.path.relative_to(TESTS).parts[0]
        if folder not in TIERS:
            continue
        item.add_marker(TIERS[folder])
        own = item.get_closest_marker("timeout")
        seconds = own.args[0] if own and own.args else float(config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)
