"""Who waits for a range is told how it went, also where an answer makes no sense."""

import asyncio

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.smb.ranges import Ranges
from datasync_runner.storage.smb.responses import Answer
from datasync_runner.storage.smb.wire import Limits, Wire
from datasync_runner.storage.threads import Threads

PIECE = 1024


class Answers:
    """A channel that gives these answers, one for each read."""

    def __init__(self, *answers: Answer) -> None:
        self.credits = 1024
        self._answers = list(answers)

    def post(self, chain):
        return [0]

    def receive(self, ids):
        return [self._answers.pop(0)]


@pytest.fixture
def ranges():
    """Of a file that is read in pieces of so many bytes, from answers."""
    threads = Threads(1, "smb")

    def make(*answers: Answer) -> Ranges:
        limits = Limits(0x311, False, True, PIECE, PIECE, PIECE)
        wire = Wire(None, Answers(*answers), limits)  # type: ignore[arg-type]
        return Ranges(threads, wire, bytes(16), key=b"k", turn=asyncio.Lock())

    yield make
    threads.close()


GOOD = Answer(0, b"", bytes(PIECE))
CUT_OFF = Answer(0, b"\x11")


async def test_a_range_comes_in_its_pieces(ranges):
    async with asyncio.timeout(5):
        assert await ranges(GOOD, GOOD).read(0, 2 * PIECE) == [bytes(PIECE)] * 2


@pytest.mark.parametrize("answers", [[CUT_OFF], [GOOD, CUT_OFF], [CUT_OFF, GOOD]])
async def test_an_answer_that_cannot_be_read_is_told(ranges, answers):
    with pytest.raises(errors.Unavailable):
        async with asyncio.timeout(5):
            await ranges(*answers).read(0, len(answers) * PIECE)


async def test_it_is_told_to_all_that_wait(ranges):
    file = ranges(GOOD, CUT_OFF, GOOD)
    async with asyncio.timeout(5):
        told = await asyncio.gather(
            *(file.read(at * PIECE, PIECE) for at in range(3)), return_exceptions=True
        )
    assert [type(one) for one in told] == [list, errors.Unavailable, errors.Unavailable]
