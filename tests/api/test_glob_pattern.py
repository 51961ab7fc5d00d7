"""The Glob language: the table of its module, what is refused, and what a search through all says."""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_api.filter_rules import ExcludeRule
from datasync_api.glob_pattern import GRAMMAR
from datasync_api.simple_pattern import split
from fakes.filters import choose

# pattern, path (a folder's ends in a slash), taken
TABLE = [
    # at any depth, or from the root
    ("*.tmp", "/a.tmp", True),
    ("*.tmp", "/deep/down/a.tmp", True),
    ("*.tmp", "/a.tmpx", False),
    ("/*.tmp", "/a.tmp", True),
    ("/*.tmp", "/deep/a.tmp", False),
    ("a/b", "/a/b", True),
    ("a/b", "/x/a/b", True),
    ("a/b", "/xa/b", False),
    ("/a/b", "/x/a/b", False),
    ("*.tmp|/scratch", "/scratch/x", True),
    # * stays in a name, ** does not
    ("/a/*/c", "/a/b/c", True),
    ("/a/*/c", "/a/b/b/c", False),
    ("/a/*/c", "/a/c", False),
    ("/a*c", "/abc", True),
    ("/a*c", "/a/c", False),
    ("/a/**/c", "/a/c", True),
    ("/a/**/c", "/a/b/b/c", True),
    ("/a/**/c", "/abc", False),
    ("**/c", "/c", True),
    ("**/c", "/a/b/c", True),
    ("/**/c", "/c", True),
    ("/a/**", "/a/b", True),
    ("/a/**", "/a/b/c/", True),
    ("/a/**", "/a/", False),
    ("/a/**", "/a", False),
    ("/a**c", "/a/b/c", True),
    ("/a**c", "/ac", True),
    ("/a***c", "/a/c", True),
    ("**", "/anything/at/all", True),
    ("/a/*", "/a/", False),
    ("/a/*", "/a/b/", True),
    # ?
    ("/a?c", "/abc", True),
    ("/a?c", "/ac", False),
    ("/a?c", "/a/c", False),
    ("/?", "/ü", True),
    # [...]
    ("/[abc]", "/b", True),
    ("/[abc]", "/d", False),
    ("/[a-c]x", "/bx", True),
    ("/[!a-c]", "/d", True),
    ("/[^a-c]", "/b", False),
    ("/a[!b]c", "/a/c", False),
    ("/a[+-9]c", "/a/c", False),
    ("/a[+-9]c", "/a.c", True),
    ("/[a-]", "/-", True),
    ("/[-a]", "/-", True),
    (r"/[\]\\]", "/]", True),
    (r"/[\]\\]", "/\\", True),
    (r"/[\!a]", "/!", True),
    (r"/[a\-c]", "/b", False),
    (r"/[a\-c]", "/-", True),
    ("/[!]", "/!", True),
    ("/[.]", "/x", False),
    # {...}
    ("*.{jpg,png}", "/x/a.png", True),
    ("*.{jpg,png}", "/x/a.gif", False),
    ("*.{jpg,png}", "/x/a.jpgx", False),
    ("/a{,.bak}", "/a", True),
    ("/a{,.bak}", "/a.bak", True),
    ("/{a*,b?}.c", "/anything.c", True),
    ("/{a*,b?}.c", "/b1.c", True),
    ("/{a*,b?}.c", "/b.c", False),
    ("/*{a,ab}c", "/xabc", True),
    (r"/{a\,b,c}", "/a,b", True),
    ("/{[,],a}", "/,", True),
    ("/a,b", "/a,b", True),
    ("/{a**,b}z", "/a/y/z", True),
    ("/x*x{y**,b}", "/xaxb", True),
    ("/a/{,b}", "/a/", False),
    # a trailing slash: folders alone, with all that is in them
    ("build/", "/build/", True),
    ("build/", "/x/build/", True),
    ("build/", "/x/build/y", True),
    ("build/", "/x/build", False),
    ("/a/*/", "/a/b", False),
    ("/a/*/", "/a/b/c", True),
    ("/a/**/", "/a/b", False),
    ("/a/**/", "/a/b/c", True),
    # a folder with all that is in it
    ("node_modules", "/x/node_modules/", True),
    ("node_modules", "/x/node_modules/y/z", True),
    # escapes, case, and characters that are special elsewhere
    (r"/a\*b", "/a*b", True),
    (r"/a\*b", "/axb", False),
    (r"/a\|b", "/a|b", True),
    (r"\!a", "/!a", True),
    (r"/\a", "/a", True),
    (r"/a\\b", "/a\\b", True),
    ("/A", "/a", False),
    ("/a.c", "/abc", False),
    ("/(a|/b)", "/b)", True),
    ("/a+$^", "/a+$^", True),
    ("*", "/.hidden", True),
    ("/a\nb", "/a\nb", True),
    ("/a?b", "/a\nb", True),
]


@pytest.mark.parametrize(("value", "path", "taken"), TABLE)
def test_table(value: str, path: str, taken: bool) -> None:
    assert re.fullmatch(GRAMMAR, value)
    assert choose([value], language="Glob").matches(path) is taken
    assert choose([], [value], language="Glob").matches(path) is not taken


REFUSED = [
    "",
    "/",
    "//a",
    "a//b",
    "a//",
    "a||b",
    "|a",
    "a|",
    "[a",
    "a]",
    "[]",
    "[a/b]",
    "[[a]",
    "{a",
    "a}",
    "{}",
    "{a,{b,c}}",
    "{a/b,c}",
    "{a|b}",
    "a\\",
    r"a\/b",
]


@pytest.mark.parametrize("value", REFUSED)
def test_what_is_no_pattern_is_refused(value: str) -> None:
    assert not re.fullmatch(GRAMMAR, value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("/[z-a]", "the range z-a goes downwards: write a-z"),
        ("a|b/{[9-0],c}", "the range 9-0 goes downwards: write 0-9"),
        (r"[a-\Z]", "the range a-Z goes downwards: write Z-a"),
        ("[a-a]", None),
        ("z-a", None),
    ],
)
def test_a_range_goes_upwards(value: str, problem: str | None) -> None:
    assert ExcludeRule(filter_type="Glob", value=value).problem() == problem


def test_what_follows_the_grammar_of_awss_language_is_no_problem() -> None:
    assert ExcludeRule(value="/[z-a]").problem() is None


def by_definition(value: str, path: str) -> bool:
    """The module's table made into a search through all possibilities."""
    parts = path.rstrip("/").split("/")[1:]
    folder = path.endswith("/")
    for length in range(1, len(parts) + 1):
        is_folder = folder or length < len(parts)
        for pattern in split(value):
            if pattern.endswith("/") and not is_folder:
                continue
            wanted = pattern.strip("/").split("/")
            starts = [0] if pattern.startswith("/") else range(length)
            if any(_names(wanted, parts[start:length]) for start in starts):
                return True
    return False


def _names(wanted: list[str], names: list[str]) -> bool:
    if not wanted:
        return not names
    if re.fullmatch(r"\*\*+", wanted[0]):
        if len(wanted) == 1:
            return bool(names)
        return any(_names(wanted[1:], names[skip:]) for skip in range(len(names)))
    # A name with ** in it may take several.
    counts = range(1, len(names) + 1) if "**" in wanted[0] else range(1, min(2, len(names) + 1))
    return any(
        _name(wanted[0], "/".join(names[:count])) and _names(wanted[1:], names[count:])
        for count in counts
    )


def _split(text: str) -> list[str]:
    return re.findall(r"\*+|.", text, re.DOTALL)


def _expanded(pattern: str) -> Iterator[list[str]]:
    """A name's tokens, one list for each choice of alternatives."""
    found = re.search(r"\{(.+?)\}", pattern)
    if found is None:
        yield _split(pattern)
        return
    for way in found[1].split(","):
        for rest in _expanded(pattern[found.end() :]):
            yield [*_split(pattern[: found.start()]), *_split(way), *rest]


def _name(pattern: str, text: str) -> bool:
    return any(_tokens_match(tuple(tokens), text) for tokens in _expanded(pattern))


def _tokens_match(tokens: tuple[str, ...], text: str) -> bool:
    @cache
    def rest(at: int, begin: int) -> bool:
        if at == len(tokens):
            return begin == len(text)
        token = tokens[at]
        if token.startswith("*"):
            ends = range(begin, len(text) + 1)
            return any(
                rest(at + 1, end) for end in ends if len(token) > 1 or "/" not in text[begin:end]
            )
        here = text[begin : begin + 1]
        fits = here not in ("", "/") if token == "?" else here == token
        return fits and rest(at + 1, begin + 1)

    return rest(0, 0)


names = st.text("ab.", min_size=1, max_size=4)
paths = st.builds(
    lambda parts, end: "/" + "/".join(parts) + end,
    st.lists(names, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
tokens = st.sampled_from(["a", "b", ".", "?", "*", "**", "{a,b}", "{a*,ab}", "{,b}"])
patterns = st.builds(
    lambda root, parts, end: root + "/".join("".join(part) for part in parts) + end,
    st.sampled_from(["", "/"]),
    st.lists(st.lists(tokens, min_size=1, max_size=4), min_size=1, max_size=3),
    st.sampled_from(["", "/"]),
)
values = st.lists(patterns, min_size=1, max_size=2).map("|".join)


@settings(max_examples=600)
@given(values, paths)
def test_patterns_are_what_the_table_says(value: str, path: str) -> None:
    assert choose([value], language="Glob").matches(path) is by_definition(value, path)


@given(st.text("ab*?[]{}!,|\\-^/.", min_size=1, max_size=12))
def test_what_the_grammar_lets_through_can_be_read(value: str) -> None:
    if re.fullmatch(GRAMMAR, value) and not value.startswith("!") and "|!" not in value:
        rule = ExcludeRule(filter_type="Glob", value=value)
        assert rule.problem() is None or "goes downwards" in rule.problem()
        if rule.problem() is None:
            choose([value], [value], language="Glob").matches("/a/b")


@given(st.text("ab*?[]{}!,|\\-^.", min_size=1, max_size=6))
def test_a_name_escaped_is_a_pattern_for_itself_alone(name: str) -> None:
    pattern = "/" + re.sub(r"(.)", r"\\\1", name)
    chosen = choose([pattern], language="Glob")
    assert chosen.matches(f"/{name}")
    assert not chosen.matches(f"/{name}x")


@pytest.mark.timeout(10)
def test_many_stars_do_not_take_for_ever() -> None:
    chosen = choose([], ["*a" * 50 + "*b"], language="Glob")
    assert chosen.matches("/" + "a" * 255)
    assert not chosen.matches("/" + "a" * 255 + "b")
