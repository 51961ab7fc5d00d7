"""Lines on their way: in order, bounded, and never in the way of the run."""

import threading

import pytest

from datasync_api.report import LogDelivery
from datasync_runner.log_delivery import (
    EVENT_COST_BYTES,
    Delivery,
    DeliveryRefused,
    DeliveryUnavailable,
)

SECONDS = 10.0
EVENT_BYTES = 1 + 26 + EVENT_COST_BYTES  # of a line of one character


class Stream:
    """A log stream that answers as told; `troubles` are raised, one a call, before anything is kept."""

    def __init__(self, *troubles, rejects=0):
        self.troubles, self.rejects = list(troubles), rejects
        self.events, self.opened = [], 0
        self.may_go = threading.Event()
        self.may_go.set()
        self.reached = threading.Event()

    def open(self):
        self._trouble()
        self.opened += 1

    def send(self, events):
        self.reached.set()
        assert self.may_go.wait(SECONDS)
        self._trouble()
        self.events += events
        return self.rejects

    def _trouble(self):
        if self.troubles and (trouble := self.troubles.pop(0)) is not None:
            raise trouble

    def lines(self):
        return [event.line for event in self.events]


def test_every_line_arrives_in_the_order_of_time():
    stream = Stream()
    clock = iter([1.0, 3.0, 2.0])  # it is set back once
    delivery = Delivery(stream, clock=lambda: next(clock))
    for line in ("a", "b", "c"):
        delivery.write([line])
    assert delivery.close(SECONDS) == LogDelivery()
    assert [(event.at_ms, event.line) for event in stream.events] == [
        (1000, "a"),
        (3000, "b"),
        (3000, "c"),
    ]
    assert stream.opened == 1


def test_a_run_that_said_nothing_opens_its_stream_all_the_same():
    stream = Stream()
    assert Delivery(stream).close(SECONDS) == LogDelivery()
    assert (stream.opened, stream.events) == (1, [])


@pytest.mark.parametrize(
    "troubles", [[DeliveryUnavailable("busy")], [None, DeliveryUnavailable("busy")]]
)
def test_what_passes_is_tried_again(troubles):
    stream = Stream(*troubles)
    delivery = Delivery(stream)
    delivery.write(["a", "b"])
    assert delivery.close(SECONDS) == LogDelivery()
    assert stream.lines() == ["a", "b"]


def test_what_stays_away_is_given_up_when_the_run_ends():
    stream = Stream(*[DeliveryUnavailable("no answer; open the firewall")] * 50)
    delivery = Delivery(stream)
    delivery.write(["a", "b"])
    told = delivery.close(0.1)
    assert told == LogDelivery(lost_lines=2, problem="no answer; open the firewall")


@pytest.mark.parametrize(
    "troubles", [[DeliveryRefused("no right")], [None, DeliveryRefused("no right")]]
)
def test_a_refusal_is_final_and_counts_what_is_lost(troubles):
    stream = Stream(*troubles)
    delivery = Delivery(stream)
    delivery.write(["a", "b"])
    told = delivery.close(SECONDS)
    assert told == LogDelivery(lost_lines=2, problem="no right")
    delivery.write(["late"])  # harms nobody
    assert stream.events == []


def test_what_the_service_did_not_keep_counts_as_lost():
    delivery = Delivery(Stream(rejects=1))
    delivery.write(["a", "b"])
    told = delivery.close(SECONDS)
    assert told.lost_lines == 1
    assert "pod's own log" in told.problem


def test_a_defect_of_ours_is_no_failure_of_the_run():
    delivery = Delivery(Stream(ValueError("a defect")))
    delivery.write(["a"])
    told = delivery.close(SECONDS)
    assert told.lost_lines >= 1
    assert "ValueError: a defect" in told.problem


def test_while_the_service_is_slow_the_oldest_lines_go_and_memory_stays_bounded():
    stream = Stream()
    stream.may_go.clear()
    delivery = Delivery(stream, limit_bytes=3 * EVENT_BYTES)
    for number in range(8):
        delivery.write([str(number)])
    stream.may_go.set()
    told = delivery.close(SECONDS)
    assert stream.lines()[-3:] == ["5", "6", "7"]
    assert told.lost_lines == 8 - len(stream.events)
    assert told.lost_lines >= 4
    assert told.problem


def test_a_service_that_hangs_holds_nobody():
    stream = Stream()
    stream.may_go.clear()
    delivery = Delivery(stream)
    delivery.write(["a"])
    told = delivery.close(0.2)
    assert told.lost_lines == 1
    stream.may_go.set()
    assert stream.reached.wait(SECONDS)
