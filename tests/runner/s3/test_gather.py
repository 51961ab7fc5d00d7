"""A batch's answers in the order of its questions."""

import asyncio
import random

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.s3.gather import Gather


async def test_an_empty_batch_waits_for_nobody():
    assert await Gather(0).all() == []


async def test_answers_come_in_any_order_and_stand_in_the_questions():
    gather = Gather(50)
    gives = [(at, gather.place(at)) for at in range(50)]
    random.Random(3).shuffle(gives)
    waiting = asyncio.create_task(gather.all())
    for at, give in gives[:-1]:
        give(at)
    await asyncio.sleep(0)
    assert not waiting.done()
    gives[-1][1](gives[-1][0])
    assert await waiting == list(range(50))


async def test_an_items_error_is_an_answer():
    gather = Gather(2)
    missing = errors.Missing("gone", b"a")
    gather.place(0)(missing)
    gather.put(1, "b")
    assert await gather.all() == [missing, "b"]


async def test_a_stop_ends_the_batch_at_once_and_late_answers_are_harmless():
    gather = Gather(3)
    gather.put(1, errors.CredentialsRefused("no"))
    with pytest.raises(errors.CredentialsRefused):
        await gather.all()
    gather.put(0, "late")
    gather.put(2, errors.BucketMissing("later still"))


async def test_answers_may_be_false():
    gather = Gather(2)
    gather.put(0, 0)
    gather.put(1, "")
    assert await gather.all() == [0, ""]
