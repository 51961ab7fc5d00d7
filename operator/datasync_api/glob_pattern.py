"""The Glob language: patterns as rclone and .gitignore write them.

| written | means |
|---|---|
| `a|b` | one pattern or the other |
| `*` | any run of characters of one name, none too |
| `?` | one character of a name |
| `[abc]`, `[a-z]`, `[!abc]`, `[^abc]` | one character of a name: one of these, none of these |
| `{jpg,png}` | one or the other; what stands between may be a pattern itself, without `/` and `{` |
| `**` as a whole name | any number of folders; at the end: everything inside |
| `**` elsewhere | any run of characters, slashes too |
| `/` at the beginning | the location's root; without it a pattern holds at any depth |
| `/` at the end | folders alone |
| `\\` | the next character, which cannot be `/`, is itself |
| anything else | itself; case counts, and names that begin with a dot are like others |

A pattern that takes a folder takes everything in it.  Nothing takes back what an exclude has taken:
a `!` at the beginning, which would in a .gitignore, must be written `\\!`.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

from datasync_api.path_pattern import Pattern, PatternError
from datasync_api.simple_pattern import split

_PLAIN: Final = r"[^\]/*?\[{}|\\]"
_ESCAPED: Final = r"\\[^/]"
_CLASS: Final = r"\[[!^]?(\\[^/]|[^\]/\[|\\])+\]"
_PART: Final = rf"({_PLAIN}|{_ESCAPED}|\*|\?|{_CLASS})"
_CHOICE: Final = rf"\{{{_PART}+\}}"
_NAME: Final = rf"({_PART}|{_CHOICE})+"
_PATTERN: Final = rf"/?{_NAME}(/{_NAME})*/?"
GRAMMAR: Final = rf"{_PATTERN}(\|{_PATTERN})*"
"""Everything but the order of a range: `[z-a]` is for `parse` to refuse."""


def parse(value: str) -> list[Pattern]:
    """The patterns of a rule's value, which follows the grammar.  Raises: PatternError."""
    return [_pattern(text) for text in split(value)]


class _Kind(Enum):
    TEXT = auto()
    ONE = auto()
    """Any pattern for one character."""
    STAR = auto()
    CHOICE = auto()
    COMMA = auto()


class _Token(NamedTuple):
    kind: _Kind
    source: str
    text: str = ""
    across: bool = False
    """It may take a slash."""


_IN_NAME: Final = _Token(_Kind.STAR, "[^/]*")
_ANYTHING: Final = _Token(_Kind.STAR, ".*", across=True)
_TOKEN: Final = re.compile(
    rf"(?P<ACROSS>\*\*+)|(?P<STAR>\*)|(?P<ANY>\?)|(?P<CLASS>{_CLASS})|(?P<CHOICE>{_CHOICE})"
    r"|(?P<COMMA>,)|\\?(?P<TEXT>.)",
    re.DOTALL,
)
_ITEM: Final = re.compile(
    r"(?P<low>\\.|[^\\])-(?P<high>\\.|[^\\])|(?P<single>\\.|[^\\])", re.DOTALL
)


def _tokens(text: str) -> Iterator[_Token]:
    """Raises: PatternError."""
    for found in _TOKEN.finditer(text):
        match found.lastgroup:
            case "ACROSS":
                yield _ANYTHING
            case "STAR":
                yield _IN_NAME
            case "ANY":
                yield _Token(_Kind.ONE, "[^/]")
            case "CLASS":
                yield _Token(_Kind.ONE, _class(found[0]))
            case "CHOICE":
                yield _choice(found[0][1:-1])
            case "COMMA":
                yield _Token(_Kind.COMMA, ",", ",")
            case _:
                yield _Token(_Kind.TEXT, re.escape(found["TEXT"]), found["TEXT"])


def _class(text: str) -> str:
    """`[...]` as a regular expression writes it.  Raises: PatternError."""
    inside = text[1:-1]
    negated = len(inside) > 1 and inside[0] in "!^"
    items = ""
    for item in _ITEM.finditer(inside[1:] if negated else inside):
        if item["single"]:
            items += re.escape(item["single"][-1])
            continue
        low, high = item["low"][-1], item["high"][-1]
        if low > high:
            raise PatternError(f"the range {low}-{high} goes downwards: write {high}-{low}")
        items += f"{re.escape(low)}-{re.escape(high)}"
    return f"[^/{items}]" if negated else f"(?!/)[{items}]"


def _choice(inside: str) -> _Token:
    ways: list[list[_Token]] = [[]]
    for token in _tokens(inside):
        if token.kind is _Kind.COMMA:
            ways.append([])
        else:
            ways[-1].append(token)
    source = f"(?:{'|'.join(_source(way) for way in ways)})"
    across = any(token.across for way in ways for token in way)
    return _Token(_Kind.CHOICE, source, across=across)


def _pattern(text: str) -> Pattern:
    names = [list(_tokens(name)) for name in text.strip("/").split("/")]
    rooted, folder = text.startswith("/"), text.endswith("/")
    source = "/" if rooted else ".*/"
    for name in names[:-1]:
        source += "(?:.*/)?" if name == [_ANYTHING] else _whole(name) + "/"
    source += ".+" if names[-1] == [_ANYTHING] else _whole(names[-1])
    source += "/.*" if folder else "(?:/.*)?"
    texts = list(_texts(names, folder=folder))
    anchor = max(texts, key=len).encode("utf-8", "surrogateescape")
    if not rooted:
        return Pattern(source, anchor)
    return Pattern(source, anchor, start=texts[0], levels=tuple(_levels(names)))


def _whole(name: Sequence[_Token]) -> str:
    """A name from its beginning to its end; it has at least one character."""
    some = any(token.kind in (_Kind.TEXT, _Kind.ONE, _Kind.COMMA) for token in name)
    return ("" if some else "(?=[^/])") + _source(name)


def _source(name: Sequence[_Token]) -> str:
    """A name, or a part of one.

    What stands between two stars is taken where it first comes, for good, where its length is
    fixed: that leaves most to the rest, and many stars do not make many ways to look.
    """
    done, star, between = "", "", list[_Token]()
    for token in name:
        if token.kind is _Kind.STAR:
            done += _run(star, between)
            star, between = token.source, []
        else:
            between.append(token)
    return done + star + "".join(token.source for token in between)


def _run(star: str, between: Sequence[_Token]) -> str:
    text = "".join(token.source for token in between)
    if star != _IN_NAME.source or any(token.kind is _Kind.CHOICE for token in between):
        return star + text
    return f"(?>{star}?{text})"


def _levels(names: Sequence[Sequence[_Token]]) -> Iterator[str]:
    for name in names:
        across = next((at for at, token in enumerate(name) if token.across), None)
        if across is not None:
            yield _source(name[:across]) + ".*"
            return
        yield _source(name)


def _texts(names: Sequence[Sequence[_Token]], *, folder: bool) -> Iterator[str]:
    """The texts, slashes included, that stand in every path that is taken."""
    text = "/"
    for index, name in enumerate(names):
        if index and names[index - 1] != [_ANYTHING]:
            text += "/"
        for token in name:
            if token.kind in (_Kind.TEXT, _Kind.COMMA):
                text += token.text
            else:
                yield text
                text = ""
    yield text + "/" if folder else text
