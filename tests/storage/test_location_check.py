"""What a check finds out about real servers, and that it asks them little and writes nothing."""

from pathlib import Path
from typing import Any

import pytest

from datasync_api.check_plan import CheckPlan
from datasync_runner import location_check
from datasync_runner.engine.end import End
from datasync_runner.engine.progress import Board
from fixtures.s3 import S3Server
from fixtures.smb import SmbServer
from storage.sides import credentials, s3_side

pytestmark = pytest.mark.storage


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process keeps its own ways to stop."""
    monkeypatch.setattr(location_check.signals, "STOPS", ())


async def look(side: Any) -> tuple[End, Board]:
    board = Board("uid", lambda: 0.0)
    end = await location_check.look(CheckPlan(uid="uid", location=side), board)
    return end, board


@pytest.mark.parametrize("right", [True, False], ids=["right keys", "wrong keys"])
async def test_a_bucket(tmp_path: Path, s3_server: S3Server, bucket: str, right: bool) -> None:
    more = {} if right else {"secret": "not-the-secret"}
    secret = credentials(tmp_path / "secret", s3_server, **more)
    end, board = await look(s3_side(s3_server, bucket, secret))
    assert (board.reached.source is not None) is right
    assert set(board.tally.requests) == {"ListObjectsV2"}
    if right:
        assert (end.code, end.outcome, end.error) == (0, "Success", None)
        assert board.tally.requests["ListObjectsV2"] == 1
    else:
        assert end.error is not None
        assert (end.code, end.error.code, end.error.location) == (
            11,
            "CredentialsRefused",
            "source",
        )
        assert "not-the-secret" not in end.error.detail


@pytest.mark.parametrize("right", [True, False], ids=["right password", "wrong password"])
async def test_a_share(
    tmp_path: Path, smb_server: SmbServer, smb_folder: Path, right: bool
) -> None:
    secret = smb_server.credentials(tmp_path / "login", password=None if right else "not-it")
    end, board = await look(smb_server.side(secret, f"{smb_folder.name}/", encryption="Off"))
    assert (board.reached.source is not None) is right
    assert (end.code, end.outcome) == ((0, "Success") if right else (11, "Error"))
    assert list(smb_folder.iterdir()) == []


async def test_a_folder_of_a_share_that_is_not_there_is_not_made(
    tmp_path: Path, smb_server: SmbServer, smb_folder: Path
) -> None:
    secret = smb_server.credentials(tmp_path / "login")
    side = smb_server.side(secret, f"{smb_folder.name}/not-there/", encryption="Off")
    end, board = await look(side)
    assert board.reached.source is None
    assert end.error is not None
    assert end.error.code == "ConfigurationInvalid"
    assert list(smb_folder.iterdir()) == []
