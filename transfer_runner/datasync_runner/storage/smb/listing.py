"""Folders read with all metadata, several in one go, their entries in the order of their keys.

The server tells names in an order of its own; siblings are sorted as `name` (files) and `name/`
(folders), in memory or, when they are many, on disk.  A server may show a link as the folder that
it leads to; one that is also above it, by the server's own numbers, is told as SPECIAL and not
entered.

Memory: FOLDER_NAMES entries of a folder (about 500 bytes each), and SORT_BYTES when there are more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from struct import Struct
from typing import Final, NamedTuple

from datasync_api.patterns import Filter
from datasync_api.simple_pattern import SNAPSHOT
from datasync_runner.core.entry import UNSTAMPED, Entry, Kind
from datasync_runner.storage import errors
from datasync_runner.storage.smb import requests, responses, statuses
from datasync_runner.storage.smb.requests import Access, Options
from datasync_runner.storage.smb.responses import Answer, Listed, State
from datasync_runner.storage.smb.share import Root
from datasync_runner.storage.smb.times import entry_of, kind_of, stamp_of, to_ns
from datasync_runner.storage.smb.wire import Wire
from datasync_runner.storage.sorting import Sorter
from datasync_runner.storage.temporary_names import TEMPORARY

FOLDER_NAMES: Final = 5_000
SORT_BYTES: Final = 4 * 1024 * 1024
CHUNK: Final = 1000
FIRST_BYTES: Final = 64 * 1024
"""Of a first look; what a folder has more is asked for in larger pieces."""

_SNAPSHOT: Final = SNAPSHOT.encode()
_END: Final = frozenset({statuses.NO_MORE_FILES, statuses.NO_SUCH_FILE})
_RECORD: Final = Struct("<BqqqqqI")
_KEY: Final = itemgetter(0)
Leftover = Callable[[bytes, State], None]
"""Is told of each temporary file of ours."""


class Wanted(NamedTuple):
    """A folder to be read."""

    key: bytes
    """Empty for the root, else ending in a slash."""
    above: frozenset[int]
    """The server's numbers of the folders above it."""
    moved_ns: int = 0
    """When it may have been moved here with a folder around it; 0: never."""
    around_ns: int = 0
    """The ChangeTime of the folder that it is in."""


class Folder:
    """A folder that was read; `close` lets go of what is on disk."""

    def __init__(self, wanted: Wanted) -> None:
        self.key = wanted.key
        self.ids = wanted.above
        """The server's numbers of the folders above it, and its own."""
        self._wanted = wanted
        self._changed_ns = UNSTAMPED
        self.hidden: set[bytes] = set()
        """Folders that take no part themselves, but something in them may."""
        self.names = 0
        """How many entries are in memory."""
        self._found: dict[bytes, tuple[Entry, State]] = {}
        self._sorter: Sorter | None = None

    def itself(self, line: Listed) -> None:
        """What the list says of the folder; a server need not say it."""
        if line.file_id:
            self.ids |= {line.file_id}
        changed_ns = to_ns(line.state.changed)
        self._changed_ns = UNSTAMPED if changed_ns is None else changed_ns

    def inside(self, key: bytes) -> Wanted:
        """A folder in it, to be read."""
        return Wanted(key, self.ids, self._moved_ns, self._changed_ns)

    @property
    def _moved_ns(self) -> int:
        """When it may have come here, at the latest: that changes both it and what it is in."""
        return max(self._wanted.moved_ns, min(self._changed_ns, self._wanted.around_ns))

    def add(self, key: bytes, kind: Kind, state: State) -> None:
        """An entry; one that is told twice, because the folder changes meanwhile, counts once."""
        self._found[key] = (self._entry(key, kind, state), state)
        if len(self._found) >= FOLDER_NAMES:
            self._spill()

    def settle(self) -> None:
        """All of it was added."""
        if self._sorter is not None:
            self._spill()
        self.names = len(self._found)

    def chunks(self) -> Iterator[Sequence[Entry]]:
        """The entries, sorted, in pieces of at most CHUNK; once."""
        if self._sorter is None:
            entries = sorted([entry for entry, _ in self._found.values()], key=_KEY)
            self._found = {}
            for start in range(0, len(entries), CHUNK):
                yield entries[start : start + CHUNK]
            return
        entries = self._once(self._sorter.sorted())
        while piece := list(islice(entries, CHUNK)):
            yield piece

    def _spill(self) -> None:
        if self._sorter is None:
            self._sorter = Sorter(SORT_BYTES)
        cut = len(self.key)
        records = [
            entry.key[cut:] + b"\0" + _RECORD.pack(entry.kind, *state)
            for entry, state in self._found.values()
        ]
        self._found = {}
        for start in range(0, len(records), CHUNK):
            self._sorter.push_many(records[start : start + CHUNK])

    def _once(self, records: Iterable[bytes]) -> Iterator[Entry]:
        last = None
        for record in records:
            name = record[: -_RECORD.size - 1]
            if name != last:
                kind, *state = _RECORD.unpack(record[-_RECORD.size :])
                yield self._entry(self.key + name, Kind(kind), State(*state))
            last = name

    def _entry(self, key: bytes, kind: Kind, state: State) -> Entry:
        return entry_of(key, kind, state, changed_ns=stamp_of(state, self._moved_ns))

    def close(self) -> None:
        """Give the disk's space back."""
        if self._sorter is not None:
            self._sorter.close()


def read_folders(
    wire: Wire, root: Root, wanted: Sequence[Wanted], chosen: Filter, leftover: Leftover
) -> list[Folder | errors.StorageError]:
    """Folders, in the order of the question; errors as values.

    Raises: Unavailable, when the connection is lost.
    """
    chains = [
        [
            root.create(one.key, access=Access.READ, options=Options.FOLDER),
            requests.query("*", FIRST_BYTES),
            requests.query("*", FIRST_BYTES),
        ]
        for one in wanted
    ]
    found: list[Folder | errors.StorageError] = []
    files: list[bytes] = []
    try:
        for one, (opening, *looks) in zip(wanted, list(wire.exchange(chains)), strict=True):
            if opening.status != statuses.OK:
                found.append(statuses.error_of(opening.status, one.key, "list it"))
                continue
            file = responses.opened(opening.body).file
            files.append(file)
            found.append(_read(wire, file, one, looks, _Rules(chosen, one.key, leftover)))
        for _ in wire.exchange([requests.close(file)] for file in files):
            pass
    except errors.Unavailable:
        for folder in found:
            if isinstance(folder, Folder):
                folder.close()
        raise
    return found


class _Rules:
    """What takes part in one folder."""

    def __init__(self, chosen: Filter, prefix: bytes, leftover: Leftover) -> None:
        self._chosen, self._prefix, self._leftover = chosen, prefix, leftover
        self._everything = chosen.everything
        self._path = "/" + prefix.decode("utf-8", "surrogateescape")

    def takes(self, folder: Folder, name: bytes, kind: Kind, state: State) -> bool:
        """Whether it is listed; what is ours or hidden is noted."""
        if self._everything and name[:1] != b"." and not name.endswith(_SNAPSHOT):
            return True
        key = self._prefix + name
        if kind is Kind.FILE and TEMPORARY.fullmatch(name):
            self._leftover(key, state)
            return False
        mark = "/" if kind is Kind.FOLDER else ""
        path = self._path + name.decode("utf-8", "surrogateescape") + mark
        if self._chosen.matches(path):
            return True
        if kind is Kind.FOLDER and self._chosen.may_match_below(path):
            folder.hidden.add(key + b"/")
            return True
        return False


def _read(
    wire: Wire, file: bytes, wanted: Wanted, looks: Sequence[Answer], rules: _Rules
) -> Folder | errors.StorageError:
    folder = Folder(wanted)
    try:
        for line in _lines(wire, file, looks, wanted.key):
            if line.name == ".":
                folder.itself(line)
            elif line.name != "..":
                _add(folder, line, rules)
    except errors.FileError as error:
        folder.close()
        return error
    except BaseException:
        folder.close()
        raise
    folder.settle()
    return folder


def _add(folder: Folder, line: Listed, rules: _Rules) -> None:
    kind = kind_of(line.state.attributes, line.tag)
    if kind is Kind.FOLDER and line.file_id in folder.ids:
        kind = Kind.SPECIAL
    name = line.name.encode("utf-8", "surrogatepass")
    if rules.takes(folder, name, kind, line.state):
        key = folder.key + name + (b"/" if kind is Kind.FOLDER else b"")
        folder.add(key, kind, line.state)


def _lines(wire: Wire, file: bytes, looks: Sequence[Answer], key: bytes) -> Iterator[Listed]:
    answers = iter(looks)
    while True:
        answer = next(answers, None) or wire.ask(requests.query("*", wire.query_bytes, file))[0]
        if answer.status in _END:
            return
        if answer.status != statuses.OK:
            raise statuses.error_of(answer.status, key, "list it")
        yield from responses.listed(answer.body)
