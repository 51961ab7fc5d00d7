"""The body of a part as the pieces that it came in: nobody has to make one of them.

A part that is joined leaves the core's cache, is written to memory once more, and is read from
there for its checksum and again by libcurl.  Pieces are hashed as they come, and joined by what
libcurl takes at once.
"""

import hashlib
from collections.abc import Sequence

from datasync_runner.checksums import crc64


class Pieces:
    """A Sink for a part; it stays as it is from when it is sent."""

    def __init__(self, pieces: Sequence[bytes] = ()) -> None:
        self._pieces: list[bytes] = []
        self.taken_bytes = self.checksum = 0
        """`checksum`: the CRC64NVME of all."""
        self.take(pieces)

    def begin(self) -> None:
        """From the beginning."""
        self._pieces.clear()
        self.taken_bytes = self.checksum = 0

    def take(self, pieces: Sequence[bytes]) -> None:
        """The next ones."""
        for piece in pieces:
            self.checksum = crc64(piece, self.checksum)
            self.taken_bytes += len(piece)
        self._pieces += filter(None, pieces)  # an empty one would be the end to who reads

    def __len__(self) -> int:
        return self.taken_bytes

    def simplest(self) -> "bytes | Pieces":
        """The only piece itself, or nothing: for that libcurl needs no callback."""
        return self if len(self._pieces) > 1 else self.whole()

    def whole(self) -> bytes:
        """All in one, for whoever has to have it so."""
        return b"".join(self._pieces)

    def reading(self) -> "Reading":
        """For a request; the pieces are the same."""
        return Reading(self._pieces)

    def sha256(self) -> str:
        """As hexadecimal digits."""
        digest = hashlib.sha256()
        for piece in self._pieces:
            digest.update(piece)
        return digest.hexdigest()


class Reading:
    """How far a request has read pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._next = self._at = 0

    def rewind(self) -> None:
        """To the beginning."""
        self._next = self._at = 0

    def read(self, most_bytes: int) -> bytes:
        """The next bytes: as many whole pieces as go, or else some of one; empty at the end."""
        pieces, first, size_bytes = self._pieces, self._next, 0
        if not self._at:
            while self._next < len(pieces):
                size_bytes += len(pieces[self._next])
                if size_bytes > most_bytes:
                    break
                self._next += 1
            if self._next > first or first == len(pieces):
                return b"".join(pieces[first : self._next])
        piece, at = pieces[first], self._at
        self._at = at + most_bytes
        if self._at >= len(piece):
            self._next, self._at = first + 1, 0
        return piece[at : at + most_bytes]

    def exactly(self, size_bytes: int) -> bytes:
        """The next bytes, as many of them, if there are; for whoever pays for them before."""
        chunks: list[bytes] = []
        while size_bytes and (chunk := self.read(size_bytes)):
            chunks.append(chunk)
            size_bytes -= len(chunk)
        return b"".join(chunks)


def sha256_of(body: bytes | Pieces) -> str:
    """The SHA-256 of a body, as hexadecimal digits."""
    return body.sha256() if isinstance(body, Pieces) else hashlib.sha256(body).hexdigest()
