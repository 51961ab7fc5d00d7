"""Guesses about where keys are: how far on in the order of keys the next pages will be.

Keys are read as numbers: each place of a key is a digit of the characters that were seen there.
Guesses decide how fast a listing is, never what it lists, so nothing here needs to be right.
"""

from bisect import bisect_right
from collections.abc import Sequence
from os.path import commonprefix
from typing import Final

PLACES: Final = 16
SAMPLE: Final = 50
_DECIMAL: Final = frozenset("0123456789")
_KINDS: Final = (frozenset("abcdefghijklmnopqrstuvwxyz"), frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_HEXADECIMAL: Final = (_DECIMAL.union("abcdef"), _DECIMAL.union("ABCDEF"))
_END: Final = ""
"""Behind a key's last character, where others go on."""


class KeySpace:
    """What is known of the characters of keys, by their place in the key."""

    def __init__(self) -> None:
        self._seen: list[set[str]] = []
        self._digits: list[list[str]] = []

    def learn(self, keys: Sequence[str]) -> None:
        """Look at some keys of a page: first, last, and some between."""
        some = [*keys[:: max(1, len(keys) // SAMPLE)], keys[-1]]
        places = len(commonprefix([some[0], some[-1]])) + PLACES  # noqa: RUF071 - of characters
        news = False
        for key in some:
            for at, character in enumerate((*key[:places], _END)[:places]):
                if at == len(self._seen):
                    self._seen.append(set())
                if character not in self._seen[at]:
                    self._seen[at].add(character)
                    news = True
        if news:
            self._digits = _digits(self._seen)

    def pages_on(self, key: str, page: tuple[str, str], count: int) -> str:
        """Where keys may be `count` pages behind a key, if those pages are like the page of which
        the first and the last key are given; empty: beyond all keys."""
        first, last = page
        span = self._number(last) - self._number(first)
        return self._key(self._number(key) + span * count)

    def _number(self, key: str) -> int:
        """The key as a number; a character that was never seen counts as the one before it."""
        number = 0
        length = len(key)
        for at, digits in enumerate(self._digits):
            digit = bisect_right(digits, key[at] if at < length else _END) - 1
            number = number * len(digits) + max(0, digit)
        return number

    def _key(self, number: int) -> str:
        """The key of a number; empty: there is none that great."""
        found: list[str] = []
        for digits in reversed(self._digits):
            number, digit = divmod(number, len(digits))
            if digits[digit] == _END:
                found.clear()
            else:
                found.append(digits[digit])
        return "" if number else "".join(reversed(found))


def _digits(seen: Sequence[set[str]]) -> list[list[str]]:
    """What each place may hold: where a digit was seen, all of them; where two letters, all.

    Letters that are always the same are words of a folder's name, and stay.  A place before one of
    hexadecimal digits is one too: its letters come later in the order.
    """
    found: list[list[str]] = []
    behind: frozenset[str] = frozenset()
    for characters in reversed(seen):
        same = [kind for kind in _KINDS if characters & kind and len(characters) > 1]
        if characters & _DECIMAL:
            same.append(_DECIMAL)
        for kind in _HEXADECIMAL:
            if characters <= kind and (behind == kind or not characters <= _DECIMAL):
                same = [kind] if len(characters) > 1 or behind == kind else same
        behind = frozenset(characters).union(*same)
        found.append(sorted(behind))
    return found[::-1]
