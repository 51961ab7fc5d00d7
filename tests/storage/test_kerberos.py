"""Logging on by tickets: a real KDC (MIT), and a Samba that takes nothing but what the KDC vouches for."""

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.smb import connecting, requests
from datasync_runner.storage.smb.storage import SmbStorage
from fixtures.smb import smb_server_with
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


@pytest.mark.parametrize(
    ("version", "encryption", "dialect", "encrypted"),
    [
        ("Automatic", "Off", 0x311, False),
        ("Automatic", "IfOffered", 0x311, True),
        ("Automatic", "Required", 0x311, True),
        ("SMB3_1_1", "Required", 0x311, True),
        ("SMB3", "Off", 0x302, False),
        ("SMB3", "IfOffered", 0x302, True),
        ("SMB3", "Required", 0x302, True),
        ("SMB2", "Off", 0x210, False),
        ("SMB2", "IfOffered", 0x210, False),
    ],
)
@pytest.mark.parametrize("share", ["data", "enc"])
async def test_a_file_goes_there_and_back(
    kerberos_server, secret, version, encryption, dialect, encrypted, share
):
    side = kerberos_server.side(secret, f"{version}-{encryption}/")
    side = side.model_copy(update={"version": version, "encryption": encryption, "share": share})
    if share == "enc" and version == "SMB2":
        assert isinstance(await refused(side), errors.CredentialsRefused)
        return
    wire = connecting.connect(side)
    assert (wire.dialect, wire.encrypted) == (dialect, encrypted or share == "enc")
    wire.close()
    storage = SmbStorage(side, writes=True, started_ns=0, verifies=True)
    await storage.check()
    fine(await storage.write_small([file(b"d/f", b"body")]))
    (content,) = fine(await storage.read_small([file(b"d/f", b"body").entry]))
    assert content.body == b"body"
    await storage.close()


@pytest.mark.parametrize("cipher", ["AES-256-CCM", "AES-256-GCM"])
def test_long_keys_come_from_the_whole_key_of_a_ticket(kerberos_server, secret, cipher):
    algorithm = f"server smb3 encryption algorithms = {cipher}"
    with smb_server_with(algorithm, service=kerberos_server.service) as server:
        side = kerberos_server.side(secret, "", encryption="Required")
        wire = connecting.connect(side.model_copy(update={"port": server.port}))
        assert wire.ask(requests.create("", access=1, options=1))[0].status == 0
        wire.close()


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
