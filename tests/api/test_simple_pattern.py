"""AWS DataSync's pattern language: its own examples, escapes, case, and its default excludes."""

import re
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_api.simple_pattern import EXCLUDE_GRAMMAR, INCLUDE_GRAMMAR, split
from fakes.filters import choose

# value, path, taken by it; first the examples of AWS's user guide ("Filtering data").
# A folder's path ends in a slash.
EXCLUDES = [
    ("*.tmp|*.temp", "/a.tmp", True),
    ("*.tmp|*.temp", "/deep/down/b.temp", True),
    ("*.tmp|*.temp", "/a.tmpx", False),
    ("*.tmp|*.temp", "/x.tmp/", True),
    ("*.tmp|*.temp", "/x.tmp/inside", True),
    ("*/.temp", "/.temp/", True),
    ("*/.temp", "/a/b/.temp/file", True),
    ("*/.temp", "/a/.temporary", False),
    ("*/folder-to-exclude-1|*/folder-to-exclude-2", "/folder-to-exclude-1/a", True),
    ("*/folder-to-exclude-1|*/folder-to-exclude-2", "/x/folder-to-exclude-2/", True),
    ("*/folder-to-exclude-1|*/folder-to-exclude-2", "/x/folder-to-exclude-3/", False),
    ("/top-1|/top-2", "/top-1/a", True),
    ("/top-1|/top-2", "/top-10", False),
    ("/top-1|/top-2", "/below/top-1", False),
    # anywhere, and any run of characters, slashes too
    ("/a*z", "/a/b/c/z", True),
    ("/a*z", "/az", True),
    ("/a*z", "/a/z/", True),
    ("/a**z", "/a-z", True),
    ("*a*b*c", "/a/b/c/", True),
    ("*a*b*c", "/c/b/a", False),
    ("*/a*/b", "/x/a1/2/b/below", True),
    ("*", "/anything", True),
    # /dir and /dir/ are the same
    ("/dir/", "/dir", True),
    ("/dir/", "/dir/", True),
    ("/dir", "/dir/", True),
    ("/dir/", "/dir/below", True),
    ("/dir/", "/dirx", False),
    ("/dir//", "/dir", True),
    ("*/dir/", "/x/dir/below", True),
    # what is in a folder, and not the folder
    ("/dir/*", "/dir/below", True),
    ("/dir/*", "/dir/below/", True),
    ("/dir/*", "/dir/", False),
    ("*/dir/*", "/x/dir/", False),
    ("*/dir/*", "/dir/dir/", True),
    # case counts, and nothing else is special
    ("/Dir", "/dir", False),
    ("*.TMP", "/a.tmp", False),
    ("/a?c", "/abc", False),
    ("/a?c", "/a?c", True),
    ("/[ab]", "/a", False),
    ("/[ab]", "/[ab]", True),
    ("/{a,b}", "/a", False),
    ("/a.c", "/abc", False),
    ("/a\nb", "/a\nb", True),
    ("/a b", "/a b", True),
    ("/ü*", "/über", True),
    # escapes
    (r"/a\*b", "/a*b", True),
    (r"/a\*b", "/axb", False),
    (r"/a\|b", "/a|b", True),
    (r"/a\|b", "/a", False),
    (r"/a\\b", r"/a\b", True),
    (r"/a\\\\b", r"/a\\b", True),
    (r"/a\bc", "/abc", True),
    (r"\/abc", "/abc", True),
    (r"*\.tmp", "/a.tmp", True),
    ("/a\\", "/a", True),
    (r"/a\\|/b", "/b", True),
    # left out of every transfer: any path that ends in .snapshot, and what is at the root
    ("/nothing", "/a/.snapshot/", True),
    ("/nothing", "/.snapshot/x", True),
    ("/nothing", "/a/volume.snapshot", True),
    ("/nothing", "/a/.snapshots/", False),
    ("/nothing", "/a/.Snapshot", False),
    ("/nothing", "/.aws-datasync/x", True),
    ("/nothing", "/.aws-datasync-metadata", True),
    ("/nothing", "/a/.aws-datasync/", False),
    ("/nothing", "/.awssync/", True),
    ("/nothing", "/.awssync-more", False),
    ("/nothing", "/.zfs/", True),
    ("/nothing", "/a/.zfs/", False),
]
INCLUDES = [
    ("/reports*", "/reports2021/", True),
    ("/reports*", "/reports2022/a/b", True),
    ("/reports*", "/old/reports", False),
    ("/folder-to-transfer/*", "/folder-to-transfer/a/b", True),
    ("/folder-to-transfer/*", "/folder-to-transferx", False),
    ("/folder-to-transfer/*", "/folder-to-transfer/", False),
    ("/folder/sub/file1.txt|/folder/sub/file2.txt", "/folder/sub/file2.txt", True),
    ("/folder/sub/file1.txt|/folder/sub/file2.txt", "/folder/sub/file3.txt", False),
    ("/documents*|/code*", "/code/main.py", True),
    ("/", "/anything/at/all", True),
    ("/*", "/anything", True),
    ("/.snapshot", "/.snapshot/x", False),  # AWS's excludes win over every include
]  # fmt: skip


@pytest.mark.parametrize(("value", "path", "taken"), EXCLUDES)
def test_excludes(value: str, path: str, taken: bool) -> None:
    assert choose([], [value]).matches(path) is not taken


@pytest.mark.parametrize(("value", "path", "taken"), INCLUDES)
def test_includes(value: str, path: str, taken: bool) -> None:
    assert choose([value]).matches(path) is taken


GRAMMAR = [
    # value, right as an include, right as an exclude
    ("/a", True, True),
    ("/a*", True, True),
    ("/a*|/b", True, True),
    ("/a*b", False, True),
    ("*.txt", False, True),
    ("/a**", False, True),
    ("a", False, False),
    ("/a|b", False, False),
    ("/a|", False, False),
    ("|/a", False, False),
    ("/a||/b", False, False),
    (r"/a\*b", True, True),
    (r"\/a", True, True),
    (r"\*a", False, False),
    ("/a\\", True, True),
    ("/a*\\", True, True),
    (r"/a\|b", True, True),
]


@pytest.mark.parametrize(("value", "include", "exclude"), GRAMMAR)
def test_includes_begin_at_the_root_and_have_a_star_only_at_the_end(
    value: str, include: bool, exclude: bool
) -> None:
    assert (re.fullmatch(INCLUDE_GRAMMAR, value) is not None) is include
    assert (re.fullmatch(EXCLUDE_GRAMMAR, value) is not None) is exclude


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


def by_definition(value: str, path: str) -> bool:
    """AWS's words made into a search through all possibilities, on the path or one above it."""
    parts = path.rstrip("/").split("/")
    above = ["/".join(parts[:length]) for length in range(2, len(parts) + 1)]
    return any(_matches(pattern, folder) for pattern in split(value) for folder in above)


def _matches(pattern: str, path: str) -> bool:
    tokens = re.findall(r"\\.|[^\\]", pattern, re.DOTALL)  # one that ends the pattern is ignored
    if set(tokens) <= {"/", r"\/"}:
        return True
    while tokens[-1] in ("/", r"\/"):
        tokens.pop()

    @cache
    def rest(at: int, begin: int) -> bool:
        if at == len(tokens):
            return begin == len(path)
        if tokens[at] == "*":
            return any(rest(at + 1, end) for end in range(begin, len(path) + 1))
        return path.startswith(tokens[at][-1], begin) and rest(at + 1, begin + 1)

    return rest(0, 0)


# A small alphabet, so that patterns and paths meet often.
names = st.text("ab*|\\.", min_size=1, max_size=4)
paths = st.builds(
    lambda parts, end: "/" + "/".join(parts) + end,
    st.lists(names, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)


PLAIN = ["/", "a", "b", ".", r"\a", r"\/", r"\*", r"\|", r"\\"]


def written(begins: list[str], inner: list[str], ends: list[str]) -> st.SearchStrategy[str]:
    """Values put together by the rules of a grammar: of any texts too few would follow it."""
    bodies = st.lists(st.sampled_from(inner), max_size=5).map("".join)
    one = st.tuples(st.sampled_from(begins), bodies, st.sampled_from(ends)).map("".join)
    values = st.lists(one, min_size=1, max_size=3).map("|".join)
    return st.tuples(values, st.sampled_from(["", "\\"])).map("".join)


includes = written(["/", r"\/"], PLAIN, ["", "*"])
excludes = written(["/", r"\/", "*"], [*PLAIN, "*"], [""])


@settings(max_examples=400)
@given(excludes, paths)
def test_excludes_are_what_awss_words_say(value: str, path: str) -> None:
    assert re.fullmatch(EXCLUDE_GRAMMAR, value)
    assert choose([], [value]).matches(path) is not by_definition(value, path)


@settings(max_examples=200)
@given(includes, paths)
def test_includes_are_what_awss_words_say(value: str, path: str) -> None:
    assert re.fullmatch(INCLUDE_GRAMMAR, value)
    assert choose([value]).matches(path) is by_definition(value, path)


@given(paths)
def test_a_path_escaped_is_a_pattern_for_itself_alone(path: str) -> None:
    pattern = re.sub(r"([*|\\])", r"\\\1", path.rstrip("/"))
    assert choose([pattern]).matches(path)
    assert choose([], [pattern]).matches(path) is False
    assert not choose([pattern]).matches(path.rstrip("/") + "x")


@pytest.mark.timeout(10)
def test_many_stars_do_not_take_for_ever() -> None:
    chosen = choose([], ["*a" * 50 + "*b"])
    assert chosen.matches("/" + "a" * 4000)
    assert not chosen.matches("/" + "a" * 4000 + "b")
