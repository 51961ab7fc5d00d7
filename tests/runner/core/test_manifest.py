"""AWS's rules for manifests, line by line; nothing but a ManifestError comes of any bytes."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasync_runner.core import manifest
from datasync_runner.core.manifest import Item, ManifestError, read_items


def items(text, *, versions=True):
    data = text.encode() if isinstance(text, str) else text
    return list(read_items(io.BytesIO(data), versions=versions))


def keys(text):
    return [item.key.decode() for item in items(text)]


RIGHT = [
    ("a", ["a"]),
    ("a\nb\n", ["a", "b"]),
    ("a\r\nb\r\n", ["a", "b"]),
    ("a\rb\r", ["a", "b"]),
    ("a\n\n\r\nb\n", ["a", "b"]),
    ("\ufeffa\nb", ["a", "b"]),
    ("folder/file.txt", ["folder/file.txt"]),
    ("ü/日本", ["ü/日本"]),
    ('"a,b"', ["a,b"]),
    ('"say ""hi"""', ['say "hi"']),
    ('"line\nbreak"\n"line\r\nbreak"', ["line\nbreak", "line\r\nbreak"]),
    ('"a"\nb', ["a", "b"]),
    ("a b ", ["a b "]),
    ("", []),
    ("\n", []),
    ("x" * 4096, ["x" * 4096]),
    ('"' + '""' * 4096 + '"', ['"' * 4096]),
]


@pytest.mark.parametrize(("text", "paths"), RIGHT)
def test_what_a_manifest_says(text, paths):
    assert keys(text) == paths


WRONG = [
    ("a\n/b\n", "line 2 begins with '/'"),
    ("a/", "line 1 names a folder"),
    ('a\n""\n', "line 2 has no path"),
    (",v1", "line 1 has no path"),
    ("a,b,c", "line 1 has 3 fields"),
    ('a "b"', "line 1 has a quote inside"),
    (' "a"', "line 1 has a quote inside"),
    ('a,v"1', "line 1 has a quote inside"),
    ('"a" ,v', "line 1 is not CSV"),
    ('"a"b', "line 1 is not CSV"),
    ('a\n"b\nc', "line 3 is not CSV"),
    ("a\0b", "line 1 holds a NUL"),
    ("a,v\0", "line 1 has a version id that is none"),
    ("a," + "v" * 1025, "line 1 has a version id that is none"),
    ("x" * 4097, "line 1 has a path of more than 4096 characters"),
    ("x" * 100_000, "line 1 is longer than any path may be"),
    ('"' + "x\n" * 100_000, "is longer than any path may be"),
    (b"a\n\xff\n", "is not UTF-8"),
    ("a".encode("utf-16"), "is not UTF-8"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_breaks_a_rule_is_told_with_its_line(text, words):
    with pytest.raises(ManifestError, match=words.replace("(", r"\(")) as raised:
        items(text)
    assert ": " in str(raised.value)  # what, and how to fix it


def test_versions_are_for_objects_alone():
    assert items("a,v1\nb\nc,\n") == [Item(b"a", "v1"), Item(b"b"), Item(b"c")]
    with pytest.raises(ManifestError, match="line 2 has a version id, which only objects have"):
        items("a\nb,v1", versions=False)


def quoted(field):
    return '"' + field.replace('"', '""') + '"'


PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
FILES = PATHS.filter(lambda path: path[0] != "/" and path[-1] != "/")
VERSIONS = st.text("abcXYZ019._-", max_size=8)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])


def plain(field):
    """Whether a field may stand without quotes; at the very start it could be a byte order mark."""
    return not set(field) & set('",\r\n\ufeff')


@settings(max_examples=300)
@given(st.lists(st.tuples(FILES, VERSIONS, ENDS, st.booleans()), max_size=6))
def test_what_was_written_by_the_rules_is_read_back(lines):
    text = ""
    for path, version, end, quote in lines:
        text += quoted(path) if quote or not plain(path) else path
        text += f",{version}" if version else ""
        text += end
    assert items(text) == [Item(path.encode(), version) for path, version, *_ in lines]


@settings(max_examples=500)
@given(st.binary(max_size=80) | st.text('a/",\r\n\0é \ufeff', max_size=40).map(str.encode))
def test_any_bytes_are_items_or_a_manifest_error(data):
    try:
        found = items(data)
    except ManifestError:
        return
    for key, _ in found:
        assert key and b"\0" not in key
        assert not key.startswith(b"/") and not key.endswith(b"/")


@given(st.lists(st.builds(Item, FILES.map(str.encode), VERSIONS), max_size=8))
def test_records_sort_by_key_and_come_back(found):
    records = sorted(map(manifest.packed, found))
    assert [manifest.unpacked(record) for record in records] == sorted(found)
    keys = [item.key for item in found]
    if len(set(keys)) == len(keys):
        manifest.refuse_twins(iter(records))
    else:
        with pytest.raises(ManifestError, match="list every path once"):
            manifest.refuse_twins(iter(records))
