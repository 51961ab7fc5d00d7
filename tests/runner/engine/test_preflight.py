"""What the start of a run finds out: who let it in, and whom an error is about."""

import asyncio
import contextlib

import pytest

from datasync_runner.engine.end import stopped_by
from datasync_runner.engine.patient import Patient
from datasync_runner.engine.preflight import preflight
from datasync_runner.engine.progress import Board
from datasync_runner.storage import errors
from fakes.storage import FakeStorage


async def no_sleep(_seconds: float) -> None:
    return


async def look(source, destination):
    """Who let us in, and what the result would say of an error."""
    board, stop = Board("uid", lambda: 0.0), None
    try:
        await preflight(
            Patient(source, sleep=no_sleep), Patient(destination, sleep=no_sleep), board
        )
    except errors.StopError as error:
        stop = stopped_by(error).error
    reached = board.progress().reached
    return [end for end in ("source", "destination") if getattr(reached, end)], stop


def failing(error):
    return FakeStorage(trouble=lambda method, _: error if method == "check" else None)


async def test_both_let_us_in():
    assert await look(FakeStorage(), FakeStorage()) == (["source", "destination"], None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CredentialsRefused("wrong key"), "CredentialsRefused"),
        (errors.BucketMissing("no bucket"), "BucketNotFound"),
        (errors.Unavailable("no answer"), "LocationUnreachable"),
        (errors.Denied("not yours"), "ConfigurationInvalid"),
    ],
)
async def test_an_error_names_the_location_that_it_is_about(error, code):
    reached, stop = await look(FakeStorage(), failing(error))
    assert (reached, stop.code, stop.location) == (["source"], code, "destination")
    reached, stop = await look(failing(error), FakeStorage())
    assert (reached, stop.code, stop.location) == ([], code, "source")


class Clock:
    """Moves while somebody sleeps, and while a location is asked."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


NO_SERVICE, NO_ANSWER = errors.NoService("no such name"), errors.Unavailable("503")
TAKES: dict[str, tuple[list[errors.StorageError], float, float, float]] = {
    # what the destination answers, as long as there is something; seconds that each answer takes,
    # and until the end
    "lets us in at once": ([], 0, 0, 0),
    "is there a moment later": ([NO_SERVICE], 0, 0, 1),
    "is not there": ([NO_SERVICE] * 9, 0, 1.5, 5),
    "is away": ([NO_ANSWER] * 9, 0, 7, 15),
    "was there, and is away": ([NO_ANSWER, NO_SERVICE, NO_ANSWER, NO_ANSWER], 0, 7, 15),
    "lets every request wait": ([NO_ANSWER] * 9, 40, 80, 82),
}


@pytest.mark.parametrize("name", TAKES)
async def test_what_is_not_there_is_told_at_once_and_soon_given_up(name, caplog):
    answers, each, least, most = TAKES[name]
    left, clock, told = [*answers], Clock(), []
    board = Board("uid", clock)

    async def sleep(seconds):
        told.append(board.progress().waiting)
        await clock.sleep(seconds)

    def answer(*_):
        clock.seconds += each if left else 0
        return left.pop(0) if left else None

    destination = FakeStorage(trouble=answer)
    source = Patient(FakeStorage())
    with contextlib.suppress(errors.Unreachable):
        await preflight(source, Patient(destination, sleep=sleep), board, clock=clock)
    assert least <= clock.seconds <= most
    how_long = "5 s" if answers[:1] == [NO_SERVICE] else "60 s"
    words = [f"cannot reach the destination, trying again for {how_long}: {e}" for e in answers[:1]]
    assert sorted(set(told)) == words
    assert [r.fields["problem"] for r in caplog.records if r.message == "waiting"] == words
    assert board.progress().waiting == "", "what is over is told by the result"


async def test_a_location_that_says_nothing_is_told_too(monkeypatch):
    monkeypatch.setattr("datasync_runner.engine.preflight.SILENT_SECONDS", 0)
    board, told = Board("uid", lambda: 0.0), []

    class Slow(FakeStorage):
        async def check(self):
            for _ in range(3):  # turns of the loop, which has its timer done meanwhile
                await asyncio.sleep(0)
            told.append(board.progress().waiting)

    await preflight(Patient(Slow()), Patient(FakeStorage()), board)
    assert told == ["no answer from the source for 0 s; still waiting"]


async def test_a_location_that_has_answered_is_not_called_silent(monkeypatch):
    monkeypatch.setattr("datasync_runner.engine.preflight.SILENT_SECONDS", 0)
    left, board, told = [NO_ANSWER], Board("uid", lambda: 0.0), []

    async def turns(_seconds):
        for _ in range(3):
            await asyncio.sleep(0)
        told.append(board.progress().waiting)

    source = FakeStorage(trouble=lambda *_: left.pop() if left else None)
    await preflight(Patient(source, sleep=turns), Patient(FakeStorage()), board)
    assert told == ["cannot reach the source, trying again for 60 s: 503"]


async def test_options_that_the_runner_may_not_fulfil_say_nothing_of_the_location():
    reached, stop = await look(FakeStorage(), failing(errors.OptionsInvalid("no CAP_CHOWN")))
    assert (reached, stop.code, stop.location) == (["source"], "ConfigurationInvalid", None)


async def test_a_destination_is_asked_before_the_source_answers_only_where_that_makes_nothing():
    class Distant(FakeStorage):
        async def check(self):
            await asyncio.sleep(0)
            raise errors.CredentialsRefused("wrong key")

    for objects in (True, False):
        destination = FakeStorage(objects=objects)
        await look(Distant(), destination)
        assert destination.calls == (["check"] if objects else [])


async def test_of_two_errors_the_sources_is_told():
    wrong = errors.CredentialsRefused("wrong key")
    bucket = FakeStorage(objects=True, trouble=lambda _, __: errors.BucketMissing("no bucket"))
    reached, stop = await look(failing(wrong), bucket)
    assert (reached, stop.code, stop.location) == ([], "CredentialsRefused", "source")
