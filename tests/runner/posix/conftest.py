"""What the tests of large files share."""

import pytest

from runner.posix.large import storage


@pytest.fixture
async def destination(tmp_path):
    """A file system storage over a folder that is made for it."""
    made = storage(tmp_path / "root")
    await made.check()
    yield made
    await made.close()
