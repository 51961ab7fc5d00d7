"""What one connection does with a share: looking up, reading and removing, several files at once.

Blocking.  A location's keys become paths below its `Root` here.
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from datasync_runner.checksums import crc64
from datasync_runner.core.entry import Kind
from datasync_runner.storage import errors
from datasync_runner.storage.smb import names, requests, responses, statuses
from datasync_runner.storage.smb.requests import Access, Disposition, Options
from datasync_runner.storage.smb.responses import Answer, Listed, Opened, State
from datasync_runner.storage.smb.security import NOTHING, Parts
from datasync_runner.storage.smb.times import kind_of
from datasync_runner.storage.smb.wire import Wire

LOOK_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class Root:
    """A location's folder in its share."""

    path: str
    """Empty, or ending in a backslash.  Each new connection sets it: a namespace may refer to
    another share, and a later time to yet another one."""
    parts: Parts = NOTHING
    """What is read and set of security descriptors."""

    def at(self, key: bytes) -> str:
        """The path of a key; of the empty key the root's own.  Raises: NameNotRepresentable."""
        return names.path_of(self.path, key) if key else self.path.rstrip("\\")

    def create(
        self,
        key: bytes,
        *,
        access: int,
        options: int,
        disposition: int = Disposition.OPEN,
        context: bytes = b"",
    ) -> requests.Request:
        """Open or make what has a key.  Raises: NameNotRepresentable.

        As the `Parts` have it: a list that is copied may well shut our own user out, and what it
        protects is still to be listed, replaced and removed.
        """
        return requests.create(
            self.at(key),
            access=access,
            options=options | self.parts.options,
            disposition=disposition,
            context=context,
        )


def failure(answers: Sequence[Answer], key: bytes, doing: str) -> errors.StorageError | None:
    """The error of the first request of a chain that failed, or None."""
    for answer in answers:
        if answer.status != statuses.OK:
            return statuses.error_of(answer.status, key, doing)
    return None


def find(wire: Wire, root: Root, folder: bytes, name: str) -> Listed | None:
    """What a folder has under a name, whatever its case; None when there is nothing.

    Where a share tells cases apart and has both, the one that is written alike.
    Raises: StorageError.
    """
    opening, looking, closing = wire.ask(
        root.create(folder, access=Access.READ, options=Options.FOLDER),
        requests.query(name, LOOK_BYTES),
        requests.close(),
    )
    if looking.status in (statuses.NO_SUCH_FILE, statuses.NO_MORE_FILES):
        looking = Answer(statuses.OK, b"")
    if error := failure((opening, looking, closing), folder, "look into the folder"):
        raise error
    found = list(responses.listed(looking.body)) if looking.body else []
    alike = [one for one in found if one.name == name]
    return next(iter([*alike, *found]), None)


def stamp(state: State) -> tuple[int, int, int]:
    """What changes when a file does."""
    return state.size_bytes, state.written, state.changed


def open_file(wire: Wire, root: Root, key: bytes, *, access: int = Access.READ) -> Opened:
    """An open file.  Raises: StorageError."""
    (answer,) = wire.ask(root.create(key, access=access, options=Options.FILE))
    if answer.status != statuses.OK:
        raise statuses.error_of(answer.status, key, "open it")
    return responses.opened(answer.body)


def state_of(wire: Wire, root: Root, key: bytes) -> State:
    """A file's state now, by its name.  Raises: StorageError."""
    answers = wire.ask(root.create(key, access=Access.READ, options=Options.FILE), requests.close())
    if error := failure(answers, key, "look at it"):
        raise error
    return responses.closed(answers[-1].body)


def pieces(wire: Wire, file: bytes, *, start: int, size_bytes: int, key: bytes) -> Generator[bytes]:
    """A range of an open file, in pieces that follow each other; it ends where the file does.

    Raises: StorageError.
    """
    chains = ([requests.read(at, count, file)] for at, count in wire.reads(start, size_bytes))
    for (answer,) in wire.exchange(chains):
        if answer.status == statuses.END_OF_FILE:
            return
        if answer.status != statuses.OK:
            raise statuses.error_of(answer.status, key, "read it")
        yield responses.data_of(answer)


def checksum_of(wire: Wire, file: bytes, size_bytes: int, key: bytes) -> tuple[int, int]:
    """The checksum of an open file and how much of it there is, up to one byte more than said.

    Raises: StorageError.
    """
    checksum = found_bytes = 0
    for piece in pieces(wire, file, start=0, size_bytes=size_bytes + 1, key=key):
        checksum, found_bytes = crc64(piece, checksum), found_bytes + len(piece)
    return checksum, found_bytes


def write_at(wire: Wire, file: bytes, data: Iterator[bytes], *, start: int, key: bytes) -> None:
    """Write pieces one after the other, none of them above `chunk_bytes`.  Raises: StorageError."""
    asked: deque[int] = deque()

    def chains() -> Iterator[list[requests.Request]]:
        at = start
        for piece in data:
            asked.append(len(piece))
            yield [requests.write(piece, at, file)]
            at += len(piece)

    for (answer,) in wire.exchange(chains()):
        check_written(answer, asked.popleft(), key)


def check_written(answer: Answer, size_bytes: int, key: bytes) -> None:
    """Raises StorageError where less was written than was sent."""
    if answer.status != statuses.OK:
        raise statuses.error_of(answer.status, key, "write it")
    if responses.count_of(answer.body) != size_bytes:
        raise errors.Full("the server took a part of it alone", key)


def remove_files(
    wire: Wire, root: Root, keys: Sequence[bytes]
) -> list[bytes | errors.StorageError]:
    """Remove files; what is gone already is fine, and what is read-only goes as well."""
    return list(_removed(wire, root, keys, Options.FILE))


def remove_folder(wire: Wire, root: Root, key: bytes) -> bytes | errors.StorageError:
    """Remove a folder that is empty; one that is gone already is fine."""
    return next(_removed(wire, root, [key], Options.FOLDER))


def _removed(
    wire: Wire, root: Root, keys: Sequence[bytes], kind: int
) -> Iterator[bytes | errors.StorageError]:
    chains = [
        [
            root.create(key, access=Access.DELETE, options=kind | Options.ITSELF),
            requests.delete(),
            requests.close(),
        ]
        for key in keys
    ]
    for key, answers in zip(keys, list(wire.exchange(chains)), strict=True):
        status = next((a.status for a in answers if a.status != statuses.OK), statuses.OK)
        if status == statuses.CANNOT_DELETE:
            answers = _remove_read_only(wire, root, key, kind)
            status = next((a.status for a in answers if a.status != statuses.OK), statuses.OK)
        if status == statuses.OK or status in statuses.NOT_THERE:
            yield key
        else:
            yield statuses.error_of(status, key, "delete it")


def _remove_read_only(wire: Wire, root: Root, key: bytes, kind: int) -> list[Answer]:
    return wire.ask(
        root.create(
            key,
            access=Access.DELETE | Access.SET_TIMES,
            options=kind | Options.ITSELF,
        ),
        requests.set_attributes(0),
        requests.delete(),
        requests.close(),
    )


def is_folder(found: Listed) -> bool:
    """Whether it is a folder that may be entered."""
    return kind_of(found.state.attributes, found.tag) is Kind.FOLDER
