"""The shapes of docs/logging.md: every line is one JSON object, whatever names files have."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.core import log_lines
from datasync_runner.core.entry import Entry, Kind

AT = 1_777_604_400.4125
TIME = "2026-05-01T03:00:00.412Z"
HEAD = {"time": TIME, "level": "INFO"}


def entry(key: bytes, kind: Kind = Kind.FILE, size_bytes: int = 0) -> Entry:
    return Entry(key, kind, size_bytes)


def parsed(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


def test_an_event_has_time_level_and_fields() -> None:
    line = log_lines.log_line(AT, "WARNING", "failure", {"path": "/ä", "stage": "prepare"})
    assert list(json.loads(line).items()) == [
        ("time", TIME),
        ("level", "WARNING"),
        ("event", "failure"),
        ("path", "/ä"),
        ("stage", "prepare"),
    ]
    assert line.isascii()


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        pytest.param(
            log_lines.transferred_lines(
                AT, [(entry(b"a/b", size_bytes=7), True), (entry(b"l", Kind.SYMLINK), False)]
            ),
            [
                {
                    "event": "transferred",
                    "path": "/a/b",
                    "kind": "File",
                    "transferType": "ContentAndMetadata",
                    "sizeBytes": 7,
                    "verified": True,
                },
                {
                    "event": "transferred",
                    "path": "/l",
                    "kind": "Symlink",
                    "transferType": "ContentAndMetadata",
                    "sizeBytes": 0,
                    "verified": False,
                },
            ],
            id="content",
        ),
        pytest.param(
            log_lines.updated_lines(AT, [entry(b"a/", Kind.FOLDER), entry(b"x")]),
            [
                {
                    "event": "transferred",
                    "path": "/a",
                    "kind": "Folder",
                    "transferType": "MetadataOnly",
                },
                {
                    "event": "transferred",
                    "path": "/x",
                    "kind": "File",
                    "transferType": "MetadataOnly",
                },
            ],
            id="metadata",
        ),
        pytest.param(
            log_lines.verified_lines(AT, [entry(b"x")]),
            [{"event": "verified", "path": "/x", "kind": "File"}],
            id="read back",
        ),
        pytest.param(
            log_lines.deleted_lines(AT, [b"a/x", b"a/"]),
            [
                {"event": "deleted", "path": "/a/x", "kind": "File"},
                {"event": "deleted", "path": "/a", "kind": "Folder"},
            ],
            id="deletion",
        ),
    ],
)
def test_the_shape_of_every_event(lines: list[str], told: list[dict[str, object]]) -> None:
    assert parsed(lines) == [{**HEAD, **fields} for fields in told]


@given(st.binary(min_size=1, max_size=40))
def test_no_name_breaks_a_line(key: bytes) -> None:
    lines = [
        *log_lines.transferred_lines(AT, [(entry(key), True)]),
        *log_lines.updated_lines(AT, [entry(key)]),
        *log_lines.verified_lines(AT, [entry(key)]),
        *log_lines.deleted_lines(AT, [key]),
    ]
    for line in lines:
        assert line.isascii() and line.isprintable()
        assert str(json.loads(line)["path"]).startswith("/")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_item_has_a_name(kind: Kind) -> None:
    (line,) = log_lines.updated_lines(AT, [entry(b"a", kind)])
    assert json.loads(line)["kind"] in ("File", "Folder", "Symlink", "Special", "Device")
