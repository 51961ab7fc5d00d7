"""The filter: who wins, hidden files, what a walk may leave out, and quick looks that never lie."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_api.filter_rules import ExcludeRule, IncludeRule
from datasync_api.glob_pattern import GRAMMAR
from datasync_api.patterns import Filter
from datasync_api.simple_pattern import EXCLUDE_GRAMMAR, INCLUDE_GRAMMAR, SNAPSHOT
from fakes.filters import choose


def test_an_exclude_wins() -> None:
    both = choose(["/a"], ["*.tmp"])
    assert both.matches("/a/x")
    assert not both.matches("/a/x.tmp")
    assert not both.matches("/b")


def test_without_rules_everything_takes_part() -> None:
    assert choose().matches("/any/thing")
    assert choose().everything


def test_each_rule_has_its_own_language() -> None:
    chosen = Filter.parse(
        [IncludeRule(filter_type="Glob", value="/a/?.c")], [ExcludeRule(value="*.c/deep")]
    )
    assert chosen.matches("/a/b.c")
    assert not chosen.matches("/a/?.cc")
    assert not chosen.matches("/a/b.c/deep")


HIDDEN = [
    ("/.a", False),
    ("/.a/b", False),
    ("/a/.b/", False),
    ("/a/.b/c/d", False),
    ("/a.b", True),
    ("/a./b.", True),
]


@pytest.mark.parametrize(("path", "shown"), HIDDEN)
def test_hidden_files_take_no_part_where_it_is_asked(path: str, shown: bool) -> None:
    assert choose(hidden=False).matches(path) is shown
    assert choose(["/"], hidden=False).matches(path) is shown
    assert choose(hidden=True).matches(path)
    assert choose(hidden=False).may_match_below(path) is shown


BELOW = [
    # language, value, folder, whether to descend
    ("SimplePattern", "/a/b/c", "/", True),
    ("SimplePattern", "/a/b/c", "/a", True),
    ("SimplePattern", "/a/b/c", "/a/b/c/d", True),
    ("SimplePattern", "/a/b/c", "/a/c", False),
    ("SimplePattern", "/a/b/c", "/x", False),
    ("SimplePattern", "/a/b*", "/a/c", False),
    ("SimplePattern", "/a/b*", "/a/bx/y", True),
    ("SimplePattern", "/a/*", "/a/b", True),
    ("SimplePattern", "/a*", "/ab", True),
    ("SimplePattern", "/x|/a", "/a", True),
    ("SimplePattern", "/", "/a", True),
    ("Glob", "/a/*.txt", "/a", True),
    ("Glob", "/a/*.txt", "/a/b", False),
    ("Glob", "/a/*.txt", "/a/b.txt", True),
    ("Glob", "/a/?/c", "/a/b", True),
    ("Glob", "/a/?/c", "/a/bb", False),
    ("Glob", "/{a,b}/c", "/b", True),
    ("Glob", "/{a,b}/c", "/c", False),
    ("Glob", "/a/**/c", "/a/x/y", True),
    ("Glob", "/a/**/c", "/b", False),
    ("Glob", "/a/b**c", "/a/bx/y", True),
    ("Glob", "/a/b**c", "/a/c", False),
    ("Glob", "/a/{b**,c}/d", "/a/c/d", True),
    ("Glob", "/build/", "/build", True),
    ("Glob", "*.txt", "/a/b", True),
    ("Glob", "**", "/a/b", True),
]


@pytest.mark.parametrize(("language", "value", "folder", "descend"), BELOW)
def test_a_walk_leaves_out_what_cannot_take_part(
    language: str, value: str, folder: str, descend: bool
) -> None:
    chosen = choose([value], language=language)
    assert chosen.may_match_below(folder) is descend
    assert chosen.may_match_below(folder.rstrip("/") + "/") is descend


@pytest.mark.parametrize("value", ["/a", "/a/", "a/", "**/a", "{a,b}"])
def test_a_walk_does_not_enter_what_a_glob_excludes(value: str) -> None:
    assert not choose([], [value], language="Glob").may_match_below("/a")


STARTS = [
    ([], "SimplePattern", "/"),
    (["/a/b*"], "SimplePattern", "/a/b"),
    (["/a/b|/a/c"], "SimplePattern", "/a/"),
    (["/a|/b"], "SimplePattern", "/"),
    (["/"], "SimplePattern", "/"),
    (["/a/b?/c"], "Glob", "/a/b"),
    (["/a/**"], "Glob", "/a/"),
    (["/a/b/"], "Glob", "/a/b/"),
    (["/a/b|c"], "Glob", "/"),
    (["/**"], "Glob", "/"),
]


@pytest.mark.parametrize(("includes", "language", "start"), STARTS)
def test_what_every_path_starts_with(includes: list[str], language: str, start: str) -> None:
    assert choose(includes, language=language).start == start


# A small alphabet, so that patterns and paths meet often.
names = st.text("ab.*", min_size=1, max_size=4)
paths = st.builds(
    lambda parts, end: "/" + "/".join(parts) + end,
    st.lists(names, min_size=1, max_size=4),
    st.sampled_from(["", "/"]),
)
simple_texts = st.text("/ab*|\\.", min_size=1, max_size=12)
glob_texts = st.lists(
    st.sampled_from(["/", "a", "b", ".", "*", "**", "?", "|", "{a,b*}", "[ab]", "[!a]", r"\*"]),
    min_size=1,
    max_size=8,
).map("".join)


def rules(kind: type, grammar: str) -> st.SearchStrategy[list]:
    simple = simple_texts.filter(lambda text: re.fullmatch(grammar, text))
    globs = glob_texts.filter(lambda text: re.fullmatch(GRAMMAR, text))
    one = simple.map(lambda value: kind(value=value)) | globs.map(
        lambda value: kind(filter_type="Glob", value=value)
    )
    return st.lists(one, max_size=1)


filters = st.builds(
    lambda includes, excludes, hidden: Filter.parse(includes, excludes, hidden=hidden),
    rules(IncludeRule, INCLUDE_GRAMMAR),
    rules(ExcludeRule, EXCLUDE_GRAMMAR),
    st.booleans(),
)


def folders_around(path: str) -> list[str]:
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:length]) + "/" for length in range(1, len(parts))]


@settings(max_examples=300)
@given(filters, paths)
def test_a_walk_never_leaves_out_what_takes_part(chosen: Filter, path: str) -> None:
    if chosen.matches(path):
        assert all(chosen.may_match_below(folder) for folder in folders_around(path))
        assert path.startswith(chosen.start)


@settings(max_examples=300)
@given(filters, paths, names)
def test_what_is_inside_of_a_folder_goes_with_it(chosen: Filter, path: str, name: str) -> None:
    folder = path.rstrip("/") + "/"
    excludes_only = Filter((), chosen.excludes)
    if not excludes_only.matches(folder):
        assert not excludes_only.matches(folder + name)
        assert not excludes_only.may_match_below(folder)
    includes_only = Filter(chosen.includes, ())
    if includes_only.matches(folder):
        assert includes_only.matches(folder + name)


@settings(max_examples=300)
@given(filters, st.lists(paths, min_size=1, max_size=3))
def test_a_quick_look_at_many_paths_never_takes_too_much(chosen: Filter, some: list[str]) -> None:
    if chosen.takes_all("\n".join(some).encode()):
        assert all(chosen.matches(path) for path in some)


@settings(max_examples=300)
@given(filters, paths)
def test_where_nothing_is_ruled_out_names_alone_tell(chosen: Filter, path: str) -> None:
    parts = path.strip("/").split("/")
    if chosen.everything and not any(
        name.startswith(".") or name.endswith(SNAPSHOT) for name in parts
    ):
        assert chosen.matches(path)
