"""What the start of a run finds out: who let it in, and whom an error is about."""

import asyncio

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
