"""Ingest: reads the spool, and files of others, into the store, on from recorded offsets, in
batches, losing nothing."""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from smile_trace._guards.collector import without_collector
from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.private_files import NotPrivate, make_private, open_own
from smile_trace.dialects import is_ours, read_calls, read_feedback
from smile_trace.errors import SmileTraceError
from smile_trace.records import Feedback, Span
from smile_trace.records.base import Counts
from smile_trace.records.formats.otlp import LineReader
from smile_trace.settings import Settings
from smile_trace.sources import files
from smile_trace.sources.files import BATCH_BYTES, Batch, read_batches
from smile_trace.spool import RECEIVED_SUFFIX, writer_alive
from smile_trace.store import Store, StoreError
from smile_trace.store.arrivals import Arrivals, ArrivedSpan, CorruptLine, SpoolBatch, SpoolFile
from smile_trace.store.forgotten import ids_in
from smile_trace.store.traces import AT_ONCE
from smile_trace.store.unread import unread_files
from smile_trace.worker.redaction import Redaction
from smile_trace.worker.telemetry import traced

logger = logging.getLogger(__name__)

BATCH_FILES = 500
"""Maximum files of one transaction."""


class Ingested(Counts):
    """The counts of one pass over the spool and the files of others."""

    spans: int = 0
    feedback: int = 0
    corrupt: int = 0
    traces: int = 0


class Ingest:
    """Reads `settings.spool` and the files of `sources.files` into the store, completes traces.

    A trace is complete when its root has arrived, its writer is gone, or nothing was added to it
    for `worker.trace_silence_seconds`.
    """

    def __init__(
        self, store: Store, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._spool = settings.spool
        self._others = settings.sources.files.paths
        # A path means another file on another machine.
        self._place = "" if settings.store.url is None else f"{socket.gethostname()}:"
        self._silence = settings.worker.trace_silence_seconds
        self._clock = clock
        self._waiting: list[tuple[SpoolFile, Batch]] = []
        self._completed = 0
        self._stamps: dict[Path, tuple[int, int, int]] = {}
        self._warned: dict[Path, str] = {}

    def run(self, stopping: Callable[[], bool] = lambda: False) -> Ingested:
        """One pass: read what is new, complete traces, remove finished files. `stopping` is asked
        between two transactions, and ends the pass there."""
        total = Ingested()
        self._completed = 0
        known = self._store.traces.files()
        finished: list[Path] = []
        for path in sorted(self._spool.glob("*.jsonl")):
            try:
                # Asked first: what a dead process has written is all there is.
                alive = writer_alive(path)
                total += self._read(path, known.get(path.name), alive, stopping)
            except NotPrivate as error:
                self._set_aside(path, str(error))
                continue
            except OSError as error:
                self._warn_once(path, f"cannot be read ({error}): it stays for later")
                continue
            if stopping():
                break
            if not alive:
                finished.append(path)
        total += self._read_others(known, stopping)
        total += self._flush()
        if stopping():
            return total
        traces = self._completed + self._complete([path.name for path in finished], stopping)
        if not stopping():
            self._remove(finished)
        return total.model_copy(update={"traces": traces})

    def _read(
        self,
        path: Path,
        known: SpoolFile | None,
        alive: bool,
        stopping: Callable[[], bool],
    ) -> Ingested:
        with os.fdopen(open_own(path), "rb") as stream:
            state = os.fstat(stream.fileno())
            file = known or SpoolFile(path.name, state.st_ino, 0, self._clock())
            if file.inode != state.st_ino or state.st_size < file.offset:
                # Another file under the same name, or cut short: from its beginning. What is
                # in the store already changes nothing there.
                file = replace(file, inode=state.st_ino, offset=0)
            if known is None:
                self._waiting.append((file, Batch(0, b"")))
            stream.seek(file.offset)
            # The unfinished line of a living process waits for its rest.
            batches = read_batches(stream, file.offset, lambda _: not alive)
            return self._take(file, batches, stopping)

    def _take(
        self, file: SpoolFile, batches: Iterator[Batch], stopping: Callable[[], bool]
    ) -> Ingested:
        total = Ingested()
        for batch in batches:
            file = replace(file, offset=batch.end, grown_at=self._clock())
            self._waiting.append((file, batch))
            total += self._flush(unless_small=True)
            if stopping():
                break
        return total

    def _read_others(
        self, known: Mapping[str, SpoolFile], stopping: Callable[[], bool]
    ) -> Ingested:
        """Read news in the files of others, which are left as they are."""
        total = Ingested()
        found = files.find(self._others)
        for path in found:
            if stopping():
                return total
            try:
                total += self._read_other(path, known.get(self._name(path)), stopping)
            except OSError as error:
                self._warn_once(path, f"cannot be read ({error}): it stays for later")
        own = {name for name in known if name.startswith(f"{self._place}/")}
        self._store.traces.forget_files(sorted(own - {self._name(path) for path in found}))
        return total

    def _name(self, path: Path) -> str:
        return f"{self._place}{path}"

    def _read_other(
        self, path: Path, known: SpoolFile | None, stopping: Callable[[], bool]
    ) -> Ingested:
        state = path.stat()
        # Without it a compressed file had to be unpacked to see that there is nothing new.
        stamp = (state.st_ino, state.st_size, state.st_mtime_ns)
        if self._stamps.get(path) == stamp:
            return Ingested()
        file = known or SpoolFile(self._name(path), state.st_ino, 0, self._clock())
        if file.inode != state.st_ino:
            file = replace(file, inode=state.st_ino, offset=0)
        total = Ingested()
        try:
            with files.reading(path, file.offset) as batches:
                total = self._take(file, batches, stopping)
        except StoreError:
            raise
        except SmileTraceError as error:
            self._warn_once(path, f"is not read: {error}")
            self._store.traces.add(file, corrupt=[CorruptLine(0, str(error), b"")])
        if not stopping():
            self._stamps[path] = stamp
        return total

    def _flush(self, *, unless_small: bool = False) -> Ingested:
        """Store what was read: many small files in one transaction, which waits for the disk."""
        size = sum(len(batch.data) for _, batch in self._waiting)
        if unless_small and size < BATCH_BYTES and len(self._waiting) < BATCH_FILES:
            return Ingested()
        with without_collector():
            return self._store_waiting()

    def _store_waiting(self) -> Ingested:
        waiting, self._waiting = self._waiting, []
        # What the store does not take now is read again, though its file has not changed.
        stamps, self._stamps = self._stamps, {}
        read = [self._parse(file, batch) for file, batch in waiting]
        taken = Ingested(
            spans=sum(len(one.spans) for one in read),
            feedback=sum(len(one.feedback) for one in read),
            corrupt=sum(len(one.corrupt) for one in read),
        )
        if read:
            # Traces of our own work may come back here: no further ones come of reading them.
            new = taken.model_dump(exclude_defaults=True)
            with traced("ingest", **new) if new else nullcontext():
                added = self._store.traces.add_many(read)
            self._completed += added.completed
            if added.forgotten:
                for file, batch in waiting:
                    self._blank(file, batch, added.forgotten)
        self._stamps = stamps
        for one in read:
            if one.corrupt:
                logger.warning(
                    "%s: %d corrupt lines were kept aside", one.file.name, len(one.corrupt)
                )
        return taken

    def _blank(self, file: SpoolFile, batch: Batch, forgotten: Set[str]) -> None:
        """Overwrite the lines of forgotten traces; the other lines are in the store by now."""
        if "/" in file.name:  # another's file, which is not ours to change
            return
        places = [
            (offset, len(line)) for offset, line in batch.lines() if traces_of(line) & forgotten
        ]
        path = self._spool / file.name
        try:
            blank(path, file.inode, places)
        except OSError as error:
            self._warn_once(path, f"still holds what was forgotten ({error}): remove it by hand")

    def _set_aside(self, path: Path, reason: str) -> None:
        """Move away, unread, what is no file of this user's; the store counts it."""
        aside = self._spool / "refused"
        try:
            make_private(aside)
            os.replace(path, aside / f"{time.time_ns()}-{path.name}")
        except OSError as error:
            self._warn_once(path, f"is not read, and cannot be moved ({error}): {reason}")
            return
        logger.warning("%s: it is not read, and was moved to %s", reason, aside)
        file = SpoolFile(path.name, 0, 0, self._clock())
        line = CorruptLine(0, f"{reason}: it was not read, and moved to {aside}", b"")
        self._store.traces.add(file, corrupt=[line])
        self._store.traces.forget_files([path.name])

    def _parse(self, file: SpoolFile, batch: Batch) -> SpoolBatch:
        spans: list[ArrivedSpan] = []
        feedback: list[Feedback] = []
        corrupt: list[CorruptLine] = []
        # A receiver marks its own files; one with a path is another program's.
        captured = "/" not in file.name and not file.name.endswith(RECEIVED_SUFFIX)
        reader = _Reader(captured=captured)
        for offset, line in batch.lines():
            arrived, said, reasons = reader.read(line)
            spans += arrived
            feedback += said
            if reasons:
                corrupt.append(CorruptLine(offset, "; ".join(reasons)[:1000], line))
        return SpoolBatch(file, spans, feedback, corrupt)

    def _complete(self, gone: list[str], stopping: Callable[[], bool]) -> int:
        total = 0
        # SQLite takes a bounded number of variables in one statement.
        for start in range(0, len(gone) or 1, BATCH_FILES):
            while not stopping():
                count = self._store.traces.complete(
                    gone=gone[start : start + BATCH_FILES],
                    silent_before=self._clock() - self._silence,
                )
                total += count
                if count < AT_ONCE:
                    break
        return total

    def _remove(self, paths: Sequence[Path]) -> None:
        # In this order a crash in between only makes us read the files again.
        removed = []
        for path in paths:
            try:
                path.unlink(missing_ok=True)
                removed.append(path.name)
            except OSError as error:
                self._warn_once(path, f"cannot be removed ({error}): remove it by hand")
        self._store.traces.forget_files(removed)

    def _warn_once(self, path: Path, what: str) -> None:
        """Warn once about each file, which every pass looks at."""
        if self._warned.get(path) != what:
            self._warned[path] = what
            logger.warning("%s %s", path, what)


class _Reader:
    """Reads lines of one file, whose spans mostly share a resource."""

    def __init__(self, *, captured: bool = False) -> None:
        self._lines = LineReader(captured=captured)
        self._redaction = Redaction()
        self._arrivals = Arrivals()

    def read(self, line: bytes) -> tuple[list[ArrivedSpan], list[Feedback], list[str]]:
        """The spans and the feedback of one line, and why the rest of it cannot be read."""
        arrived: list[ArrivedSpan] = []
        feedback: list[Feedback] = []
        try:
            spans, errors = self._lines.read(line)
        except ForeignDataError as error:
            return [], [], [str(error)]
        except Exception as error:  # noqa: BLE001  whatever a line holds, the others are read
            return [], [], [_unexpected(error)]
        reasons = [str(error) for error in errors]
        for span in spans:
            if is_ours(span):  # a delivered explanation that came back through a Collector, say
                continue
            try:
                span = self._redaction.without_secrets(span)
                opinion = read_feedback(span)
                if opinion is None:
                    arrived.append(self._arrivals.of(span))
                else:
                    feedback.append(opinion)
            except ForeignDataError as error:
                reasons.append(str(error))
            except Exception as error:  # noqa: BLE001  whatever a span holds, the others are kept
                reasons.append(_unexpected(error))
        return arrived, feedback, reasons


def unread_calls(store: Store, spool: Path) -> int:
    """How many calls the spool holds that no worker has read. They stay unread."""
    traces: dict[str, list[Span]] = {}
    for path, offset, _ in unread_files(store, spool):
        reader = _Reader(captured=not path.name.endswith(RECEIVED_SUFFIX))
        with suppress(OSError), os.fdopen(open_own(path), "rb") as stream:
            stream.seek(offset)
            for one in (arrived for line in stream for arrived in reader.read(line)[0]):
                traces.setdefault(one.span.trace_id, []).append(one.span)
    return sum(len(read_calls(spans)) for spans in traces.values())


def traces_of(line: bytes) -> set[str]:
    """The traces that a line is about, or may be about if it cannot be read."""
    arrived, said, reasons = _Reader().read(line)
    ids = {one.span.trace_id for one in arrived} | {one.trace_id for one in said}
    return ids | ids_in(line) if reasons else ids


def blank(path: Path, inode: int, places: Sequence[tuple[int, int]]) -> None:
    """Overwrite places of a spool file, (offset, length), with spaces, which nobody reads; may
    raise OSError.

    Works in place, because its writer may be alive and append to it. Does nothing if another file
    is there by now.
    """
    if not places:
        return
    with os.fdopen(open_own(path, os.O_RDWR), "r+b") as stream:
        if os.fstat(stream.fileno()).st_ino != inode:
            return
        for offset, length in places:
            os.pwrite(stream.fileno(), b" " * length, offset)
        os.fsync(stream.fileno())


def _unexpected(error: Exception) -> str:
    logger.warning("a spool line could not be read", exc_info=error)
    return f"{type(error).__name__}: {str(error)[:200]}"
