"""CPU of pairing and decision together, for a million synthetic pairs of two listings."""

import time
from dataclasses import dataclass

from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import Entry, Kind, PosixMetadata
from datasync_runner.core.pair import MergeJoin

PAIRS = 1_000_000
BATCH = 1000
GOAL_US = 20.0


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    pairs: int
    us_per_pair: float
    copies: int


def batch(start: int, *, changed: bool) -> list[Entry]:
    """A piece of a listing; every hundredth file of a changed one has another time."""
    entries: list[Entry] = []
    for number in range(start, start + BATCH):
        mtime_ns = 10**18 + (changed and number % 100 == 0)
        metadata = PosixMetadata(0o644, 1000, 1000, mtime_ns, mtime_ns)
        entries.append(
            Entry(b"project/folder/file-%09d" % number, Kind.FILE, 10_000, mtime_ns, metadata)
        )
    return entries


def measure() -> Figures:
    """Only what the core does counts, not the making of entries."""
    merge, options = MergeJoin(), CompareOptions()
    seconds, pairs, copies = 0.0, 0, 0
    for start in range(0, PAIRS, BATCH):
        ours, theirs = batch(start, changed=False), batch(start, changed=True)
        began = time.process_time()
        merge.feed_source(ours)
        merge.feed_destination(theirs)
        for source, destination in merge.take():
            pairs += 1
            copies += decide(source, destination, options).action is Action.COPY
        seconds += time.process_time() - began
    return Figures(pairs, seconds / pairs * 1e6, copies)
