"""`smile-trace forget`: removes traces from the home, and their copies from the trackers."""

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from smile_trace._guards.presentable import presentable
from smile_trace._guards.private_files import open_own
from smile_trace.errors import SmileTraceError
from smile_trace.records import Record
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.forgetting import Erased, Removal, Run
from smile_trace.store.store import check_home
from smile_trace.trackers import Tracker, TrackerUnavailable, discover
from smile_trace.worker.delivery.removals import Removals
from smile_trace.worker.doctor import active_names
from smile_trace.worker.explaining.engine_database import (
    EngineDatabase,
    EngineFile,
    EngineSchema,
    run_id,
)
from smile_trace.worker.ingest import Ingest, blank, traces_of
from smile_trace.worker.lock import AnotherWorker, WorkerError, worker_lock

WORKER_SECONDS = 30.0
"""How long it waits for a running worker to read the spool, let go of an explanation, or delete
copies."""
TICK = 0.1
_TAIL = 2**20


class Found(Record):
    """The traces that would be forgotten; `trackers` have or may have copies of them."""

    trace_ids: tuple[str, ...]
    names: tuple[str, ...] = ()
    calls: int = 0
    trackers: tuple[str, ...] = ()


class Forgotten(Record):
    """The results of forgetting, and what could not be removed.

    `lines` of spool files are blanked, `copies` counts deleted traces per tracker, `comparisons`
    are the prompts whose comparisons went with them, and each sentence of `left` is about a
    remainder.
    """

    trace_ids: tuple[str, ...]
    erased: Erased
    lines: int = 0
    files: int = 0
    copies: dict[str, int] = {}
    comparisons: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def find(
    settings: Settings,
    *,
    trace: str | None = None,
    session: str | None = None,
    user: str | None = None,
) -> Found:
    """The traces of one trace's id, of a session, or of a user; the spool is read first. Raises
    SmileTraceError if there are none; StoreError if the store cannot be opened or written;
    WorkerError if the home cannot be written."""
    check_home(settings)
    with Store.open(settings) as store:
        with _beside_worker(settings) as in_use:
            _read_spool(store, settings, in_use)
        if trace is not None:
            ids = store.forgetting.of_trace(_trace_id(trace))
            missing = f"there is no trace {trace!r} here"
        elif session is not None:
            ids = store.forgetting.of_session(session)
            missing = f"no trace here belongs to the session {session!r}"
        else:
            ids = store.forgetting.of_user(user or "")
            missing = f"no trace here belongs to the user {user!r}"
        if not ids:
            raise SmileTraceError(f"{missing}: nothing was removed.")
        names = tuple(name for name in (session, user) if name)
        calls, trackers = store.forgetting.extent(ids)
        return Found(trace_ids=tuple(ids), names=names, calls=calls, trackers=trackers)


def forget(
    settings: Settings,
    found: Found,
    *,
    trackers: Sequence[Tracker] | None = None,
    clock: Callable[[], float] | None = None,
) -> Forgotten:
    """Remove those traces for good. A worker may run: its work on them is dropped.

    Args:
        trackers: instead of those that the settings and the environment ask for.

    Raises:
        StoreError: the store or the engine's database cannot be opened or written.
        WorkerError: the home cannot be written, or a tracker's options are wrong.
    """
    ids, left = found.trace_ids, list[str]()
    with Store.open(settings, clock) as store:
        with _beside_worker(settings) as in_use:
            elsewhere = any(one.alive for one in store.workers.all())
            runs = store.forgetting.runs(ids)
            erased, copies = store.forgetting.erase(ids, names=found.names, now=store.clock())
            if not _read_spool(store, settings, in_use):
                left.append(
                    "the worker has not read all of the spool yet: it drops their lines there"
                )
            lines = _blank_spool(store, settings.spool, set(ids))
            files = _remove_refused(settings, set(ids), left)
            _erase_runs(store, settings, runs, in_use or elsewhere, left)
            store.database.vacuum()
            if in_use or elsewhere:
                _wait_for_worker(store, settings, ids, trackers)
            else:
                _remove_copies(store, settings, trackers)
            remaining = store.forgetting.removals(ids)
        left += _sentences(remaining)
        gone = [one for one in copies if not _among(one, remaining)]
        return Forgotten(
            trace_ids=ids,
            erased=erased,
            lines=lines,
            files=files,
            copies=dict(Counter(one.tracker for one in gone)),
            comparisons=_prompts(gone),
            left=tuple(left),
        )


def _trace_id(text: str) -> str:
    """The trace id in what a person copied: the id itself, MLflow's form of it, or a call's id."""
    trace_id = text.strip().partition(":")[0].removeprefix("tr-").lower()
    if not re.fullmatch("[0-9a-f]{32}", trace_id):
        raise SmileTraceError(
            f"{text!r} is not a trace id, which has 32 hex digits (calls --full has it)."
        )
    return trace_id


@contextmanager
def _beside_worker(settings: Settings) -> Iterator[bool]:
    """Keep workers away; True if one runs already."""
    with ExitStack() as stack:
        try:
            stack.enter_context(worker_lock(settings.home))
            in_use = False
        except AnotherWorker:
            in_use = True
        yield in_use


def _wait(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WORKER_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(TICK)
    return True


# -- the spool ----------------------------------------------------------------------------------
def _read_spool(store: Store, settings: Settings, in_use: bool) -> bool:
    """Read the spool, or wait until the worker has; forgotten traces are dropped, and blanked."""
    if not in_use:
        Ingest(store, settings).run()
        return True
    ends = {path.name: _end_of_lines(path) for path in settings.spool.glob("*.jsonl")}

    def read() -> bool:
        known = store.traces.files()
        return all(
            (name in known and known[name].offset >= end) or not (settings.spool / name).exists()
            for name, end in ends.items()
            if end
        )

    return _wait(read)


def _end_of_lines(path: Path) -> int:
    """The end of the last whole line of a spool file."""
    try:
        with os.fdopen(open_own(path), "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            start = stream.seek(max(0, size - _TAIL))
            return start + stream.read().rfind(b"\n") + 1
    except OSError:
        return 0


def _blank_spool(store: Store, spool: Path, ids: set[str]) -> int:
    """Overwrite the lines of those traces that were read before; returns how many."""
    count = 0
    for name, file in store.traces.files().items():
        places = []
        try:
            with os.fdopen(open_own(spool / name), "rb") as stream:
                offset = 0
                while offset < file.offset and (line := stream.readline()):
                    if _may_hold(line, ids) and traces_of(line.rstrip(b"\n")) & ids:
                        places.append((offset, len(line.rstrip(b"\n"))))
                    offset += len(line)
            blank(spool / name, file.inode, places)
        except OSError:  # removed meanwhile
            continue
        count += len(places)
    return count


def _may_hold(line: bytes, ids: Collection[str]) -> bool:
    lower = line.lower()
    return b"\\u00" in lower or any(trace_id.encode() in lower for trace_id in ids)


def _remove_refused(settings: Settings, ids: set[str], left: list[str]) -> int:
    """Remove unread files that were set aside and hold those traces; returns how many."""
    gone = [path for path in settings.home.glob("engine.refused.db*") if path.is_file()]
    aside = settings.spool / "refused"
    unread = 0
    by_shipper = sorted(settings.home.glob("refused*.jsonl"))
    for path in [*(sorted(aside.iterdir()) if aside.is_dir() else ()), *by_shipper]:
        try:
            with os.fdopen(open_own(path), "rb") as stream:
                if any(_may_hold(line, ids) for line in stream):
                    gone.append(path)
        except OSError:
            unread += 1
    if unread:
        left.append(f"{unread} files in {aside} were never read: see whether anything is in them")
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


# -- the engine ---------------------------------------------------------------------------------
def _erase_runs(
    store: Store, settings: Settings, runs: Sequence[Run], in_use: bool, left: list[str]
) -> None:
    names, database = {run_id(run) for run in runs}, store.database
    engine: EngineDatabase = (
        EngineSchema(database)
        if isinstance(database, PostgresDatabase)
        else EngineFile(settings.home)
    )
    try:
        gone = _wait(lambda: engine.erase(names, in_use=in_use))
    finally:
        engine.close()
    if not gone:
        left.append(
            "the worker is still in the middle of an explanation, which it drops: run this again"
        )


# -- trackers -----------------------------------------------------------------------------------
def _remove_copies(store: Store, settings: Settings, given: Sequence[Tracker] | None) -> None:
    if not store.forgetting.removals():
        return
    if given is None:
        settings.check_trust("trackers")
    try:
        trackers = discover(settings.trackers) if given is None else given
    except ValueError as error:
        raise WorkerError(str(error)) from None
    for tracker in trackers:
        try:
            removals = Removals(tracker, store)
            removals.delete(removals.waiting())
        except TrackerUnavailable:
            continue  # why, is noted
        finally:
            if given is None:
                tracker.close()


def _wait_for_worker(
    store: Store, settings: Settings, ids: Sequence[str], given: Sequence[Tracker] | None
) -> None:
    active = active_names(settings) if given is None else {tracker.name for tracker in given}

    def tried() -> bool:
        remaining = store.forgetting.removals(ids)
        return not any(one.tracker in active and one.reason is None for one in remaining)

    _wait(tried)


def _sentences(remaining: Sequence[Removal]) -> Iterator[str]:
    for one in remaining:
        there = one.trace.traced_as or one.trace.trace_id
        why = one.reason or "it is not active, or has not answered yet: run this again when it is"
        said = f"{one.tracker} may still have the trace {there}: {presentable(why)}"
        if one.reason and not one.by_hand:
            said += "; the worker tries it again, and so does this command"
        yield said


def _among(one: Removal, remaining: Sequence[Removal]) -> bool:
    key = one.tracker, one.trace.trace_id
    return any(key == (other.tracker, other.trace.trace_id) for other in remaining)


def _prompts(gone: Sequence[Removal]) -> tuple[str, ...]:
    uses = {name for one in gone for call in one.trace.calls for name, _ in call.prompts}
    return tuple(sorted(uses))
