"""Which keys a share can have, and the paths they become."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage import errors
from datasync_runner.storage.smb import names

FINE = [
    "report 2024.txt", ".hidden", "ü", "日本語", "a.b.c", "console.txt", "com10", "x" * 255, "a~1",
    "plus+sign", "100%", "quote'", "(1)", "tilde~", "🎉" * 127,
]  # fmt: skip
NOT_FINE = [
    ("", "empty"),
    (".", "empty"),
    ("..", "empty"),
    ("a:b", "character ':'"),
    ("a*", "character"),
    ("why?", "character"),
    ('say "it"', "character"),
    ("a<b", "character"),
    ("a|b", "character"),
    ("a\\b", "character"),
    ("tab\there", "character"),
    ("nul\0", "character"),
    ("line\nbreak", "character"),
    ("report.", "dot or a space"),
    ("report ", "dot or a space"),
    ("...", "dot or a space"),
    ("con", "device"),
    ("NUL.txt", "device"),
    ("Com1", "device"),
    ("lpt9.log", "device"),
    ("x" * 256, "longer"),
    ("🎉" * 128, "longer"),
]


@pytest.mark.parametrize("name", FINE)
def test_names_that_a_share_can_have(name):
    assert names.problem(name) is None
    names.check(f"folder/{name}".encode())
    names.check(f"{name}/".encode())


@pytest.mark.parametrize(("name", "why"), NOT_FINE)
def test_names_that_it_cannot(name, why):
    assert why in (names.problem(name) or "")
    keys = [f"folder/{name}", f"{name}/file"] if name else ["/file", "folder//file"]
    for key in keys:
        with pytest.raises(errors.NameNotRepresentable, match=why) as caught:
            names.check(key.encode())
        assert caught.value.key == key.encode()


@pytest.mark.parametrize("key", [b"not-utf-8-\xff", b"a/" * 2048 + b"a"])
def test_keys_that_it_cannot(key):
    with pytest.raises(errors.NameNotRepresentable):
        names.check(key)


def test_a_name_of_windows_that_is_no_utf_16_survives():
    key = "half-\ud83c".encode("utf-8", "surrogatepass")
    assert names.text_of(key) == "half-\ud83c"


@pytest.mark.parametrize(
    ("root", "key", "path"),
    [
        ("", b"a", "a"),
        ("", b"a/b/", "a\\b"),
        ("projects\\2024\\", b"a/b", "projects\\2024\\a\\b"),
    ],
)
def test_paths(root, key, path):
    assert names.path_of(root, key) == path


@pytest.mark.parametrize("key", [b"../a", b"a/../../b", b"a//b", b"/a", b"a\\..\\b", b"./a"])
def test_no_key_leads_elsewhere(key):
    with pytest.raises(errors.NameNotRepresentable):
        names.path_of("root\\", key)


@given(st.binary(max_size=40))
def test_every_path_stays_below_its_root(key):
    try:
        path = names.path_of("root\\", key)
    except errors.NameNotRepresentable:
        return
    assert path.startswith("root\\")
    assert not {"", ".", ".."} & set(path.split("\\"))


@pytest.mark.parametrize(
    ("path", "root"), [("", ""), ("a/", "a\\"), ("a/b/", "a\\b\\"), ("./a//b", "a\\b\\")]
)
def test_roots(path, root):
    assert names.root_of(path) == root
