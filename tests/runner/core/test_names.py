"""Names that nobody can have, and keys that are a file and a folder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core.names import Twins, odd_keys, problem

FINE = [
    b"a",
    b"a/",
    b"a/b",
    b".a",
    b"a.",
    b"..a",
    b"...",
    b"a/...",
    b"\n",
    b"a\n/b",
    b"a/b\n",
    b"a\\b",
    b"...\\",
]
ODD = [
    b"..\\a",
    b"a\\..",
    b"a/..\\b",
    b"/",
    b"//",
    b"/a",
    b"a//",
    b"a//b",
    b".",
    b"./",
    b"..",
    b"../a",
    b"a/.",
    b"a/./b",
    b"a/..",
]


@pytest.mark.parametrize("key", FINE)
def test_names_that_can_be(key):
    assert problem(key) is None
    assert odd_keys([b"x", key, b"y/"]) == set()


@pytest.mark.parametrize("key", ODD)
def test_names_that_cannot_be(key):
    assert problem(key)
    assert odd_keys([b"x", key, b"y/"]) == {key}


KEYS = st.lists(st.sampled_from([b"a", b"b", b"/", b".", b"..", b"-", b"\n", b"\\"]), min_size=1)


@given(st.lists(KEYS.map(b"".join), max_size=6))
def test_the_quick_look_finds_what_each_look_does(keys):
    assert odd_keys(keys) == {key for key in keys if problem(key)}


def through(keys):
    """Which files are free and which have a twin, of sorted keys."""
    twins: Twins[bytes] = Twins()
    free, taken = [], []
    for key in sorted(keys):
        some, others = twins.reach(key)
        free += some
        taken += others
        if not key.endswith(b"/"):
            twins.hold(key, key)
    return sorted(free + twins.rest()), sorted(taken)


TWINS = [
    ([b"a", b"b"], [b"a", b"b"], []),
    ([b"a", b"a/b"], [b"a/b"], [b"a"]),
    ([b"a", b"a-b", b"a.c", b"a/"], [b"a-b", b"a.c"], [b"a"]),
    ([b"a", b"a-b", b"a-b/c", b"ab"], [b"a", b"a-b/c", b"ab"], [b"a-b"]),
    ([b"a", b"a/b", b"a/b/c"], [b"a/b/c"], [b"a", b"a/b"]),
    ([b"a", b"a\n", b"a\n/x", b"a/x"], [b"a/x", b"a\n/x"], [b"a", b"a\n"]),
]


@pytest.mark.parametrize(("keys", "free", "taken"), TWINS)
def test_a_file_with_a_folder_of_its_name(keys, free, taken):
    assert through(keys) == (sorted(free), taken)


@given(st.sets(st.text("ab-/0", min_size=1, max_size=5).map(str.encode)))
def test_twins_are_exactly_the_files_that_are_folders_of_others(keys):
    files = {key for key in keys if not key.endswith(b"/")}
    taken = {key for key in files if any(other.startswith(key + b"/") for other in keys)}
    assert through(keys) == (sorted(files - taken), sorted(taken))
