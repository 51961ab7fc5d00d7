"""The Secret of an SMB location."""

import subprocess
import sys

import pytest

from datasync_api.sides import SmbSide
from datasync_runner.storage import errors
from datasync_runner.storage.smb.login import Login, read_login


def secret(folder, **keys):
    for name, value in {"username": "alice", "password": "hush", **keys}.items():
        (folder / name).write_bytes(value.encode() if isinstance(value, str) else value)
    uri = "smb://nas/projects/"
    return SmbSide(uri=uri, server="nas", share="projects", credentials_path=str(folder))


def test_user_and_password(tmp_path):
    assert read_login(secret(tmp_path)) == Login("alice", "hush")


def test_the_domain_is_part_of_the_user(tmp_path):
    assert read_login(secret(tmp_path, domain="CORP\n")) == Login("CORP\\alice", "hush")


def test_blanks_belong_to_a_password_and_line_breaks_do_not(tmp_path):
    assert read_login(secret(tmp_path, password=" hush \r\n")).password == " hush "


def test_nothing_shows_the_password(tmp_path):
    assert "hush" not in repr(read_login(secret(tmp_path)))


@pytest.mark.parametrize(
    ("keys", "match"),
    [
        ({"username": ""}, "no key username"),
        ({"password": "\n"}, "no key password"),
        ({"password": b"\xff"}, "cannot read key password"),
    ],
)
def test_a_secret_that_cannot_be(tmp_path, keys, match):
    with pytest.raises(errors.ConfigurationInvalid, match=match):
        read_login(secret(tmp_path, **keys))


def test_to_log_on_no_x509_is_loaded():
    code = (
        "import sys\n"
        "import datasync_runner.storage.smb.storage\n"
        "assert 'spnego' in sys.modules\n"
        "assert 'cryptography.x509' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
