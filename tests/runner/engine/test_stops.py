"""What is said of a run that cannot go on."""

import errno
import os
import resource
import tempfile

import pytest

from datasync_api.conditions import Reason
from datasync_api.exit_codes import ExitCode
from datasync_runner.engine import spool
from datasync_runner.engine.stops import NoRoom, stop_of
from datasync_runner.storage.errors import CredentialsRefused
from fakes.runs import plan_of, run_between
from fakes.storage import FakeStorage


def oserror(number: int) -> OSError:
    return OSError(number, os.strerror(number))


STOPS = {
    "a stop": (CredentialsRefused("no"), Reason.CREDENTIALS_REFUSED, ExitCode.CREDENTIALS),
    "no room": (oserror(errno.ENOSPC), Reason.CONFIGURATION_INVALID, ExitCode.CONFIGURATION),
    "no quota": (oserror(errno.EDQUOT), Reason.CONFIGURATION_INVALID, ExitCode.CONFIGURATION),
    "another error": (oserror(errno.EBADF), Reason.INTERNAL_ERROR, ExitCode.HOPELESS),
}


@pytest.mark.parametrize("name", STOPS)
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: ExceptionGroup("tasks", [e])])
def test_each_has_its_reason_and_code(name, wrap):
    error, reason, code = STOPS[name]
    stop = stop_of(wrap(error))
    assert (stop.reason, stop.exit_code) == (reason, code)


async def test_a_full_disk_for_lists_is_named_with_what_to_do(monkeypatch, tmp_path):
    class Full:
        def __init__(self, max_size):
            self.max_size = max_size

        def write(self, data):
            raise oserror(errno.ENOSPC)

        def close(self):
            pass

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spool.tempfile, "SpooledTemporaryFile", Full)
    source = FakeStorage().put(b"kept", b"1")
    destination = FakeStorage().put(b"gone", b"1")
    with pytest.raises(BaseExceptionGroup) as raised:
        await run_between(source, destination, plan_of(preserve_deleted_files="Remove"))
    told = str(stop_of(raised.value))
    assert str(tmp_path) in told
    assert "No space left on device" in told
    assert "make room there" in told
    assert "defect" not in told


def test_a_disk_that_is_full_before_the_first_list_is_named_too(monkeypatch):
    """The kernel lets no file grow, as a full disk does."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with spool.Spool() as records:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(OSError, match="directory") as raised:
                records.push(bytes(spool.MEMORY_BYTES + 1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    stop = stop_of(raised.value)
    assert isinstance(stop, NoRoom)
    assert "'/tmp'" in str(stop)
    assert "make room there" in str(stop)
