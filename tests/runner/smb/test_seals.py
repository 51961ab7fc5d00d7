"""Signatures against published values, and everything that was changed on its way is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasync_runner.storage.smb.seals import (
    SIGNED,
    SPARE_BYTES,
    Cipher,
    Envelopes,
    Signatures,
    Signing,
    Tampered,
    Unsigned,
)

KEY, OTHER = bytes(range(16)), bytes(range(16, 32))
HEADER = bytearray(b"\xfeSMB" + bytes(12) + bytes((SIGNED,)) + bytes(47))


def received(pieces):
    """A frame as the channel has it: with room after it."""
    return memoryview(bytearray(b"".join(pieces) + bytes(SPARE_BYTES)))


def test_cmac_is_that_of_rfc_4493():
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    signed = Signatures(key, Signing.AES_CMAC)
    message = bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert signed._sign(message, b"").hex() == "070a16b46b4d4144f79bdd9dd04a287c"


def test_hmac_is_the_first_half_of_that_of_rfc_4231():
    signed = Signatures(b"\x0b" * 20, Signing.HMAC_SHA256)
    assert signed._sign(b"Hi There", b"").hex() == "b0344c61d8db38535ca8afceaf0bf12b"


@pytest.mark.parametrize("kind", Signing)
@given(body=st.binary(max_size=200), at=st.integers(0, 300), number=st.integers(0, 2**63))
def test_a_signed_answer_that_was_changed_is_found(kind, body, at, number):
    seal = Signatures(KEY, kind)
    answer = HEADER + body
    nonce = number.to_bytes(8, "little") + b"\1\0\0\0"
    answer[48:64] = seal._sign(bytes(answer), nonce)
    seal.prove(memoryview(bytearray(answer)), number)
    answer[at % len(answer)] ^= 1
    with pytest.raises(Tampered):
        seal.prove(memoryview(answer), number)


@pytest.mark.parametrize("kind", Signing)
def test_where_signatures_are_waived_those_that_come_are_proven_all_the_same(kind):
    seal, answer = Unsigned(KEY, kind), bytearray(HEADER + b"body")
    answer[48:64] = Signatures(KEY, kind)._sign(bytes(answer), bytes(8) + b"\1\0\0\0")
    seal.prove(memoryview(bytearray(answer)), 0)
    answer[-1] ^= 1
    with pytest.raises(Tampered, match="no valid signature"):
        seal.prove(memoryview(bytearray(answer)), 0)
    answer[16] = 0
    seal.prove(memoryview(answer), 0)
    with pytest.raises(Tampered, match="not signed"):
        Signatures(KEY, kind).prove(memoryview(answer), 0)


@pytest.mark.parametrize("kind", Signing)
@given(message=st.binary(min_size=1, max_size=100), data=st.binary(max_size=100))
def test_data_that_are_received_by_themselves_are_signed_as_the_end_of_the_message(
    kind, message, data
):
    seal = Signatures(KEY, kind)
    assert seal._sign(message, bytes(12), data) == seal._sign(message + data, bytes(12))


def test_a_request_that_comes_back_is_no_answer():
    seal = Signatures(KEY, Signing.AES_GMAC)
    (request,) = seal.close([bytearray(HEADER)], [7])
    with pytest.raises(Tampered):
        seal.prove(memoryview(bytearray(request)), 7)


@pytest.mark.parametrize("kind", Cipher)
@given(bodies=st.lists(st.binary(max_size=200), min_size=1, max_size=3), at=st.integers(0, 900))
def test_what_is_encrypted_is_read_with_the_other_key_and_not_when_it_was_changed(kind, bodies, at):
    keys = (KEY, OTHER) if kind.value < 3 else (KEY + OTHER, OTHER + KEY)
    here, there = Envelopes(keys, kind, 9), Envelopes(keys[::-1], kind, 9)
    messages = [HEADER + body for body in bodies]
    first = b"".join(here.close(messages, []))
    second = b"".join(here.close(messages, []))
    assert first != second
    assert there.open(received([first])) == b"".join(messages)
    assert all(bytes(message[64:]) not in first for message in messages if len(message) > 80)
    changed = bytearray(first)
    changed[at % len(first)] ^= 1
    nonce_end = 20 + (11 if kind.value in (1, 3) else 12)
    if not nonce_end <= at % len(first) < 36:
        with pytest.raises(Tampered):
            there.open(received([changed]))


@pytest.mark.parametrize("frame", [b"", b"\xfdSMB", bytes(HEADER)])
def test_what_is_not_encrypted_is_refused(frame):
    seal = Envelopes((KEY, OTHER), Cipher.AES_128_GCM, 9)
    with pytest.raises(Tampered):
        seal.open(received([frame]))
