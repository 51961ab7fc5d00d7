"""The shorter way says of two files only what the long one says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.actions import Action
from datasync_runner.core.compare import decide
from datasync_runner.core.compare_options import CompareOptions
from datasync_runner.core.entry import UNSTAMPED, Entry, Kind, PosixMetadata
from datasync_runner.core.listed import listed_alike, settled_by

META = PosixMetadata(0o644, 1000, 1000, 5, 4)
LISTED = Entry(b"k", Kind.FILE, 3, changed_ns=5)
NOTHING = CompareOptions(mtime=False, uid=False, gid=False, mode=False)
PROVEN = CompareOptions(source_before_ns=10, destination_until_ns=20)
ENTRIES = st.none() | st.builds(
    lambda kind, size, mtime_ns, metadata, marks, changed_ns: Entry(
        b"k",
        kind,
        size,
        mtime_ns,
        metadata,
        implied=marks == 1 and kind is Kind.FOLDER,
        bare=marks == 2 and kind is Kind.FOLDER,
        changed_ns=changed_ns,
    ),
    st.sampled_from(list(Kind)),
    st.integers(0, 2),
    st.integers(0, 2),
    st.none() | st.just(META),
    st.integers(0, 2),
    st.sampled_from([1, 2, 3, UNSTAMPED]),
)
OPTIONS = st.builds(
    lambda flags, before_ns, until_ns: CompareOptions(
        *flags, source_before_ns=before_ns, destination_until_ns=until_ns
    ),
    st.tuples(*[st.booleans()] * 10),
    st.integers(0, 4),
    st.integers(-1, 4),
)


@given(ENTRIES, ENTRIES, OPTIONS)
def test_what_is_settled_is_skipped_by_the_long_way_too(source, destination, options):
    settled = settled_by(options)
    if settled is not None and settled(source, destination):
        assert decide(source, destination, options).action is Action.SKIP


@given(ENTRIES, ENTRIES, OPTIONS)
def test_files_that_are_proven_unchanged_are_settled(source, destination, options):
    decision = decide(source, destination, options)
    files = source and destination and source.kind is destination.kind is Kind.FILE
    if files and decision.reason == "Unchanged" and options.source_before_ns:
        settled = settled_by(options)
        assert settled is not None and settled(source, destination)


def test_size_and_time_settle_what_is_not_newer_and_of_one_size():
    assert settled_by(NOTHING) is listed_alike
    assert listed_alike(LISTED, LISTED._replace(mtime_ns=1))
    assert not listed_alike(LISTED._replace(mtime_ns=1), LISTED)
    assert not listed_alike(LISTED, LISTED._replace(size_bytes=4))
    assert not listed_alike(LISTED, None)


@pytest.mark.parametrize("options", [PROVEN, replace(NOTHING, source_before_ns=10)])
def test_a_baseline_settles_what_neither_side_has_changed(options):
    settled = settled_by(replace(options, destination_until_ns=20))
    source, destination = LISTED._replace(metadata=META), LISTED._replace(changed_ns=20)
    assert settled(source, destination)
    assert not settled(source, None)
    assert not settled(source._replace(changed_ns=10, mtime_ns=9), destination)
    assert not settled(source._replace(mtime_ns=9), destination._replace(changed_ns=21))
    assert not settled(source, destination._replace(size_bytes=4))


@pytest.mark.parametrize("options", [CompareOptions(), CompareOptions(False)])
def test_without_either_nothing_is_settled(options):
    assert settled_by(options) is None


def test_transfer_mode_all_settles_nothing():
    assert settled_by(replace(PROVEN, compare=False)) is None
