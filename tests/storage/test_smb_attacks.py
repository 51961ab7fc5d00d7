"""What somebody between us and a real Samba can do: stop us, and nothing else."""

import pytest

from datasync_runner.core.parts import MIB
from datasync_runner.storage import errors
from datasync_runner.storage.smb import connecting, guarded, logon
from datasync_runner.storage.smb.requests import WRITE
from datasync_runner.storage.smb.storage import SmbStorage
from fakes.relay import relay_to
from storage.sides import BytesReader, file

pytestmark = pytest.mark.timeout(60)
NEGOTIATE, SESSION_SETUP, TREE_CONNECT, IOCTL = 0, 1, 3, 11
SIGNED, ASYNC, ANSWER = 0x8, 0x2, 0x1
CAN_ENCRYPT = 0x40
NO_SUCH_SHARE = 0xC00000CC
PENDING = 0x103


@pytest.fixture
def secret(smb_server, tmp_path):
    return smb_server.credentials(tmp_path / "login")


@pytest.fixture
def side(smb_server, smb_folder, secret):
    return lambda **more: smb_server.side(secret, f"{smb_folder.name}/", **more)


def command(frame):
    """Of a frame that is not encrypted; None of one that is."""
    return int.from_bytes(frame[12:14], "little") if frame[:4] == b"\xfeSMB" else None


def edited(frame, at, number, size_bytes=4):
    return frame[:at] + number.to_bytes(size_bytes, "little") + frame[at + size_bytes :]


def field(frame, at, size_bytes=4):
    return int.from_bytes(frame[at : at + size_bytes], "little")


def as_of_the_logon(frame, session_id):
    """The library asks for no proof of the logon's own answers."""
    return edited(edited(frame, 12, SESSION_SETUP, 2), 40, session_id, 8)


def signed_by_nobody(frame):
    return edited(frame, 16, field(frame, 16) | SIGNED)[:48] + bytes(range(16)) + frame[64:]


def without_encryption(frame, *, signature=bytes(16)):
    """As if the server could not encrypt, also where it is asked once more (MS-SMB2 3.2.5.5)."""
    if command(frame) == NEGOTIATE:
        return edited(frame, 88, field(frame, 88) & ~CAN_ENCRYPT)
    if command(frame) == IOCTL:
        at = field(frame, 96)
        frame = edited(frame, at, field(frame, at) & ~CAN_ENCRYPT)
        frame = edited(frame, 16, field(frame, 16) & ~SIGNED)
        return frame[:48] + signature + frame[64:]
    return frame


@pytest.mark.parametrize("signature", [bytes(16), bytes(range(16))], ids=["none", "made up"])
def test_nobody_takes_encryption_away(smb_server, side, signature):
    """Before 3.1.1 a signed question after the logon proves what was negotiated before it."""
    offered = side(version="SMB3", encryption="IfOffered")
    wire = connecting.connect(offered)
    assert wire.encrypted
    wire.close()

    def answered(frame):
        return without_encryption(frame, signature=signature)

    with relay_to(smb_server.port, answered=answered) as relay:
        there = offered.model_copy(update={"port": relay.port})
        with pytest.raises(errors.StorageError, match="not signed"):
            connecting.connect(there)


DISGUISES = {
    "of nobody's logon": lambda frame: as_of_the_logon(frame, 0),
    "of our logon": lambda frame: signed_by_nobody(as_of_the_logon(frame, field(frame, 40, 8))),
}


@pytest.mark.parametrize("disguised", DISGUISES.values(), ids=DISGUISES)
def test_nobody_takes_encryption_away_by_an_answer_to_the_logon(smb_server, side, disguised):
    offered = side(version="SMB3", encryption="IfOffered")

    def answered(frame):
        asked_again = command(frame) == IOCTL
        frame = without_encryption(frame)
        return disguised(frame) if asked_again else frame

    with relay_to(smb_server.port, answered=answered) as relay:
        there = offered.model_copy(update={"port": relay.port})
        with pytest.raises(errors.Unavailable, match="something else"):
            connecting.connect(there)


@pytest.mark.parametrize("encryption", ["Off", "IfOffered"])
def test_nobody_bends_what_is_negotiated_with_the_newest_version(smb_server, side, encryption):
    """The keys of 3.1.1 hang on each bit of it."""

    def answered(frame):
        return edited(frame, 92, 64 * 1024) if command(frame) == NEGOTIATE else frame

    with relay_to(smb_server.port, answered=answered) as relay:
        there = side(encryption=encryption).model_copy(update={"port": relay.port})
        with pytest.raises(errors.StorageError):
            connecting.connect(there)


@pytest.mark.parametrize(
    ("disguised", "words"),
    [(lambda frame: frame, "not encrypted")]
    + [(disguised, "something else") for disguised in DISGUISES.values()],
    ids=["as it is", *DISGUISES],
)
def test_an_answer_in_clear_to_somebody_who_encrypts_is_none(smb_server, side, disguised, words):
    """This one says that there is no such share, which would end a run for good."""
    clear = []

    def answered(frame):
        if command(frame) is not None:
            clear.append(frame)
            return frame
        head = edited(clear[-1][:64], 8, NO_SUCH_SHARE)
        head = edited(edited(head, 12, TREE_CONNECT, 2), 16, ANSWER)
        head = edited(head, 24, field(head, 24, 8) + 1, 8)
        clear.append(head + b"\x09" + bytes(8))
        return disguised(clear[-1])

    with relay_to(smb_server.port, answered=answered) as relay:
        there = side(encryption="Required").model_copy(update={"port": relay.port})
        with pytest.raises(errors.Unavailable, match=words):
            connecting.connect(there)


def cut(frame):
    return frame[:70]


def bent(frame):
    return frame[:-1] + bytes([frame[-1] ^ 1])


def strange(frame):
    return b"HTTP/1.1 400 Bad Request" + frame


def to_another(frame):
    return edited(frame, 24, 99, 8)


@pytest.mark.parametrize(
    ("version", "signing", "let_in"),
    [
        ("SMB2", "IfRequired", True),
        ("SMB3", "IfRequired", True),
        ("SMB3_1_1", "IfRequired", False),
        ("SMB2", "Required", False),
        ("SMB3", "Required", False),
    ],
)
def test_a_server_may_leave_the_end_of_the_logon_unsigned(
    smb_server, side, version, signing, let_in
):
    """To who waives signatures, before 3.1.1 (MS-SMB2 3.3.4.1.1); the next answer proves it."""
    how = {"version": version, "signing": signing, "encryption": "Off"}

    def unsigned(frame):
        if (command(frame), field(frame, 8)) != (SESSION_SETUP, 0):
            return frame
        return edited(edited(frame, 16, field(frame, 16) & ~SIGNED), 48, 0, 16)

    with relay_to(smb_server.port, answered=unsigned) as relay:
        there = side(**how).model_copy(update={"port": relay.port})
        if let_in:
            wire = connecting.connect(there)
            assert not wire.signed
            wire.close()
        else:
            with pytest.raises(errors.StorageError, match="not signed"):
                connecting.connect(there)

    def neither(frame):
        return bent(frame) if command(frame) == TREE_CONNECT else unsigned(frame)

    with relay_to(smb_server.port, answered=neither) as relay:
        there = side(**how).model_copy(update={"port": relay.port})
        with pytest.raises(errors.StorageError, match=r"signature|not signed"):
            connecting.connect(there)


def test_a_referral_is_proven_to_who_waives_signatures(smb_server, side):
    """It says whom we show our credentials."""

    def answered(frame):
        return bent(frame) if command(frame) == IOCTL else frame

    in_namespace = side(share="dfs", signing="IfRequired", encryption="Off")
    wire = connecting.connect(in_namespace)
    assert wire.signed
    wire.close()
    with relay_to(smb_server.port, answered=answered) as relay:
        there = in_namespace.model_copy(update={"port": relay.port})
        with pytest.raises(errors.Unavailable, match="signature"):
            connecting.connect(there)


CHANGES = [
    (encryption, change, nth)
    for encryption in ("Off", "Required")
    for change in (cut, bent, strange, to_another)
    for nth in range(4)
    # Who encrypts has no use for the end of the logon: the next answer proves the keys.
    if (encryption, change, nth) != ("Required", bent, 2)
]


@pytest.mark.parametrize(("encryption", "change", "nth"), CHANGES)
def test_answers_that_make_no_sense_end_the_connection_alone(
    smb_server, side, encryption, change, nth
):
    """To negotiation, to both steps of the logon, and to what asks for the share."""
    seen = []

    def answered(frame):
        seen.append(frame)
        return change(frame) if len(seen) == nth + 1 else frame

    with relay_to(smb_server.port, answered=answered) as relay:
        there = side(encryption=encryption).model_copy(update={"port": relay.port})
        with pytest.raises(errors.StorageError):
            connecting.connect(there)


@pytest.mark.parametrize("version", ["SMB2", "SMB3"])
async def test_a_request_that_comes_back_is_no_answer(smb_server, side, version):
    """It has our own valid signature, and where the status is it says that all went well."""
    lost = []

    def asked(frame):
        if command(frame) == WRITE and not lost:
            lost.append(frame)
            return None
        return frame

    body = bytes(range(256)) * (9 * MIB // 256)
    with relay_to(smb_server.port, asked=asked) as relay:
        there = side(version=version, encryption="Off").model_copy(update={"port": relay.port})
        storage = SmbStorage(there, writes=True, started_ns=0)
        content = file(b"large", body)
        with pytest.raises(errors.Unavailable, match="request"):
            await storage.write(content.entry, BytesReader(content.entry, body))
        await storage.close()
    assert lost


@pytest.mark.parametrize("silent_at", [NEGOTIATE, SESSION_SETUP, TREE_CONNECT])
def test_a_server_that_falls_silent_is_not_waited_for_without_end(
    smb_server, side, monkeypatch, silent_at
):
    if silent_at == NEGOTIATE:
        monkeypatch.setattr(logon, "CONNECT_SECONDS", 1)
    else:
        monkeypatch.setattr(guarded, "ANSWER_SECONDS", 1)

    def asked(frame):
        return b"" if command(frame) == silent_at else frame

    with relay_to(smb_server.port, asked=asked) as relay:
        there = side(encryption="Off").model_copy(update={"port": relay.port})
        with pytest.raises(errors.Unavailable, match="does not answer"):
            connecting.connect(there)


@pytest.mark.parametrize("silent_at", [SESSION_SETUP, TREE_CONNECT])
def test_nor_is_one_that_promises_to_answer(smb_server, side, monkeypatch, silent_at):
    monkeypatch.setattr(guarded, "ANSWER_SECONDS", 1)  # the library's own: none

    def answered(frame):
        if command(frame) != silent_at:
            return frame
        return edited(edited(frame, 8, PENDING), 16, field(frame, 16) | ASYNC)

    with relay_to(smb_server.port, answered=answered) as relay:
        there = side(encryption="Off").model_copy(update={"port": relay.port})
        with pytest.raises(errors.Unavailable, match="does not answer"):
            connecting.connect(there)


def test_a_version_that_nobody_asked_for_is_refused(smb_server, side):
    def answered(frame):
        return edited(frame, 68, 0x300, 2) if command(frame) == NEGOTIATE else frame

    with relay_to(smb_server.port, answered=answered) as relay:
        there = side(version="SMB3").model_copy(update={"port": relay.port})
        with pytest.raises(errors.ConfigurationInvalid, match="version SMB3"):
            connecting.connect(there)
