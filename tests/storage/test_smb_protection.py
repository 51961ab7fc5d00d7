"""Versions, signing and encryption: what is agreed to with a real Samba, and what is refused."""

import pytest

from datasync_runner.storage import errors
from datasync_runner.storage.smb import connecting, takeover
from datasync_runner.storage.smb.seals import Cipher, Envelopes, Signatures, Signing
from datasync_runner.storage.smb.storage import SmbStorage
from fixtures.smb import smb_server_with
from storage.sides import file, fine

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def secret(smb_server, tmp_path):
    return smb_server.credentials(tmp_path / "login")


async def goes_there_and_back(side, dialect, *, encrypted, signed=True):
    """A file does, over a connection as it was agreed to."""
    wire = connecting.connect(side)
    try:
        assert (wire.dialect, wire.encrypted) == (dialect, encrypted)
        assert wire.signed == (signed and not encrypted)
    finally:
        wire.close()
    storage = SmbStorage(side, writes=True, started_ns=0, verifies=True)
    await storage.check()
    for body in (b"body", bytes(range(256)) * 4096 * 3):
        fine(await storage.write_small([file(b"d/f", body)]))
        (content,) = fine(await storage.read_small([file(b"d/f", body).entry]))
        assert content.body == body
    await storage.close()


def refused(side):
    with pytest.raises(errors.StorageError) as caught:
        connecting.connect(side)
    return caught.value


@pytest.mark.parametrize(
    ("version", "dialect"), [("Automatic", 0x311), ("SMB3_1_1", 0x311), ("SMB3", 0x302)]
)
@pytest.mark.parametrize(
    ("share", "encryption", "encrypted"),
    [
        ("data", "Off", False),
        ("data", "IfOffered", True),
        ("data", "Required", True),
        ("enc", "Off", True),
        ("enc", "IfOffered", True),
        ("enc", "Required", True),
    ],
)
async def test_versions_and_encryption(
    smb_server, smb_folder, secret, version, dialect, share, encryption, encrypted
):
    path = f"{smb_folder.name}/"
    side = smb_server.side(secret, path, share=share, version=version, encryption=encryption)
    await goes_there_and_back(side, dialect, encrypted=encrypted)


@pytest.mark.parametrize("encryption", ["Off", "IfOffered"])
async def test_smb_2_1_is_signed_and_never_encrypted(smb_server, smb_folder, secret, encryption):
    path = f"{smb_folder.name}/"
    side = smb_server.side(secret, path, version="SMB2", encryption=encryption)
    await goes_there_and_back(side, 0x210, encrypted=False)


def test_required_encryption_refuses_a_server_that_cannot(smb_server, secret):
    error = refused(smb_server.side(secret, "", version="SMB2", encryption="Required"))
    assert isinstance(error, errors.ConfigurationInvalid)
    assert "cannot encrypt" in error.message


@pytest.mark.parametrize("encryption", ["Off", "IfOffered"])
def test_a_share_that_insists_on_encryption_refuses_smb_2_1(smb_server, secret, encryption):
    side = smb_server.side(secret, "", share="enc", version="SMB2", encryption=encryption)
    assert isinstance(refused(side), errors.CredentialsRefused)


async def every(server, tmp_path, dialect, **encrypted):
    """Each kind of encryption: whether it is done, or None where the server is refused."""
    login = server.credentials(tmp_path / "other-login")
    for encryption, expected in encrypted.items():
        side = server.side(login, "x/", encryption=encryption)
        if expected is None:
            assert "cannot encrypt" in refused(side).message
        else:
            await goes_there_and_back(side, dialect, encrypted=expected)


async def test_a_server_that_speaks_smb_3_0_at_most(tmp_path):
    with smb_server_with("server max protocol = SMB3_00") as server:
        await every(server, tmp_path, 0x300, Off=False, IfOffered=True, Required=True)
        login = server.credentials(tmp_path / "login")
        for version in ("SMB3", "SMB3_1_1"):
            error = refused(server.side(login, "", version=version))
            assert isinstance(error, errors.ConfigurationInvalid)
            assert f"version {version}" in error.message


async def test_a_server_that_speaks_smb_2_1_at_most(tmp_path):
    with smb_server_with("server max protocol = SMB2_10") as server:
        await every(server, tmp_path, 0x210, Off=False, IfOffered=False, Required=None)


def test_a_server_that_speaks_less_is_refused(tmp_path):
    settings = "server min protocol = SMB2_02", "server max protocol = SMB2_02"
    with smb_server_with(*settings) as server:
        error = refused(server.side(server.credentials(tmp_path / "login"), ""))
    assert isinstance(error, errors.ConfigurationInvalid)
    assert "SMB 2.0 at most" in error.message


async def test_a_new_server_that_does_not_encrypt(tmp_path):
    with smb_server_with("server smb encrypt = off") as server:
        await every(server, tmp_path, 0x311, Off=False, IfOffered=False, Required=None)


VERSIONS = [("SMB2", 0x210), ("SMB3", 0x302), ("SMB3_1_1", 0x311)]


@pytest.mark.parametrize(("version", "dialect"), VERSIONS)
@pytest.mark.parametrize(("signing", "signed"), [("Required", True), ("IfRequired", False)])
async def test_messages_are_signed_unless_that_is_waived(
    smb_server, smb_folder, secret, version, dialect, signing, signed
):
    path, how = f"{smb_folder.name}/", {"version": version, "signing": signing}
    side = smb_server.side(secret, path, encryption="Off", **how)
    await goes_there_and_back(side, dialect, encrypted=False, signed=signed)


async def test_a_server_that_insists_is_given_signatures(tmp_path):
    with smb_server_with("server signing = mandatory") as server:
        login = server.credentials(tmp_path / "login")
        for version, dialect in VERSIONS:
            how = {"version": version, "signing": "IfRequired", "encryption": "Off"}
            side = server.side(login, "a/", **how)
            await goes_there_and_back(side, dialect, encrypted=False, signed=True)


async def test_who_waives_signatures_is_encrypted_all_the_same(smb_server, smb_folder, secret):
    side = smb_server.side(secret, f"{smb_folder.name}/", signing="IfRequired")
    await goes_there_and_back(side, 0x311, encrypted=True)


@pytest.fixture
def agreed(monkeypatch):
    """The ways to encrypt and to sign that connections were made with."""
    found = set()

    def noted(seal):
        def make(key, way, *more):
            found.add(way)
            return seal(key, way, *more)

        return make

    monkeypatch.setattr(takeover, "Envelopes", noted(Envelopes))
    monkeypatch.setattr(takeover, "Signatures", noted(Signatures))
    return found


@pytest.mark.parametrize("cipher", Cipher)
async def test_each_way_to_encrypt(tmp_path, agreed, cipher):
    name = cipher.name.replace("_", "-")
    with smb_server_with(f"server smb3 encryption algorithms = {name}") as server:
        await every(server, tmp_path, 0x311, Required=True)
    assert agreed == {cipher}


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("AES-128-GMAC", Signing.AES_GMAC),
        ("AES-128-CMAC", Signing.AES_CMAC),
        ("HMAC-SHA256", Signing.HMAC_SHA256),
    ],
)
async def test_each_way_to_sign(tmp_path, agreed, name, algorithm):
    with smb_server_with(f"server smb3 signing algorithms = {name}") as server:
        await every(server, tmp_path, 0x311, Off=False)
    assert agreed == {algorithm}


def test_a_defect_of_ours_is_not_called_the_servers(smb_server, secret, monkeypatch):
    def defect(*_, **__):
        raise KeyError("defect")

    monkeypatch.setattr(takeover, "Limits", defect)
    with pytest.raises(KeyError, match="defect"):
        connecting.connect(smb_server.side(secret, ""))


@pytest.mark.parametrize("encryption", ["Off", "IfOffered", "Required"])
@pytest.mark.parametrize("version", ["SMB2", "SMB3", "SMB3_1_1"])
@pytest.mark.parametrize("signing", ["Required", "IfRequired"])
def test_nobody_is_logged_on_as_a_guest(guests, tmp_path, version, encryption, signing):
    """Whose messages nobody can prove."""
    login = guests.credentials(tmp_path / "login")
    (login / "username").write_text("somebody-unknown")
    how = {"version": version, "encryption": encryption, "signing": signing}
    error = refused(guests.side(login, "", **how))
    if (version, encryption) == ("SMB2", "Required"):
        assert "cannot encrypt" in error.message
    else:
        assert isinstance(error, errors.CredentialsRefused)
        assert "guest" in error.message


@pytest.fixture(scope="module")
def guests():
    """A server that lets everybody in whom it does not know."""
    with smb_server_with("map to guest = bad user", "guest account = nobody") as server:
        yield server
