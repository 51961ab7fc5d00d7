"""Pairing is set algebra over sorted keys, whatever the batches."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.entry import Entry, Kind
from datasync_runner.core.pair import MergeJoin, UnsortedListingError

KEYS = st.sets(st.binary(min_size=1, max_size=3), max_size=30)


def batches(keys, cuts):
    entries = [Entry(key, Kind.FILE) for key in sorted(keys)]
    edges = [0, *sorted(cut % (len(entries) + 1) for cut in cuts), len(entries)]
    return [entries[start:end] for start, end in pairwise(edges)]


def join(source_batches, destination_batches):
    merge, found = MergeJoin(), []
    sources, destinations = iter(source_batches), iter(destination_batches)
    while not merge.done:
        while merge.wants_source:
            batch = next(sources, None)
            merge.close_source() if batch is None else merge.feed_source(batch)
        while merge.wants_destination:
            batch = next(destinations, None)
            merge.close_destination() if batch is None else merge.feed_destination(batch)
        found += merge.take()
    return found


@given(KEYS, KEYS, st.lists(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_pairs_are_the_union_in_order(ours, theirs, our_cuts, their_cuts):
    found = join(batches(ours, our_cuts), batches(theirs, their_cuts))
    keys = [(source or destination).key for source, destination in found]
    assert keys == sorted(ours | theirs)
    for key, (source, destination) in zip(keys, found, strict=True):
        assert (source is not None) == (key in ours)
        assert (destination is not None) == (key in theirs)
        assert source is None or destination is None or source.key == destination.key


@pytest.mark.parametrize("keys", [[b"b", b"a"], [b"a", b"a"]])
def test_an_unsorted_listing_is_refused(keys):
    with pytest.raises(UnsortedListingError, match="the source listed"):
        MergeJoin().feed_source([Entry(key, Kind.FILE) for key in keys])


def test_order_is_checked_across_batches():
    merge = MergeJoin()
    merge.feed_destination([Entry(b"b", Kind.FILE)])
    with pytest.raises(UnsortedListingError, match="the destination listed b'a' after b'b'"):
        merge.feed_destination([Entry(b"a", Kind.FILE)])


def test_a_batch_may_come_before_it_is_wanted():
    merge = MergeJoin()
    for key in (b"a", b"b"):
        merge.feed_source([Entry(key, Kind.FILE)])
    merge.close_source()
    merge.close_destination()
    assert [source.key for source, _ in merge.take()] == [b"a", b"b"]
