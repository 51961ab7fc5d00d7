"""What servers say, and what it is here."""

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.smb import statuses

TABLE = [
    (0xC0000034, errors.Missing),
    (0xC000003A, errors.Missing),
    (0xC0000022, errors.Denied),
    (0xC0000033, errors.NameNotRepresentable),
    (0xC0000043, errors.Unavailable),
    (0xC0000035, errors.Conflict),
    (0xC0000101, errors.Conflict),
    (0x8000002D, errors.Conflict),
    (0xC000007F, errors.Full),
    (0xC0000257, errors.NotSupported),
    (0xC000009A, errors.Throttled),
    (0xC00000C9, errors.Unavailable),
    (0xC0000203, errors.Unavailable),
    (0xC0FFEE00, errors.Unexpected),
]


@pytest.mark.parametrize(("status", "family"), TABLE, ids=lambda value: str(value))
def test_errors(status, family):
    found = statuses.error_of(status, b"k", "read it")
    assert type(found) is family
    assert (found.key, found.message[:16]) == (b"k", "cannot read it: ")


def test_what_no_rule_knows_is_told_by_its_number():
    assert "0xc0ffee00" in statuses.error_of(0xC0FFEE00, b"", "read it").message
