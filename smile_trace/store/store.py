"""The store: the one truth about what was captured, sampled, explained, delivered and spent."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from smile_trace.store.model_states import Pauses, ProxyTrusts
from smile_trace.store.outbox import Outbox
from smile_trace.store.queries.prompts import PromptReader
from smile_trace.store.queries.status import Lag, Status, read_lags, read_status
from smile_trace.store.requested import Requested
from smile_trace.store.sampling import Sampling
from smile_trace.store.spending.ledger import StoredLedger
from smile_trace.store.spending.responses import StoredResponses
from smile_trace.store.tables import deliveries, jobs, judge_judgements, paused_models, trackers
from smile_trace.store.traces import Traces
from smile_trace.store.workers import Workers

Clock = Callable[[], float]
LONGEST_WAIT = 3600.0
"""No job, model, tracker or delivery waits longer between two tries, in seconds."""

logger = logging.getLogger(__name__)

FILES = (
    *(f"store.db{end}" for end in ("", "-wal", "-shm", "-journal")),
    *(f"engine.db{end}" for end in ("", "-wal", "-shm", "-journal")),
    "worker.lock",
)
"""The worker's files in its home, beside the spool."""


class Store:
    """Everything the worker knows: in one SQLite file, or in a PostgreSQL database.

    Attributes:
        requested: what people asked for; `jobs` and `paths` hold what workers make.
        judgements: people's; `judge_judgements` are those of models that were asked as judges.
        responses: answers by content key (a `models.ledger.ResponseCache`).
        ledger: reservations and spend (a `models.ledger.Ledger`).
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
        self.requested = Requested(database)
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

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @classmethod
    def look(cls, settings: Settings, clock: Clock | None = None) -> "Store":
        """Open the store of `settings.home` for a command that makes no home. An existing store is
        brought up to date and may be written; if no worker has read the application's spool yet, it
        is empty and in memory. Raises StoreError if nothing is there, it cannot be read, or a newer
        release made it."""
        if has_store(settings):
            return cls.open(settings, clock)
        check_home(settings)
        _tighten(settings)
        return cls._of(SQLiteDatabase(IN_MEMORY), settings, clock)

    @classmethod
    def open(cls, settings: Settings, clock: Clock | None = None) -> "Store":
        """Open the store of `settings.home`; it is made, or brought up to date, where needed.
        `clock`: Unix seconds, which tell the day of the daily caps; by default the database's if
        many share the store. Raises StoreError if its folder cannot be written, it or a file in it
        is another user's or a link, or a newer release made it."""
        home: Path = settings.home
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                f"{home} cannot be made ({error.strerror}): set SMILE_TRACE_HOME to a folder "
                "that you can write."
            ) from None
        _tighten(settings)
        if settings.store.url is None:
            with suppress(OSError):  # full or read-only: SQLite says it
                os.close(os.open(home / "store.db", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return cls._of(_database(settings), settings, clock)

    @classmethod
    def _of(cls, database: Database, settings: Settings, clock: Clock | None) -> "Store":
        database.migrate()
        return cls(database, settings.budget, settings.models, clock)

    def trace(self, trace_id: str) -> Trace:
        """The trace of that id, complete or not; raises KeyError if no span of it has arrived."""
        found = self.trace_many([trace_id])
        if not found:
            raise KeyError(trace_id)
        return found[0]

    def trace_many(self, trace_ids: Sequence[str]) -> list[Trace]:
        """The traces of those ids, in the order given; unknown ones are skipped."""
        return self.traces.get(trace_ids)

    def explanation(self, call_id: str) -> Explanation | None:
        """The newest explanation of the call `trace_id:span_id`, if any."""
        with self.database.read() as connection:
            return newest_explanation(connection, call_id)

    @contextmanager
    def reading_prompts(self) -> Iterator[PromptReader]:
        """Queries about prompts and their versions, all of one moment."""
        with self.database.read() as connection:
            yield PromptReader(connection)

    def status(self) -> Status:
        """All counts, as of one moment."""
        return read_status(self.database, self.ledger.today(), self.ledger.refusal)

    def lags(self) -> tuple[Lag, ...]:
        """How long the oldest waiting items have waited, as of one moment."""
        return read_lags(self.database, self.clock())

    def end_long_waits(self, now: float) -> None:
        """Make due what would wait beyond LONGEST_WAIT: the clock was set back meanwhile."""
        with self.database.write() as connection:
            for table in (jobs, deliveries, trackers, paused_models):
                late = table.c.not_before > now + LONGEST_WAIT
                connection.execute(update(table).where(late).values(not_before=now))

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _database(settings: Settings) -> Database:
    """The database that the settings name. Raises StoreError without its password, and NotTrusted
    if the settings' file names one that is not allowed yet."""
    settings.check_trust("store")
    try:
        url = settings.store.connection()
    except ValueError as error:
        raise StoreError(f"{error}.") from None
    return SQLiteDatabase(settings.home / "store.db") if url is None else PostgresDatabase(url)


def _tighten(settings: Settings) -> None:
    """Close the home and its files to everybody else. Raises StoreError, with advice, if another
    user owns one."""
    home = settings.home
    try:
        if tighten_folder(home):
            logger.warning("%s was open to others, and has been closed", home)
        if settings.spool.exists() or settings.spool.is_symlink():
            tighten_folder(settings.spool)
        for name in FILES:
            with suppress(FileNotFoundError):  # a journal comes and goes
                tighten_file(home / name)
    except NotPrivate as error:
        raise StoreError(f"{error}.") from None
    except OSError as error:
        raise StoreError(f"{home} cannot be made private: {error}.") from None


def check_home(settings: Settings) -> None:
    """Raise StoreError, with advice, unless an application or a worker ever wrote in
    `settings.home`."""
    if not has_store(settings) and not _is_there(settings.spool):
        raise StoreError(
            f"there is nothing of smile-trace in {settings.home}: see whether SMILE_TRACE_HOME "
            "names the folder that your application writes to, and whether it has made a call yet."
        )


def has_store(settings: Settings) -> bool:
    """Whether a worker ever wrote in the home, or the settings name a shared store. Raises
    StoreError if the home cannot be read, so that nobody can tell."""
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
