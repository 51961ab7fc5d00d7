"""The files of a task report: filled while the run goes on, and written piece by piece.

A piece holds entries up to AWS's 5 MB; when it is full it is closed and waits, on disk, for the
storage to take it.  Whatever goes wrong here is told in the result and never stops the run.

Memory: MEMORY_BYTES for each detailed report that is being filled, and PIECE_BYTES for the piece
that is being written.  Disk: pieces that the storage has not taken yet.
"""

import asyncio
import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import IO, Final

from datasync_api.plan import ExecutionIdentity
from datasync_api.report import ReportDelivery
from datasync_api.side_pairs import REPORT_FOLDERS
from datasync_api.sides import AnySide
from datasync_api.text import below
from datasync_runner.core.entry import Entry, Kind, ObjectHeaders
from datasync_runner.core.report_entries import SECTIONS, ReportEntry, ReportKind
from datasync_runner.core.report_summary import WrittenFile
from datasync_runner.core.tally import printable
from datasync_runner.engine.patient import Patient
from datasync_runner.storage.errors import StorageError
from datasync_runner.storage.port import Destination
from datasync_runner.storage.values import Content

_log = logging.getLogger(__name__)
PIECE_BYTES: Final = 5_000_000
"""AWS: "individual task reports can't exceed 5 MB"."""
MEMORY_BYTES: Final = 256 * 1024
_TAIL: Final = b"]}"
_URI_MAX: Final = 1024  # the whole result has to fit the kubelet's 4096 bytes
_JSON: Final = ObjectHeaders(content_type="application/json")
_HTML: Final = ObjectHeaders(content_type="text/html; charset=utf-8")


class _Piece:
    """One file of a detailed report."""

    def __init__(self, head: bytes, name: str) -> None:
        self.name = name
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self._file.write(head)
        self._size = len(head)
        self._entries = 0

    def takes(self, text: bytes) -> bool:
        """Whether there is room; one entry always fits."""
        return not self._entries or self._size + len(text) + 1 + len(_TAIL) <= PIECE_BYTES

    def add(self, text: bytes) -> None:
        """One more entry.  Raises: OSError."""
        data = b"," + text if self._entries else text
        self._file.write(data)
        self._size += len(data)
        self._entries += 1

    def whole(self) -> bytes:
        """All of it; it is empty then.  Raises: OSError."""
        self._file.write(_TAIL)
        self._file.seek(0)
        body = self._file.read()
        self.drop()
        return body

    def drop(self) -> None:
        """Give its room back."""
        self._file.close()


class ReportFiles:
    """The files of one run's report, and the storage that they go to."""

    def __init__(
        self,
        side: AnySide,
        execution: ExecutionIdentity,
        *,
        began: datetime,
        storage: Callable[[], Destination],
        asked: Callable[[Destination], None] = lambda _: None,
    ) -> None:
        self._side, self._make, self._asked = side, storage, asked
        self._made: Destination | None = None
        self._storage: Patient | None = None
        folder = f"{execution.namespace}.{execution.task}/{execution.name}-{execution.uid[:8]}"
        summaries, details = REPORT_FOLDERS
        stamp = f"{began:%Y%m%dT%H%M%SZ}"
        self._summary = f"{summaries}/{folder}/{execution.name}.summary-{stamp}"
        self._detail = (
            f"{details}/{folder}/{execution.name}.files-{{}}-v00001-{stamp}-{{:05d}}.json"
        )
        self._head = f'{{"TaskExecutionId":{json.dumps(execution.name)},"{{}}":['
        self._open: dict[ReportKind, _Piece] = {}
        self._numbers = dict.fromkeys(SECTIONS, 0)
        self._full: asyncio.Queue[_Piece | None] = asyncio.Queue()
        self.written: list[WrittenFile] = []
        self.problem = ""
        """The first thing that went wrong; empty: nothing did."""

    def keep(self, entries: Sequence[ReportEntry]) -> None:
        """Take entries in; after a problem they are passed over."""
        if self.problem:
            return
        try:
            for kind, text in entries:
                self._add(kind, text.encode())
        except OSError as error:
            self._failed(f"no room for the report: {error}; give the pod more ephemeral storage")

    def _add(self, kind: ReportKind, text: bytes) -> None:
        piece = self._open.get(kind)
        if piece is not None and not piece.takes(text):
            self._full.put_nowait(piece)
            piece = None
        if piece is None:
            self._numbers[kind] += 1
            name = self._detail.format(kind, self._numbers[kind])
            head = self._head.replace("{}", SECTIONS[kind]).encode()
            piece = self._open[kind] = _Piece(head, name)
        piece.add(text)

    async def upload(self) -> None:
        """Write pieces as they fill, until `close`; raises nothing."""
        while (piece := await self._full.get()) is not None:
            if self.problem:
                piece.drop()
                continue
            try:
                body = piece.whole()
            except OSError as error:
                piece.drop()
                self._failed(f"the report cannot be read back from disk: {error}")
                continue
            await self._write(piece.name, body, _JSON)

    def close(self) -> None:
        """No more entries come."""
        for kind in SECTIONS:
            if piece := self._open.pop(kind, None):
                self._full.put_nowait(piece)
        self._full.put_nowait(None)

    async def conclude(self, summary: bytes, page: bytes | None) -> ReportDelivery:
        """Write the page and the summary, after the others, and say how it went."""
        if page is not None:
            await self._write(f"{self._summary}.html", page, _HTML)
        name = f"{self._summary}.json"
        told = await self._write(name, summary, _JSON)
        await self.release()
        uri = below(self._side.uri, name).rstrip("/")
        return ReportDelivery(
            status="Error" if self.problem else "Success",
            uri=uri if told and len(uri) <= _URI_MAX else "",
            sha256=hashlib.sha256(summary).hexdigest() if told else "",
            files=len(self.written),
            error_detail=printable(self.problem)[:512],
        )

    async def release(self) -> None:
        """Let go of the storage and of what it has not taken; raises nothing."""
        while not self._full.empty():
            if (piece := self._full.get_nowait()) is not None:
                piece.drop()
        if self._made is not None:
            self._asked(self._made)
            await self._made.close()
            self._made = self._storage = None

    async def _write(self, name: str, body: bytes, headers: ObjectHeaders) -> bool:
        key = name.encode("utf-8", "surrogateescape")
        entry = Entry(key, Kind.FILE, len(body), headers=headers)
        try:
            if self._storage is None:
                self._made = self._make()
                self._storage = Patient(self._made)
                if not self._storage.objects:  # AWS asks for the right to put objects, no other
                    await self._storage.check()
            (answer,) = await self._storage.write_small([Content(entry, body)])
        except Exception as error:  # whatever it is, the run goes on
            answer = error
        if isinstance(answer, Exception):
            what = answer.message if isinstance(answer, StorageError) else repr(answer)
            self._failed(f"{name} was not written to {self._side.uri}: {what}")
            return False
        self.written.append(WrittenFile(name, len(body), hashlib.sha256(body).hexdigest()))
        return True

    def _failed(self, problem: str) -> None:
        if not self.problem:
            self.problem = problem
            told = {"problem": printable(problem)}
            _log.warning("report", extra={"fields": told})
