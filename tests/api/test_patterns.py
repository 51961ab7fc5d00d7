"""AWS DataSync's pattern language: its own examples, escapes, and what a walk may leave out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_api.patterns import EXCLUDE_GRAMMAR, INCLUDE_GRAMMAR, Filter, split

# value, path, taken by it; first the examples of AWS's user guide ("Filtering data").
EXCLUDES = [
    ("*.tmp|*.temp", "/a.tmp", True),
    ("*.tmp|*.temp", "/deep/down/b.temp", True),
    ("*.tmp|*.temp", "/a.tmpx", False),
    ("*.tmp|*.temp", "/x.tmp/inside", True),
    ("*/.temp", "/.temp", True),
    ("*/.temp", "/a/b/.temp/file", True),
    ("*/.temp", "/a/.temporary", False),
    ("*/folder-to-exclude-1|*/folder-to-exclude-2", "/folder-to-exclude-1/a", True),
    ("*/folder-to-exclude-1|*/folder-to-exclude-2", "/x/folder-to-exclude-2", True),
    ("*/folder-to-exclude-1|*/folder-to-exclude-2", "/x/folder-to-exclude-3", False),
    ("/top-1|/top-2", "/top-1/a", True),
    ("/top-1|/top-2", "/top-10", False),
    ("/top-1|/top-2", "/below/top-1", False),
    # anywhere, and any run of characters, slashes too
    ("/a*z", "/a/b/c/z", True),
    ("/a*z", "/az", True),
    ("/a**z", "/a-z", True),
    # /dir and /dir/ are the same
    ("/dir/", "/dir", True),
    ("/dir/", "/dir/below", True),
    ("/dir//", "/dir", True),
    # case counts, and nothing else is special
    ("/Dir", "/dir", False),
    ("/a?c", "/abc", False),
    ("/a?c", "/a?c", True),
    ("/[ab]", "/a", False),
    ("/[ab]", "/[ab]", True),
    ("/a.c", "/abc", False),
    ("/a\nb", "/a\nb", True),
    # escapes
    (r"/a\*b", "/a*b", True),
    (r"/a\*b", "/axb", False),
    (r"/a\|b", "/a|b", True),
    (r"/a\|b", "/a", False),
    (r"/a\\b", r"/a\b", True),
    (r"/a\\\\b", r"/a\\b", True),
    (r"/a\bc", "/abc", True),
    ("/a\\", "/a", True),
    (r"/a\\|/b", "/b", True),
    # left out of every transfer
    ("/nothing", "/a/.snapshot", True),
    ("/nothing", "/.snapshot/x", True),
    ("/nothing", "/.aws-datasync/x", True),
    ("/nothing", "/.awssync", True),
    ("/nothing", "/.zfs", True),
    ("/nothing", "/a/.zfs", False),
    ("/nothing", "/a/.snapshots", False),
]
INCLUDES = [
    ("/reports*", "/reports2021", True),
    ("/reports*", "/reports2022/a/b", True),
    ("/reports*", "/old/reports", False),
    ("/folder-to-transfer/*", "/folder-to-transfer/a/b", True),
    ("/folder-to-transfer/*", "/folder-to-transferx", False),
    ("/folder/sub/file1.txt|/folder/sub/file2.txt", "/folder/sub/file2.txt", True),
    ("/folder/sub/file1.txt|/folder/sub/file2.txt", "/folder/sub/file3.txt", False),
    ("/documents*|/code*", "/code/main.py", True),
    ("/", "/anything/at/all", True),
    ("/*", "/anything", True),
]  # fmt: skip


@pytest.mark.parametrize(("value", "path", "taken"), EXCLUDES)
def test_excludes(value: str, path: str, taken: bool) -> None:
    assert Filter.parse([], [value]).matches(path) is not taken


@pytest.mark.parametrize(("value", "path", "taken"), INCLUDES)
def test_includes(value: str, path: str, taken: bool) -> None:
    assert Filter.parse([value], []).matches(path) is taken


def test_an_exclude_wins() -> None:
    both = Filter.parse(["/a"], ["*.tmp"])
    assert both.matches("/a/x")
    assert not both.matches("/a/x.tmp")
    assert not both.matches("/b")


def test_without_rules_everything_takes_part() -> None:
    assert Filter.parse([], []).matches("/any/thing")


@pytest.mark.parametrize(
    ("value", "patterns"),
    [
        ("/a|/b", ["/a", "/b"]),
        (r"/a\|b|/c", [r"/a\|b", "/c"]),
        (r"/a\\|/b", [r"/a\\", "/b"]),
        ("/a||/b|", ["/a", "/b"]),
        ("/a\\", ["/a\\"]),
    ],
)
def test_split(value: str, patterns: list[str]) -> None:
    assert split(value) == patterns


# A small alphabet, so that patterns and paths meet often.
names = st.text("ab*|\\.", min_size=1, max_size=4)
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
texts = st.text("/ab*|\\.", min_size=1, max_size=12)
includes = texts.filter(lambda text: re.fullmatch(INCLUDE_GRAMMAR, text))
excludes = texts.filter(lambda text: re.fullmatch(EXCLUDE_GRAMMAR, text))


def escaped(path: str) -> str:
    return re.sub(r"([*|\\])", r"\\\1", path)


@given(st.lists(includes, max_size=1), st.lists(excludes, max_size=1), paths)
def test_a_walk_never_leaves_out_what_takes_part(
    including: list[str], excluding: list[str], path: str
) -> None:
    chosen = Filter.parse(including, excluding)
    if chosen.matches(path):
        parts = path.split("/")
        folders = ["/".join(parts[:length]) or "/" for length in range(1, len(parts))]
        assert all(chosen.may_match_below(folder) for folder in folders)


@given(paths)
def test_a_path_escaped_is_a_pattern_for_itself_alone(path: str) -> None:
    pattern = escaped(path)
    assert re.fullmatch(INCLUDE_GRAMMAR, pattern)
    chosen = Filter.parse([pattern], [])
    # A folder that is always left out stays so.
    assert chosen.matches(path) or not Filter.parse([], []).matches(path)
    assert not chosen.matches(path + "x")
    assert Filter.parse([], [pattern]).matches(path) is False


@given(excludes, paths)
def test_what_is_below_an_excluded_folder_is_excluded(value: str, path: str) -> None:
    chosen = Filter.parse([], [value])
    if not chosen.matches(path):
        assert not chosen.matches(path + "/below")
        assert not chosen.may_match_below(path)


@pytest.mark.parametrize(
    ("value", "folder", "descend"),
    [
        ("/a/b/c", "/", True),
        ("/a/b/c", "/a", True),
        ("/a/b/c", "/a/b/c/d", True),
        ("/a/b/c", "/x", False),
        ("/a/b*", "/a/c", False),
        ("/a*", "/ab", True),
    ],
)
def test_a_walk_leaves_out_what_cannot_take_part(value: str, folder: str, descend: bool) -> None:
    assert Filter.parse([value], []).may_match_below(folder) is descend
