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
_CLASSES: Final = ("0123456789", "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", "GHIJKLMNOPQRSTUVWXYZ")
_SPACE: Final = " "


class KeySpace:
    """What is known of the characters of keys, by their place in the key."""

    def __init__(self) -> None:
        self._seen: list[set[str]] = []
        self._digits: list[str] = []

    def learn(self, keys: Sequence[str]) -> None:
        """Look at some keys of a page: first, last, and some between.

        A place where one digit was seen may have each of them, and so with letters.
        """
        some = [*keys[:: max(1, len(keys) // SAMPLE)], keys[-1]]
        places = len(commonprefix([some[0], some[-1]])) + PLACES
        for key in some:
            for at, character in enumerate(key[:places]):
                if at == len(self._seen):
                    self._seen.append(set())
                    self._digits.append("")
                if character not in self._seen[at] and character >= _SPACE:
                    self._seen[at].add(character)
                    self._seen[at].update(*(same for same in _CLASSES if character in same))
                    self._digits[at] = "".join(sorted(self._seen[at]))

    def pages_on(self, key: str, page: tuple[str, str], count: int) -> str | None:
        """Where the keys `count` pages behind `key` may begin, if all are as far apart as a page's
        first and last; None: beyond all of them."""
        first, last = page
        span = self._number(last) - self._number(first)
        found = self._key(self._number(key) + max(1, span) * count)
        return found if found is not None and found > key else None

    def _number(self, key: str) -> int:
        """The key as a number; a character that was never seen counts as the one before it."""
        number = 0
        length = len(key)
        for at, digits in enumerate(self._digits):
            digit = bisect_right(digits, key[at]) if at < length else 0
            number = number * (len(digits) + 1) + digit
        return number

    def _key(self, number: int) -> str | None:
        """The key of a number; None: there is none that great."""
        found: list[str] = []
        for digits in reversed(self._digits):
            number, digit = divmod(number, len(digits) + 1)
            if digit:
                found.append(digits[digit - 1])
            else:
                found.clear()  # the key ends before this place
        return None if number else "".join(reversed(found))
