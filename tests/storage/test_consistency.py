"""verifyMode PointInTimeConsistent between real file systems, shares and a real S3 server.

The last run has left both sides equal.  Then somebody changes the destination so that no
property and no stamp of this run tells, and the comparison at the end has to find it.
"""

import itertools
import random

import pytest

from storage.test_baseline import World

some = random.Random(5)
FILES = {
    "a/x": some.randbytes(2000),
    "a/b/y": some.randbytes(1),
    "zero": b"",
    "gone": b"gone",
    "large": some.randbytes(20_000_000),
}
PAIRS = list(itertools.product(["posix", "s3", "smb"], repeat=2))
WHOLE = {"verify_mode": "PointInTimeConsistent"}


@pytest.fixture(params=PAIRS, ids=["-to-".join(pair) for pair in PAIRS])
def world(request, tmp_path, s3_server, s3_client, bucket):
    smb = [request.getfixturevalue(name) for name in ("smb_server", "smb_folder")]
    made = World(tmp_path, s3_server, s3_client, bucket, request.param, smb)
    for key, body in FILES.items():
        made.write(0, key, body)
    return made


@pytest.mark.timeout(60)
async def test_both_sides_are_compared_whole(world):
    first = await world.run(**WHOLE)
    assert (first.tally.files_transferred, first.tally.files_verified) == (5, 5)
    for key in ("a/x", "large"):
        world.damage(1, key, b"?" * len(FILES[key]))
    second = await world.run(expect={"ContentDiffers": 2}, baseline=first.baseline, **WHOLE)
    assert second.tally.files_verified == 3
    assert second.tally.mismatched
    assert second.baseline is None


async def test_what_is_at_one_end_alone_is_told(world):
    """It comes and goes after everything was moved, while the run is still going."""

    def meanwhile():
        world.write(0, "new", b"n")
        world.write(1, "foreign", b"f")
        world.remove(0, "gone")
        world.remove(1, "zero")

    board = await world.run(
        expect={"FileNotAtDestination": 2, "FileNotAtSource": 2},
        meanwhile=meanwhile,
        preserve_deleted_files="Remove",
        **WHOLE,
    )
    assert board.tally.files_verified == 3
    assert board.tally.failed["verify"] == 4


@pytest.mark.timeout(60)
async def test_checksum_mode_repairs_what_no_property_tells(world):
    await world.run()
    world.damage(1, "a/x", b"?" * len(FILES["a/x"]))
    assert (await world.run()).tally.files_transferred == 0
    second = await world.run(compare_mode="Checksum")
    assert (second.tally.files_transferred, second.tally.files_skipped) == (1, 4)
    assert world.read(1, "a/x") == FILES["a/x"]
