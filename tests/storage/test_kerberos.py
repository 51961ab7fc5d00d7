"""Logging on by tickets: a real KDC (MIT), and a Samba that takes nothing but what the KDC vouches for."""

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.smb.storage import SmbStorage
from storage.looks import run
from storage.sides import file, fine, posix_side


@pytest.fixture
def secret(kerberos_server, tmp_path):
    return kerberos_server.credentials(tmp_path / "keytab")


async def refused(side):
    storage = SmbStorage(side, writes=False, started_ns=0)
    try:
        with pytest.raises(errors.StorageError) as caught:
            await storage.check()
    finally:
        await storage.close()
    return caught.value


@pytest.mark.parametrize("version", ["Automatic", "SMB3", "SMB2"])
@pytest.mark.parametrize("encryption", ["Off", "IfOffered"])
async def test_a_file_goes_there_and_back(kerberos_server, secret, version, encryption):
    side = kerberos_server.side(secret, f"{version}-{encryption}/")
    side = side.model_copy(update={"version": version, "encryption": encryption})
    storage = SmbStorage(side, writes=True, started_ns=0, verifies=True)
    await storage.check()
    fine(await storage.write_small([file(b"d/f", b"body")]))
    (content,) = fine(await storage.read_small([file(b"d/f", b"body").entry]))
    assert content.body == b"body"
    await storage.close()


async def test_a_principal_that_the_keytab_has_not(kerberos_server, secret):
    side = kerberos_server.side(secret, "", kerberos_principal="somebody@DATASYNC.TEST")
    error = await refused(side)
    assert isinstance(error, errors.CredentialsRefused)
    assert "somebody@DATASYNC.TEST" in error.message


async def test_a_server_that_the_realm_does_not_know(kerberos_server, secret):
    error = await refused(kerberos_server.side(secret, "", server="127.0.0.1"))
    assert isinstance(error, errors.CredentialsRefused)
    assert "127.0.0.1" in error.message


async def test_a_key_that_is_not_the_kdcs_any_more(kerberos_server, secret):
    keytab = bytearray((secret / "keytab").read_bytes())
    for at in range(60, len(keytab), 7):
        keytab[at] ^= 0x55
    (secret / "keytab").write_bytes(keytab)
    assert isinstance(await refused(kerberos_server.side(secret, "")), errors.CredentialsRefused)


async def test_a_secret_without_a_keytab(kerberos_server, tmp_path):
    error = await refused(kerberos_server.side(tmp_path, ""))
    assert isinstance(error, errors.ConfigurationInvalid)
    assert "has no key keytab" in error.message


async def test_a_kdc_that_does_not_answer(kerberos_server, secret, tmp_path):
    conf = tmp_path / "krb5.conf"
    lines = kerberos_server.krb5_conf.read_text().splitlines()
    conf.write_text("\n".join("kdc = 127.0.0.1:1" if "kdc = 127" in one else one for one in lines))
    error = await refused(kerberos_server.side(secret, "", krb5_conf_path=str(conf)))
    assert isinstance(error, errors.Unavailable)


def test_a_whole_run(kerberos_server, secret, tmp_path):
    (kerberos_server.folder / "run").mkdir()
    (kerberos_server.folder / "run" / "f").write_bytes(b"body")
    (tmp_path / "copy").mkdir()
    run(tmp_path, kerberos_server.side(secret, "run/"), posix_side(tmp_path / "copy"))
    assert (tmp_path / "copy" / "f").read_bytes() == b"body"
