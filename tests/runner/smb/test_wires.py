"""Connections are kept while they work, and all dropped when one does not."""

import pytest

from datasync_runner.storage.smb.wires import Wires


class FakeWire:
    def __init__(self):
        self.broken = self.closed = False

    def close(self):
        self.closed = True


def make():
    made = []

    def connect():
        made.append(FakeWire())
        return made[-1]

    return Wires(connect), made  # type: ignore[arg-type]


def test_a_connection_is_used_again():
    wires, made = make()
    for _ in range(3):
        with wires.lease() as wire:
            assert wire is made[0]
    assert len(made) == 1


def test_two_at_once_have_one_each():
    wires, made = make()
    with wires.lease() as one, wires.lease() as other:
        assert one is not other
    assert len(made) == 2


def test_a_broken_one_takes_the_idle_ones_with_it():
    wires, made = make()
    with wires.lease(), wires.lease():
        pass
    with wires.lease() as wire:
        wire.broken = True
    assert [wire.closed for wire in made] == [True, True]
    with wires.lease() as wire:
        assert wire is made[2]


def test_an_error_gives_it_back():
    wires, made = make()
    with pytest.raises(ZeroDivisionError), wires.lease():
        raise ZeroDivisionError
    with wires.lease() as wire:
        assert wire is made[0]


def test_closing_closes_the_idle_ones_now_and_the_others_when_they_come_back():
    wires, made = make()
    with wires.lease():
        with wires.lease():
            pass
        wires.close()
        assert [wire.closed for wire in made] == [False, True]
    assert made[0].closed


def test_one_that_was_not_used_for_long_is_not_used_again():
    made, now = [], [0.0]

    def connect():
        made.append(FakeWire())
        return made[-1]

    wires = Wires(connect, clock=lambda: now[0])  # type: ignore[arg-type]
    with wires.lease():
        pass
    now[0] = 299.0
    with wires.lease() as wire:
        assert wire is made[0]
    now[0] = 599.5
    with wires.lease() as wire:
        assert wire is made[1]
    assert [wire.closed for wire in made] == [True, False]
