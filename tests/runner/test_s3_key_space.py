"""Guesses about key spaces: near enough where keys are regular, harmless where they are not."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage.s3.key_space import KeySpace

NUMBERED = [f"data/{n:07d}.bin" for n in range(100_000)]
DAYS = [f"logs/{n % 12 + 1:02d}/{n // 12 % 28 + 1:02d}/{n}.gz" for n in range(40_000)]
HEXES = [hashlib.md5(str(n).encode()).hexdigest() for n in range(20_000)]


@pytest.mark.parametrize("keys, least, most", [(NUMBERED, 3.9, 4.1), (DAYS, 0.3, 8), (HEXES, 2, 8)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_a_guess_is_about_as_many_pages_on_as_wanted(
    keys: list[str], least: float, most: float, share: float
) -> None:
    keys = sorted(keys)
    start = int(share * len(keys))
    page = keys[start : start + 1000]
    space = KeySpace()
    space.learn(keys[:1000])
    space.learn(page)
    guess = space.pages_on(page[-1], (page[0], page[-1]), 4)
    between = sum(page[-1] < key <= guess for key in keys)
    assert least * 1000 <= between <= most * 1000


def test_letters_that_never_change_are_no_digits() -> None:
    space = KeySpace()
    space.learn(["data/8", "data/9"])
    assert space.pages_on("data/9", ("data/8", "data/9"), 4) == ""


def test_letters_of_hexadecimal_names_are_expected_before_they_are_seen() -> None:
    space = KeySpace()
    space.learn(sorted(HEXES)[:1000])
    assert space.pages_on("9fff", ("9ff0", "9fff"), 1).startswith("a")


@given(st.lists(st.text(max_size=30), min_size=1).map(sorted), st.text(), st.integers(1, 50))
def test_any_keys_give_a_key_or_none(keys: list[str], key: str, count: int) -> None:
    space = KeySpace()
    space.learn(keys)
    guess = space.pages_on(key, (keys[0], keys[-1]), count)
    assert set(guess) <= set("".join(keys)) | set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    )
