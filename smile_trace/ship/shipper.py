"""The shipper: sends the spool of an application host to a receiver.

A file is read on from its acknowledged offset, in order, and removed once its writer is gone and
all of it is acknowledged. A request whose answer was lost is sent again: the store keeps a span
once, by trace id and span id.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from smile_trace._guards.foreign import ForeignDataError
from smile_trace._guards.private_files import NotPrivate, make_private, open_own, tighten_folder
from smile_trace.ship.client import Backoff, Client, Refused, Unavailable
from smile_trace.ship.lines import HeadSampling, Line, ReadLine, body_of, by_signal, read_line
from smile_trace.ship.progress import Progress, Refusals
from smile_trace.ship.settings import Ship
from smile_trace.sources.files import Batch, read_batches
from smile_trace.spool import writer_alive
from smile_trace.trust.settings_file import SettingsError

logger = logging.getLogger(__name__)

REQUEST_BYTES = 2**20
"""Bytes of a file that go into one request; a longer line makes one of its own."""
BEAT_SECONDS = 1.0
DRAINING_WAIT_SECONDS = 1.0
"""The longest wait between two attempts while stopping."""


def private_home(settings: Ship) -> None:
    """Create home and spool if missing, for this user alone; raises SettingsError if they are
    unusable."""
    try:
        make_private(settings.spool)
        for folder in (settings.home, settings.spool):
            tighten_folder(folder)
    except NotPrivate as error:
        raise SettingsError(f"{error}.") from None
    except OSError as error:
        raise SettingsError(f"{settings.home} cannot be written ({error.strerror}).") from None


class Stopped(Exception):
    """The shipper is to stop, and its time is over."""


class Shipper:
    """Sends the contents of the spool. Once `stopping` is set, it goes on for
    `settings.drain_seconds` at most; it calls `heartbeat` while it works or waits."""

    def __init__(
        self,
        settings: Ship,
        client: Client,
        stopping: threading.Event,
        heartbeat: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._client = client
        self._stopping = stopping
        self._heartbeat = heartbeat
        self._progress = Progress(settings.home)
        self._sampling = (
            HeadSampling(
                settings.rate, settings.minimum_per_prompt_version, self._progress.sampling
            )
            if settings.rate < 1
            else None
        )
        self._refusals = Refusals(settings.home)
        self._backoff = Backoff(random.Random())
        self._down_since: float | None = None
        self._ends_at: float | None = None
        self._warned: dict[Path, str] = {}

    def run(self, *, once: bool = False) -> None:
        """Send until it is stopped and the spool is sent or its time is over; `once` sends only
        what is there now, however long that takes."""
        try:
            self.send_all()
            while not once and not self._stopping.wait(self._settings.poll_seconds):
                self.send_all()
            if not once:
                self.send_all()
        except Stopped:
            pass
        if self._sampling is not None:
            logger.info("%s", self._sampling)
        if left := sum(path.stat().st_size for path in self._files()):
            logger.info("%.1f MB of the spool are not sent yet, and wait here", left / 2**20)

    def send_all(self) -> None:
        """Send what is there now, or raise Stopped when the time is over."""
        self._heartbeat()
        for path in self._files():
            try:
                # Asked first: what a dead process has written is all there is.
                alive = writer_alive(path)
                self._send_file(path, alive)
                if not alive:
                    path.unlink()
            except OSError as error:
                self._warn_once(path, error)
        self._progress.keep_only({path.name for path in self._files()})

    def _files(self) -> list[Path]:
        return sorted(self._settings.spool.glob("*.jsonl"))

    def _send_file(self, path: Path, alive: bool) -> None:
        with os.fdopen(open_own(path), "rb") as stream:
            state = os.fstat(stream.fileno())
            start = self._progress.offset(path.name, state.st_ino)
            if start > state.st_size:
                start = 0  # it was cut short
            stream.seek(start)
            # The unfinished line of a living process waits for its rest.
            for batch in read_batches(stream, start, lambda _: not alive, REQUEST_BYTES):
                self._send_batch(path, batch)
                self._progress.acknowledged(path.name, state.st_ino, batch.end)

    def _send_batch(self, path: Path, batch: Batch) -> None:
        self._heartbeat()
        self._check_time(time.monotonic())
        lines = self._read(path.name, batch)
        if self._sampling is not None:
            lines = self._sampled(self._sampling, path, batch.start, lines)
        for some in by_signal(lines):
            self._until_answered(path.name, some)

    def _read(self, name: str, batch: Batch) -> list[Line]:
        lines = []
        for offset, text in batch.lines():
            try:
                lines.append(read_line(offset, text))
            except ForeignDataError as error:
                self._refusals.keep(name, offset, str(error), text)
        return lines

    def _sampled(
        self, sampling: HeadSampling, path: Path, start: int, lines: Sequence[Line]
    ) -> list[Line]:
        """The shipped part of the lines, after earlier lines whose traces are shipped only because
        of these."""
        whole: list[ReadLine] = []
        late: set[str] = set()
        for line in lines:
            try:
                whole.append(ReadLine(line))
            except ForeignDataError as error:
                self._refusals.keep(path.name, line.offset, str(error), body_of([line]))
            else:
                late |= sampling.look(whole[-1])
        if late and start:
            whole = [*_lines_of(path, start, late), *whole]
        self._progress.sampling = sampling.state
        return [kept for line in whole if (kept := sampling.sampled(line)) is not None]

    def _until_answered(self, name: str, lines: Sequence[Line]) -> None:
        while True:
            try:
                self._send(name, lines)
            except Unavailable as error:
                self._wait(error)
            else:
                return

    def _send(self, name: str, lines: Sequence[Line]) -> None:
        """Send lines of one signal; refused ones are found by halving."""
        try:
            taken = self._client.send(lines[0].signal, body_of(lines))
        except Refused as error:
            rejected, reason = 1, str(error)
        else:
            rejected, reason = taken.rejected, taken.reason
            self._is_up()
        if not rejected:
            return
        if len(lines) > 1:
            half = len(lines) // 2
            self._send(name, lines[:half])
            self._send(name, lines[half:])
        else:
            self._refusals.keep(name, lines[0].offset, reason, body_of(lines))

    def _is_up(self) -> None:
        self._backoff.reset()
        if self._down_since is not None:
            logger.info("the receiver accepts data again")
            self._down_since = None

    def _wait(self, error: Unavailable) -> None:
        """Wait until the next attempt, or raise Stopped when the time is over."""
        now = time.monotonic()
        if self._down_since is None:
            self._down_since = now
            logger.warning("the receiver at %s: %s; the spool waits", self._settings.url, error)
        until = now + self._backoff.seconds(error.seconds)
        while (now := time.monotonic()) < until:
            self._heartbeat()
            self._check_time(now)
            if self._stopping.is_set():
                until = min(until, now + DRAINING_WAIT_SECONDS)
                time.sleep(min(BEAT_SECONDS, until - now))
            else:
                self._stopping.wait(min(BEAT_SECONDS, until - now))

    def _check_time(self, now: float) -> None:
        if not self._stopping.is_set():
            return
        if self._ends_at is None:
            self._ends_at = now + self._settings.drain_seconds
        if now >= self._ends_at:
            raise Stopped

    def _warn_once(self, path: Path, error: OSError) -> None:
        """Warn once about each file, which every pass looks at."""
        said = str(error) if isinstance(error, NotPrivate) else f"{path} cannot be read: {error}"
        if self._warned.get(path) != said:
            self._warned[path] = said
            logger.warning("%s: it stays for later", said)


def _lines_of(path: Path, end: int, traces: set[str]) -> Iterator[ReadLine]:
    with os.fdopen(open_own(path), "rb") as stream:
        for batch in read_batches(stream, 0, lambda _: False, REQUEST_BYTES):
            for offset, text in batch.lines():
                if offset >= end:
                    return
                with suppress(ForeignDataError):  # kept aside when it was read first
                    line = ReadLine(read_line(offset, text))
                    if traces.intersection(line.traces):
                        yield line
