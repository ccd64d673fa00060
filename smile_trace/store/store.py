"""The store: the one truth about what was captured, sampled, explained, delivered and spent."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from sqlalchemy import update

from smile_trace._guards.private_files import NotPrivate, tighten_file, tighten_folder
from smile_trace.records import Explanation, Trace
from smile_trace.settings import Budget, ModelSettings, Settings
from smile_trace.store.arrivals import PulledPlaces
from smile_trace.store.database import Database, StoreError
from smile_trace.store.database.postgresql import PostgresDatabase
from smile_trace.store.database.sqlite import IN_MEMORY, SQLiteDatabase
from smile_trace.store.drift import Drift
from smile_trace.store.explanations import newest_explanation
from smile_trace.store.forgetting import Forgetting
from smile_trace.store.job_results import Paths, Profiles
from smile_trace.store.jobs import Jobs
from smile_trace.store.judgements import Judgements
from smile_trace.store.models import Pauses, ProxyTrusts
from smile_trace.store.outbox import Outbox
from smile_trace.store.queries.prompts import PromptReader, reading_prompts
from smile_trace.store.queries.status import Lag, Status, read_lags, read_status
from smile_trace.store.sampling import Sampling
from smile_trace.store.spending.ledger import StoredLedger
from smile_trace.store.spending.responses import StoredResponses
from smile_trace.store.tables import (
    deliveries,
    jobs,
    judge_judgements,
    paused_models,
    trackers,
)
from smile_trace.store.traces import Traces
from smile_trace.store.workers import Workers

Clock = Callable[[], float]
MAX_WAIT = 3600.0
"""No job, model, tracker or delivery waits longer between two tries, in seconds."""

logger = logging.getLogger(__name__)

FILES = (
    *(f"store.db{end}" for end in ("", "-wal", "-shm", "-journal")),
    *(f"engine.db{end}" for end in ("", "-wal", "-shm", "-journal")),
    "worker.lock",
)
"""What the worker keeps in its home, beside the spool."""


class Store:
    """Everything the worker knows: in one SQLite file, or in a database of PostgreSQL.

    Attributes:
        traces: spool files, spans, traces, calls, feedback.
        sampling: which calls are explained.
        jobs: what is to be explained, until it is.
        paths: the paths of traces.
        profiles: what probes found of calls.
        judgements: what people said of the variants of profiles.
        judge_judgements: what models said of them that were asked as judges.
        drift: requests that are replayed every period.
        outbox: what each tracker still has to get.
        pulled: how far each source was read.
        pauses: models that cannot be asked right now.
        proxy_trusts: how far proxies were trusted beside their targets.
        responses: answers by content key (a `models.ledger.ResponseCache`).
        ledger: reservations and spend (a `models.ledger.Ledger`).
        forgetting: removes traces for good.
        workers: who shares the store.
        clock: Unix seconds: where many share the store, those of its database.
    """

    def __init__(
        self,
        database: Database,
        budget: Budget,
        models: Mapping[str, ModelSettings] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.database = database
        self.workers = Workers(database)
        self.workers.clock_ahead()
        self.clock = clock or self.workers.clock
        self.traces = Traces(database)
        self.sampling = Sampling(database)
        self.jobs = Jobs(database)
        self.paths = Paths(database)
        self.profiles = Profiles(database)
        self.judgements = Judgements(database)
        self.judge_judgements = Judgements(database, judge_judgements)
        self.drift = Drift(database)
        self.outbox = Outbox(database)
        self.pulled = PulledPlaces(database)
        self.pauses = Pauses(database)
        self.proxy_trusts = ProxyTrusts(database)
        self.responses = StoredResponses(database)
        self.ledger = StoredLedger(database, budget, models, self.clock)
        self.forgetting = Forgetting(database)

    @classmethod
    def look(cls, settings: Settings, clock: Clock | None = None) -> "Store":
        """Open the store of `settings.home` for a command that makes no home.

        Where there is a store, it is brought up to date and may be written. Where the application
        has written and no worker has read yet, it is empty and in memory.

        Args:
            settings: where it is, and the caps.
            clock: as for `open`.

        Raises:
            StoreError: nothing is there, it cannot be read, or a newer release made it.
        """
        if has_store(settings):
            return cls.open(settings, clock)
        check_home(settings)
        return cls._of(SQLiteDatabase(IN_MEMORY), settings, clock)

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None) -> "Store":
        """Open the store of `settings.home`; it is made, or brought up to date, where needed.

        Args:
            settings: where it is, and the caps.
            clock: Unix seconds, which tell the day that the daily caps count on; those of the
                database where it is None and many share the store.

        Raises:
            StoreError: its folder cannot be written, it or a file in it is another user's or
                a link, or a newer release made it.
        """
        home: Path = settings.home
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                f"{home} cannot be made ({error.strerror}): set SMILE_TRACE_HOME to a folder "
                "that you can write."
            ) from None
        _make_private(settings)
        return cls._of(_database(settings), settings, clock)

    @classmethod
    def _of(cls, database: Database, settings: Settings, clock: Clock | None) -> "Store":
        database.migrate()
        return cls(database, settings.budget, settings.models, clock)

    def trace(self, trace_id: str) -> Trace:
        """The trace of that id, complete or not.

        Raises:
            KeyError: no span of it has arrived.
        """
        found = self.trace_many([trace_id])
        if not found:
            raise KeyError(trace_id)
        return found[0]

    def trace_many(self, trace_ids: Sequence[str]) -> list[Trace]:
        """The traces of those ids, in the order given; unknown ones are skipped."""
        return self.traces.get(trace_ids)

    def explanation(self, call_id: str) -> Explanation | None:
        """The newest explanation of the call `trace_id:span_id`, None where there is none."""
        with self.database.read() as connection:
            return newest_explanation(connection, call_id)

    def reading_prompts(self) -> AbstractContextManager[PromptReader]:
        """Queries about prompts and their versions, all of one moment."""
        return reading_prompts(self.database)

    def status(self) -> Status:
        """Everything counted, as of one moment."""
        return read_status(self.database, self.ledger.today(), self.ledger.refusal)

    def lags(self) -> tuple[Lag, ...]:
        """How long the oldest of what waits has done so, as of one moment."""
        return read_lags(self.database, self.clock())

    def end_long_waits(self, now: float) -> None:
        """Retry at once what would wait beyond MAX_WAIT: the clock was set back meanwhile."""
        with self.database.write() as connection:
            for table in (jobs, deliveries, trackers, paused_models):
                late = table.c.not_before > now + MAX_WAIT
                connection.execute(update(table).where(late).values(not_before=now))

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _database(settings: Settings) -> Database:
    """The database that the settings name.

    Raises:
        StoreError: its password is not there.
        NotTrusted: the settings' file names a database that is not allowed yet.
    """
    settings.check_trust("store")
    try:
        url = settings.store.connection()
    except ValueError as error:
        raise StoreError(f"{error}.") from None
    return SQLiteDatabase(settings.home / "store.db") if url is None else PostgresDatabase(url)


def _make_private(settings: Settings) -> None:
    """Take the home, and what is in it, from everybody else.

    Raises:
        StoreError: something there is another user's, or a link; the message says what to do.
    """
    home = settings.home
    try:
        if tighten_folder(home):
            logger.warning("%s was open to others: now it is not", home)
        if settings.spool.exists() or settings.spool.is_symlink():
            tighten_folder(settings.spool)
        for name in FILES:
            with suppress(FileNotFoundError):  # a journal comes and goes
                tighten_file(home / name)
    except NotPrivate as error:
        raise StoreError(f"{error}.") from None
    except OSError as error:
        raise StoreError(f"{home} cannot be made private: {error}.") from None
    if settings.store.url is not None:
        return
    with suppress(OSError):  # full or read-only: SQLite says it
        os.close(os.open(home / "store.db", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def check_home(settings: Settings) -> None:
    """See whether an application or a worker ever wrote in `settings.home`.

    Raises:
        StoreError: neither did, or it cannot be read; the message says what to check.
    """
    if not has_store(settings) and not _is_there(settings.spool):
        raise StoreError(
            f"there is nothing of smile-trace in {settings.home}: see whether SMILE_TRACE_HOME "
            "names the folder that your application writes to, and whether it has made a call yet."
        )


def has_store(settings: Settings) -> bool:
    """Whether a worker ever wrote in the home, or the settings name a shared store.

    Raises:
        StoreError: it cannot be read, so that nobody can tell.
    """
    return settings.store.url is not None or _is_there(settings.home / "store.db")


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:  # a folder that this user may not enter, say
        raise StoreError(
            f"{path.parent} cannot be read ({error.strerror}): let this user read it, or see "
            "whether SMILE_TRACE_HOME names the folder that your application writes to."
        ) from None
    return True
