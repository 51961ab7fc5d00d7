"""Which name of an inode is copied, and what becomes of the others: the tables, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core import actions
from datasync_runner.core.actions import Action
from datasync_runner.core.entry import Entry, HardLink, Kind, PosixMetadata
from datasync_runner.core.hard_links import (
    Fate,
    Name,
    fate,
    has_several_names,
    name_of,
    packed,
    unpacked,
    with_more,
)

META = PosixMetadata(0o644, 1000, 1000, 5, 4)
ONE, OTHER = (9, 1), (9, 2)


def source(key=b"a", inode=7, names=2):
    return Entry(key, Kind.FILE, 3, 5, META, node=HardLink(8, inode, names))


def there(inode):
    return source()._replace(node=HardLink(9, inode, 2))


def name(rank=2, inode=None, key=b"b"):
    return Name(source(key), Action.COPY, rank, inode)


def test_only_files_with_another_name_have_several():
    assert has_several_names(source())
    assert not has_several_names(source(names=1))
    assert not has_several_names(source()._replace(node=None))


RANKS = [
    (actions.SAME, there(1), (0, ONE)),
    (actions.UNCHANGED, there(1), (0, ONE)),
    (actions.METADATA, there(1), (1, ONE)),
    (actions.MISSING, None, (2, None)),
    (actions.SIZE, there(2), (2, OTHER)),
    (actions.SIZE, there(2)._replace(node=None), (2, None)),
    (actions.LINKED, there(1), (2, ONE)),
    (actions.NEVER, there(1), (4, ONE)),
    (actions.IN_THE_WAY, there(1)._replace(node=None), (4, None)),
]


@pytest.mark.parametrize(("decision", "destination", "expected"), RANKS)
def test_a_pair_as_a_name(decision, destination, expected):
    found = name_of(source(), destination, decision)
    assert (found.rank, found.there) == expected
    assert found.action is decision.action
    assert found.reason == (decision.reason if decision.action is Action.SKIP else "Same")


FATES = [
    # first, name, fate
    (None, name(), Fate.ALONE),
    (name(4, ONE), name(2, ONE), Fate.ALONE),
    (name(0, ONE), name(4, ONE), Fate.ALONE),
    (name(0, ONE), name(2).waiting(), Fate.LINK),
    (name(2).waiting(), name(2).waiting(), Fate.LINK),
    (name(2).waiting(), name(4), Fate.ALONE),
    (name(0, ONE), name(0, ONE), Fate.SAME),
    (name(1, ONE), name(1, ONE), Fate.SAME),
    (name(0, ONE), name(0, OTHER), Fate.LINK),
    (name(0, ONE), name(2), Fate.LINK),
    (name(0), name(0), Fate.LINK),
    (name(2, ONE), name(2, ONE), Fate.LINK),
    (name(2), name(2), Fate.LINK),
]


@pytest.mark.parametrize(("first", "other", "expected"), FATES)
def test_what_becomes_of_a_name(first, other, expected):
    assert fate(other, first) is expected


IN_2300_NS = 10_413_792_000 * 10**9 + 1


def written(one, mtime_ns):
    times = META._replace(mtime_ns=mtime_ns, atime_ns=mtime_ns + 1)
    return one._replace(mtime_ns=mtime_ns, metadata=times)


NAMES = st.builds(
    Name,
    st.builds(
        lambda key, inode, names, kept, mtime_ns: written(
            source(key, inode, names)._replace(storage_class=kept), mtime_ns
        ),
        st.binary(min_size=1, max_size=6).filter(lambda key: b"\0" not in key),
        st.integers(1, 3) | st.integers(0, 2**64 - 1),
        st.integers(2, 9),
        st.sampled_from(["", "GLACIER"]),
        st.sampled_from([5, -1, IN_2300_NS]),
    ),
    st.sampled_from(list(Action)),
    st.integers(0, 4),
    st.none() | st.tuples(st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1)),
    replaces=st.booleans(),
    etag=st.sampled_from(["", '"1"']),
    reason=st.sampled_from(["Same", "Unchanged"]),
)


@given(st.lists(NAMES, max_size=8))
def test_sorted_records_bring_an_inode_together_the_best_name_first(names):
    found = list(with_more(sorted(map(packed, names))))
    assert [one for one, _ in found] == sorted(names, key=packed)
    order = [(one.inode, one.rank, one.source.key) for one, _ in found]
    assert order == sorted(order)
    following = [*[one.inode for one, _ in found[1:]], None][: len(found)]
    assert [more for _, more in found] == [
        one.inode == after for (one, _), after in zip(found, following, strict=True)
    ]


@given(NAMES)
def test_a_record_comes_back(one):
    assert unpacked(packed(one)) == one
