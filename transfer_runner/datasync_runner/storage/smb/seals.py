"""How messages are protected on their way: signed, encrypted, which signs as well, or not at all.

Where they are protected the rule has no exception: an answer without a valid signature or envelope
is refused, save what the protocol itself leaves unsigned (MS-SMB2 3.2.5.1.3).
Source: MS-SMB2 3.1.4.1, 3.1.4.3, 2.2.41.
"""

import hashlib
import hmac
from collections.abc import Sequence
from enum import Enum
from itertools import count
from struct import Struct
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as Ciphers
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.cmac import CMAC

Buffer = bytes | bytearray | memoryview

SIGNED: Final = 0x08
_ASKED, _ANSWERED = bytes(4), b"\1" + bytes(3)
"""The end of a nonce (MS-SMB2 3.1.4.1): who signed."""
SPARE_BYTES: Final = 16
"""Of the memory after a frame that was received: what opens it may write there."""
_SIGNATURE: Final = slice(48, 64)
_FLAGS_AT: Final = 16
_NOTHING: Final = bytes(16)
_ENVELOPE: Final = Struct("<4s16s16sIHHQ")
_MAGIC: Final = b"\xfdSMB"


class Tampered(Exception):
    """A message is not from the server that we logged on to, or was changed on its way."""


class Signing(Enum):
    """Ways to sign (MS-SMB2 2.2.3.1.7)."""

    HMAC_SHA256 = 0
    AES_CMAC = 1
    AES_GMAC = 2


class Cipher(Enum):
    """Ways to encrypt (MS-SMB2 2.2.3.1.2)."""

    AES_128_CCM = 1
    AES_128_GCM = 2
    AES_256_CCM = 3
    AES_256_GCM = 4


class Seal(Protocol):
    """Protects what is sent, and proves what is received."""

    flags: int
    """What each request's header says about it."""
    encrypts: bool
    """What arrives is not what was sent, until it is opened."""

    def close(self, messages: Sequence[bytearray], ids: Sequence[int]) -> Sequence[Buffer]:
        """What goes on the wire for messages that go together, in pieces."""
        ...

    def open(self, frame: memoryview) -> memoryview:
        """The messages of a frame, which has SPARE_BYTES after it.  Raises: Tampered."""
        ...

    def prove(self, message: memoryview, message_id: int, data: bytes = b"") -> None:
        """Raises Tampered where one of the messages, with `data` behind it, is not the server's."""
        ...


class Sign(Protocol):
    """The signature of a message, with `data` behind it, by its nonce."""

    def __call__(self, message: Buffer, nonce: bytes, data: bytes = b"") -> bytes:
        """16 bytes."""
        ...


class Signatures:
    """Each message carries a signature of its own."""

    flags = SIGNED
    encrypts = False

    def __init__(self, key: bytes, kind: Signing) -> None:
        self._sign = _SIGNS[kind](key)

    def close(self, messages: Sequence[bytearray], ids: Sequence[int]) -> Sequence[Buffer]:
        """Sign them in place."""
        for message, message_id in zip(messages, ids, strict=True):
            message[_SIGNATURE] = self._sign(
                memoryview(message), message_id.to_bytes(8, "little") + _ASKED
            )
        return list(messages)

    def open(self, frame: memoryview) -> memoryview:
        """As it is."""
        return frame[:-SPARE_BYTES]

    def prove(self, message: memoryview, message_id: int, data: bytes = b"") -> None:
        """Compare the signature."""
        if not message[_FLAGS_AT] & SIGNED:
            raise Tampered("an answer is not signed")
        found = bytes(message[_SIGNATURE])
        message[_SIGNATURE] = _NOTHING
        nonce = message_id.to_bytes(8, "little") + _ANSWERED
        if not hmac.compare_digest(found, self._sign(message, nonce, data)):
            raise Tampered("an answer has no valid signature")


class Unsigned:
    """Messages go as they are; what the server signs all the same is proven (MS-SMB2 3.2.5.1.3)."""

    flags = 0
    encrypts = False

    def __init__(self, key: bytes, kind: Signing) -> None:
        """The key of the log-on, which was signed."""
        self._signatures = Signatures(key, kind)

    def close(self, messages: Sequence[bytearray], ids: Sequence[int]) -> Sequence[Buffer]:
        """As they are."""
        del ids
        return list(messages)

    def open(self, frame: memoryview) -> memoryview:
        """As it is."""
        return self._signatures.open(frame)

    def prove(self, message: memoryview, message_id: int, data: bytes = b"") -> None:
        """Compare the signature, where there is one."""
        if message[_FLAGS_AT] & SIGNED:
            self._signatures.prove(message, message_id, data)


class Envelopes:
    """Messages that go together are encrypted together.

    A nonce is a number that counts up: no key ever sees one twice (MS-SMB2 3.1.4.3).
    """

    flags = 0
    encrypts = True

    def __init__(self, keys: tuple[bytes, bytes], kind: Cipher, session_id: int) -> None:
        """The keys are for what is sent and for what is received."""
        galois = kind in (Cipher.AES_128_GCM, Cipher.AES_256_GCM)
        family, self._nonce_bytes = (AESGCM, 12) if galois else (AESCCM, 11)
        self._sending, self._receiving = (family(key) for key in keys)
        self._session_id = session_id
        self._numbers = count(1)

    def close(self, messages: Sequence[bytearray], ids: Sequence[int]) -> Sequence[Buffer]:
        """Encrypt them together."""
        del ids
        plain = messages[0] if len(messages) == 1 else b"".join(messages)
        nonce = next(self._numbers).to_bytes(self._nonce_bytes, "big")
        head = bytearray(
            _ENVELOPE.pack(_MAGIC, _NOTHING, nonce, len(plain), 0, 1, self._session_id)
        )
        sealed = memoryview(self._sending.encrypt(nonce, plain, memoryview(head)[20:]))
        head[4:20] = sealed[-16:]
        return [head, sealed[:-16]]

    def open(self, frame: memoryview) -> memoryview:
        """Decrypt them, in memory of their own."""
        if len(frame) <= _ENVELOPE.size + SPARE_BYTES or bytes(frame[:4]) != _MAGIC:
            raise Tampered("an answer is not encrypted")
        frame[-SPARE_BYTES:] = frame[4:20]  # the proof follows the bytes, as the cipher wants it
        sealed = frame[_ENVELOPE.size :]
        nonce, known = frame[20 : 20 + self._nonce_bytes], frame[20 : _ENVELOPE.size]
        try:
            return memoryview(self._receiving.decrypt(nonce, sealed, known))
        except InvalidTag:
            raise Tampered("an answer was encrypted by somebody else") from None

    def prove(self, message: memoryview, message_id: int, data: bytes = b"") -> None:
        """The envelope has proven it."""


def _by_gmac(key: bytes) -> Sign:
    encrypt, cipher = AESGCM(key).encrypt, AES(key)

    def sign(message: Buffer, nonce: bytes, data: bytes = b"") -> bytes:
        if not data:
            return encrypt(nonce, b"", message)
        by_steps = Ciphers(cipher, GCM(nonce)).encryptor()
        by_steps.authenticate_additional_data(message)
        by_steps.authenticate_additional_data(data)
        by_steps.finalize()
        return by_steps.tag

    return sign


def _by_cmac(key: bytes) -> Sign:
    fresh: Any = CMAC(AES(key))  # its types know no memoryview

    def sign(message: Buffer, nonce: bytes, data: bytes = b"") -> bytes:
        del nonce
        one = fresh.copy()
        one.update(message)
        one.update(data)
        return one.finalize()

    return sign


def _by_hmac(key: bytes) -> Sign:
    fresh = hmac.new(key, digestmod=hashlib.sha256)

    def sign(message: Buffer, nonce: bytes, data: bytes = b"") -> bytes:
        del nonce
        one = fresh.copy()
        one.update(message)
        one.update(data)
        return one.digest()[:16]

    return sign


_SIGNS: Final = {
    Signing.AES_GMAC: _by_gmac,
    Signing.AES_CMAC: _by_cmac,
    Signing.HMAC_SHA256: _by_hmac,
}
