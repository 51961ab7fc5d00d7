"""From the library's logon to a channel of ours: the socket, the keys, and what was agreed to."""

import socket
from collections.abc import Mapping
from typing import Any, Final

from datasync_api.sides import SmbSide
from datasync_runner.storage.smb.channel import Books, Channel
from datasync_runner.storage.smb.seals import (
    Cipher,
    Envelopes,
    Seal,
    Signatures,
    Signing,
    Unsigned,
)
from datasync_runner.storage.smb.wire import Limits, Wire

ANSWER_SECONDS: Final = 120
"""How long a server may think about one request before the connection counts as lost."""
_SMB_3_0, _SMB_3_1_1 = 0x300, 0x311


Released = tuple[socket.socket, Mapping[str, int]]
"""A socket, and the numbers of messages that may be used next: from `low` to before `high`."""


def take_over(
    side: SmbSide, released: Released, connection: Any, session: Any, tree: Any, *, signs: bool
) -> Wire:
    """What goes on where the library's connection, session and tree stop.  Hangs up if it fails.

    `signs`: what is not encrypted, because we insist, or the server does.
    """
    plain, window = released
    try:
        encrypted = bool(session.encrypt_data or tree.encrypt_data)
        seal = _seal(connection, session, encrypted=encrypted, signs=signs)
        books = Books(
            session.session_id,
            tree.tree_connect_id,
            window["low"],
            window["high"] - window["low"],
            bool(connection.supports_multi_credit),
        )
        limits = Limits(
            connection.dialect,
            encrypted,
            signs and not encrypted,
            connection.max_read_size,
            connection.max_write_size,
            connection.max_transact_size,
        )
        return Wire(side, Channel(plain, seal, books, deadline_seconds=ANSWER_SECONDS), limits)
    except BaseException:
        plain.close()
        raise


def _seal(connection: Any, session: Any, *, encrypted: bool, signs: bool) -> Seal:
    """What was agreed to: before 3.1.1 the dialect says it (MS-SMB2 3.1.4.1, 3.1.4.3)."""
    newest = connection.dialect >= _SMB_3_1_1
    if encrypted:
        keys = session.encryption_key, session.decryption_key
        cipher = Cipher(connection.cipher_id) if newest else Cipher.AES_128_CCM
        return Envelopes(keys, cipher, session.session_id)
    signing = Signing.AES_CMAC if connection.dialect >= _SMB_3_0 else Signing.HMAC_SHA256
    if newest and connection.signing_algorithm_id is not None:
        signing = Signing(connection.signing_algorithm_id)
    return (Signatures if signs else Unsigned)(session.signing_key, signing)
