"""Tickets for a server, by MIT Kerberos: the only user of libgssapi_krb5.

The library is found at run time; it comes with Debian's Python, and the runner's image has it.  The
Python packages around it have to be compiled on each machine, and this needs six calls of it.
Tickets are kept in memory, and used until they end.  Source: RFC 2744 (the C
bindings), MIT's gssapi_ext.h (credential stores, the session's key).
"""

import ctypes
import hashlib
import os
import threading
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import cache
from typing import Any, Final, NamedTuple

_LIBRARY: Final = "libgssapi_krb5.so.2"
_SPNEGO: Final = bytes.fromhex("2b0601050502")
_KERBEROS: Final = bytes.fromhex("2a864886f712010202")
_HOST_SERVICE: Final = bytes.fromhex("2a864886f71201020104")
_PRINCIPAL: Final = bytes.fromhex("2a864886f71201020201")
_SESSION_KEY: Final = bytes.fromhex("2a864886f7120102020505")
_MUTUAL, _REPLAY, _SEQUENCE, _INTEGRITY = 2, 4, 8, 32
_CONTINUE: Final = 1
_ERRORS: Final = 0xFFFF0000
_INITIATE: Final = 1
_KDC_UNREACHABLE: Final = -1765328228 % 2**32
_GSS_CODE, _MECHANISM_CODE = 1, 2

_turn = threading.Lock()
"""KRB5_CONFIG is the process's: one logon at a time."""


class NoTicket(Exception):
    """The KDC gave no ticket, or there is no library to ask it with; the message says why."""

    def __init__(self, why: str, *, unreachable: bool = False) -> None:
        super().__init__(why)
        self.unreachable = unreachable
        """No KDC has answered."""


class Ticket(NamedTuple):
    """Who logs on where, and by what."""

    principal: str
    keytab: str
    configuration: str
    """The path of krb5.conf."""
    server: str
    """The DNS name that the server's own ticket is for."""

    def cache(self) -> bytes:
        """Where tickets of this principal from this keytab are kept: in memory."""
        of = "\0".join((self.principal, self.keytab, self.configuration))
        return (
            b"MEMORY:" + hashlib.sha256(of.encode("utf-8", "surrogateescape")).hexdigest().encode()
        )


class _Buffer(ctypes.Structure):
    _fields_ = (("length", c_size_t), ("value", c_void_p))


class _Identifier(ctypes.Structure):
    _fields_ = (("length", c_uint32), ("elements", c_void_p))


class _Set(ctypes.Structure):
    _fields_ = (("count", c_size_t), ("elements", c_void_p))


class _Pair(ctypes.Structure):
    _fields_ = (("key", c_char_p), ("value", c_char_p))


class _Store(ctypes.Structure):
    _fields_ = (("count", c_uint32), ("elements", POINTER(_Pair)))


@cache
def _library() -> Any:
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NoTicket(
            f"{_LIBRARY} is not on this machine: install it (Debian: libgssapi-krb5-2)"
        ) from error


class Negotiation:
    """One logon by a ticket, as tokens to and from the server."""

    def __init__(self, ticket: Ticket) -> None:
        """Raises: NoTicket, when the KDC gives none."""
        self._library = _library()
        self._ticket = ticket
        self._context, self._name, self._credentials = c_void_p(), c_void_p(), c_void_p()
        self._spnego, self._kept = _identifier(_SPNEGO)
        self.complete = False
        with _configured(ticket.configuration):
            self._acquire()

    @property
    def session_key(self) -> bytes:
        """The key that both sides know now.  Raises: NoTicket."""
        wanted, _kept = _identifier(_SESSION_KEY)
        minor, found = c_uint32(), c_void_p()
        major = self._library.gss_inquire_sec_context_by_oid(
            byref(minor), self._context, byref(wanted), byref(found)
        )
        self._check(major, minor, "cannot tell the session's key")
        keys = ctypes.cast(found, POINTER(_Set)).contents
        key = _bytes_of(ctypes.cast(keys.elements, POINTER(_Buffer))[0])
        self._library.gss_release_buffer_set(byref(minor), byref(found))
        return key

    def step(self, token: bytes | None) -> bytes | None:
        """The next token for the server, from its last one.  Raises: NoTicket."""
        said, answer, minor = _buffer(token or b""), _Buffer(), c_uint32()
        with _configured(self._ticket.configuration):
            major = self._library.gss_init_sec_context(
                byref(minor), self._credentials, byref(self._context), self._name,
                byref(self._spnego), _MUTUAL | _REPLAY | _SEQUENCE | _INTEGRITY, 0, None,
                byref(said), None, byref(answer), None, None,
            )  # fmt: skip
        self._check(major, minor, f"no ticket for {self._ticket.server}")
        self.complete = not major & _CONTINUE
        found = _bytes_of(answer)
        self._library.gss_release_buffer(byref(minor), byref(answer))
        return found or None

    def close(self) -> None:
        """Forget the ticket."""
        minor = c_uint32()
        self._library.gss_delete_sec_context(byref(minor), byref(self._context), None)
        self._library.gss_release_cred(byref(minor), byref(self._credentials))
        self._library.gss_release_name(byref(minor), byref(self._name))

    def _acquire(self) -> None:
        self._name = self._import(f"cifs@{self._ticket.server}", _HOST_SERVICE)
        principal = self._import(self._ticket.principal, _PRINCIPAL)
        try:
            # What negotiates does not tell why there is no ticket: Kerberos itself is asked first.
            self._credentials = self._credentials_of(principal, _KERBEROS)
            self._library.gss_release_cred(byref(c_uint32()), byref(self._credentials))
            self._credentials = self._credentials_of(principal, _SPNEGO)
        finally:
            self._library.gss_release_name(byref(c_uint32()), byref(principal))

    def _credentials_of(self, principal: c_void_p, mechanism: bytes) -> c_void_p:
        pairs = (_Pair * 2)(
            _Pair(b"client_keytab", os.fsencode(f"FILE:{self._ticket.keytab}")),
            _Pair(b"ccache", self._ticket.cache()),
        )
        store = _Store(2, pairs)
        identifier, _kept = _identifier(mechanism)
        mechanisms = _Set(1, ctypes.cast(ctypes.pointer(identifier), c_void_p))
        minor, found = c_uint32(), c_void_p()
        major = self._library.gss_acquire_cred_from(
            byref(minor), principal, 0, byref(mechanisms), _INITIATE, byref(store),
            byref(found), None, None,
        )  # fmt: skip
        self._check(major, minor, f"no ticket for {self._ticket.principal}")
        return found

    def _import(self, text: str, kind: bytes) -> c_void_p:
        (identifier, _kept), name, minor = _identifier(kind), c_void_p(), c_uint32()
        said = _buffer(text.encode())
        major = self._library.gss_import_name(
            byref(minor), byref(said), byref(identifier), byref(name)
        )
        self._check(major, minor, f"{text} is no name")
        return name

    def _check(self, major: int, minor: c_uint32, what: str) -> None:
        if not major & _ERRORS:
            return
        words = [self._words(major, _GSS_CODE), self._words(minor.value, _MECHANISM_CODE)]
        why = ": ".join([what, *(word for word in words if word)])
        raise NoTicket(why, unreachable=minor.value == _KDC_UNREACHABLE)

    def _words(self, code: int, kind: int) -> str:
        more, said, minor = c_uint32(), _Buffer(), c_uint32()
        self._library.gss_display_status(
            byref(minor), c_uint32(code & 0xFFFFFFFF), c_int(kind), None, byref(more), byref(said)
        )
        text = _bytes_of(said).decode("utf-8", "replace")
        self._library.gss_release_buffer(byref(minor), byref(said))
        return text


class _configured:
    """KRB5_CONFIG, for as long as the library is asked."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        _turn.acquire()
        self._before = os.environ.get("KRB5_CONFIG")
        os.environ["KRB5_CONFIG"] = self._path

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            del os.environ["KRB5_CONFIG"]
        else:
            os.environ["KRB5_CONFIG"] = self._before
        _turn.release()


def _identifier(content: bytes) -> tuple[_Identifier, Any]:
    """An object identifier, and the memory that it needs to be kept."""
    memory = ctypes.create_string_buffer(content, len(content))
    return _Identifier(len(content), ctypes.cast(memory, c_void_p)), memory


def _buffer(content: bytes) -> _Buffer:
    memory = ctypes.create_string_buffer(content, max(1, len(content)))
    one = _Buffer(len(content), ctypes.cast(memory, c_void_p))
    one.memory = memory  # kept for as long as the buffer
    return one


def _bytes_of(buffer: _Buffer) -> bytes:
    return ctypes.string_at(buffer.value, buffer.length) if buffer.length else b""
