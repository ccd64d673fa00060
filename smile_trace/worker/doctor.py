"""The checks of `smile-trace doctor`; `upkeep` repairs."""

import asyncio
import os
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from smile_trace._guards.presentable import LONGEST_LINE, presentable
from smile_trace._guards.private_files import NotPrivate, tighten_folder
from smile_trace._text.lists import listed
from smile_trace.dialects.unread import Unread, unread
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.models.registry import settings_of
from smile_trace.records import Record
from smile_trace.settings import ModelSettings, ServerSettings, Settings, find_file
from smile_trace.spool import read_losses
from smile_trace.store import Store, StoreError
from smile_trace.store.database import Database
from smile_trace.store.forgetting import Removal
from smile_trace.store.queries.calls import newest_traces
from smile_trace.store.store import has_store
from smile_trace.store.tables import missing_indexes, missing_tables
from smile_trace.store.workers import ROLES, RegisteredWorker
from smile_trace.trackers import TrackerUnavailable, discover

Level = Literal["good", "note", "bad"]


class Finding(Record):
    """The result of one check. `bad` keeps the worker from its work."""

    level: Level
    about: str
    said: Annotated[str, AfterValidator(lambda text: presentable(text, longest=LONGEST_LINE))]


def examine_database(database: Database) -> Iterator[Finding]:
    """Faults of the database's tables, indexes and rights; raises StoreError if it cannot be
    read."""
    if tables := missing_tables(database):
        said = f"{database.name} lacks the tables {listed(tables)}: restore a backup"
        yield Finding(level="bad", about="tables", said=said)
    for right in database.missing_rights():
        said = f"the role {right}: grant it the rights listed in docs/operating.md"
        yield Finding(level="bad", about="permissions", said=said)
    for statement in missing_indexes(database):
        said = f"an index is missing, so look-ups are slow: {statement}"
        yield Finding(level="bad", about="indexes", said=said)


CLOCK_SECONDS = 5.0
"""How far a clock may be from the database's."""


def examine_fleet(
    workers: Sequence[RegisteredWorker], clock_ahead: float | None
) -> Iterator[Finding]:
    """Faults of the workers of a shared store; none if `clock_ahead` is None, for a file. It is how
    many seconds this machine's clock is ahead of the database's."""
    if clock_ahead is None:
        return
    if abs(clock_ahead) > CLOCK_SECONDS:
        yield Finding(level="bad", about="clock", said=_wrong("this machine", clock_ahead))
    for one in workers:
        if one.clock_ahead is not None and abs(one.clock_ahead) > CLOCK_SECONDS:
            said = _wrong(f"the machine of {one.name}", one.clock_ahead)
            yield Finding(level="bad", about="clock", said=said)
        if not one.alive:
            said = f"{one.name} has stopped responding: the others take over within seconds"
            yield Finding(level="note", about="workers", said=said)
    alive = [one for one in workers if one.alive]
    if not alive:
        yield Finding(
            level="note", about="workers", said="none is running: start smile-trace worker"
        )
        return
    releases = sorted({one.release for one in alive})
    if len(releases) > 1:
        said = f"{listed(releases)} are running side by side: upgrade all to one release"
        yield Finding(level="bad", about="workers", said=said)
    done = {role for one in alive for role in one.roles.split(",")}
    for role in ROLES:
        if role not in done:
            said = f"none has the role {role}: start smile-trace worker --roles {role}"
            yield Finding(level="bad", about="workers", said=said)
    if len(releases) == 1 and done.issuperset(ROLES):
        said = f"{len(alive)} of release {releases[0]}"
        yield Finding(level="good", about="workers", said=said)


def _wrong(whose: str, ahead: float) -> str:
    said = "ahead of" if ahead > 0 else "behind"
    return (
        f"the clock of {whose} is {abs(ahead):,.0f} s {said} the database's: set it by NTP; "
        "waits and days follow the database's clock, but what is captured and logged there "
        "has the wrong times"
    )


MIN_FREE_BYTES = 500 * 2**20
"""Free space below which the disk is worth a word."""
NEWEST_TRACES = 500
"""Traces in which doctor looks for calls that were not read."""
PACKAGES = (
    "smile-trace",
    "opentelemetry-sdk",
    "dbos",
    "sqlalchemy",
    "openai",
    "anthropic",
    "mlflow",
)


def examine(settings: Settings) -> list[Finding]:
    """Check everything that the worker needs, and mend permissions, which is always safe. Raises
    NotTrusted if the settings' file names a host that is not allowed yet, so that none is asked."""
    settings.check_trust()
    findings = [Finding(level="good", about="versions", said=_versions()), _settings_file()]
    findings += _home(settings)
    findings += _store(settings)
    findings += _models(settings)
    findings += _trackers(settings)
    return findings


def active_names(settings: Settings) -> set[str]:
    """The trackers that the settings and the environment ask for; none if they are wrong."""
    settings.check_trust("trackers")
    try:
        trackers = discover(settings.trackers)
    except ValueError:  # said elsewhere
        return set()
    for tracker in trackers:
        tracker.close()
    return {tracker.name for tracker in trackers}


def _versions() -> str:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _settings_file() -> Finding:
    path = find_file()
    said = "no smile_trace.toml: using the environment and the defaults" if path is None else path
    return Finding(level="good", about="settings", said=str(said))


def _home(settings: Settings) -> Iterator[Finding]:
    home, spool = settings.home, settings.spool
    if not home.is_dir():
        yield Finding(level="note", about="home", said=f"{home} will be created on first use")
        return
    try:
        was_open = tighten_folder(home)  # prompts stand in it
    except NotPrivate as error:
        yield Finding(level="bad", about="home", said=str(error))
        return
    if not os.access(home, os.W_OK | os.X_OK):
        said = f"{home} cannot be written: make it writable for this user"
        yield Finding(level="bad", about="home", said=said)
        return
    if was_open:
        yield Finding(
            level="note", about="home", said=f"{home} was open to others, and has been closed"
        )
    else:
        yield Finding(level="good", about="home", said=str(home))
    free = shutil.disk_usage(home).free
    if free < MIN_FREE_BYTES:
        said = f"only {free // 2**20} MB are free on the disk of {home}: free some space"
        yield Finding(level="bad", about="disk", said=said)
    if spool.is_dir() and not os.access(spool, os.R_OK | os.W_OK | os.X_OK):
        said = f"{spool} belongs to another user: run application and worker as the same one"
        yield Finding(level="bad", about="spool", said=said)
    for reason, count in read_losses(spool).items():
        yield Finding(level="bad", about="spool", said=f"{count} records were lost: {reason}")


def _store(settings: Settings) -> Iterator[Finding]:
    try:
        if not has_store(settings):
            yield Finding(level="note", about="store", said=_nothing_read(settings.spool))
            return
        store = Store.open(settings)
    except StoreError as error:
        yield Finding(level="bad", about="store", said=str(error))
        return
    try:
        damage = store.database.damage()
        faults = list(examine_database(store.database)) if damage is None else []
        yield from faults
        if any(fault.about == "tables" for fault in faults):
            return  # nothing else can be counted
        status = store.status()
        removals = store.forgetting.removals()
        without = _without_content(store)
        clock_ahead = store.workers.clock_ahead()
    except StoreError as error:
        yield Finding(level="bad", about="store", said=str(error))
        return
    finally:
        store.close()
    if damage is not None:
        sentence = f"store.db is damaged ({damage}): move it away, or restore a copy"
        yield Finding(level="bad", about="store", said=sentence)
        return
    sentence = (
        f"calls: {status.captured} captured, {status.explained} explained, "
        f"{status.skipped} skipped, {status.failed} failed"
    )
    yield Finding(level="good", about="store", said=sentence)
    yield from examine_fleet(status.workers, clock_ahead)
    for one in status.skipped_by_reason:
        if one.code == ReasonCode.NO_MODEL:
            calls = f"{one.count} {'call' if one.count == 1 else 'calls'}"
            yield Finding(level="bad", about="store", said=f"{calls}: {one.reason}")
    active = active_names(settings)
    for tracker in status.trackers:
        if tracker.name not in active:
            sentence = (
                "is not active with these settings and this environment; what waits for it "
                f"is kept ({tracker.waiting}). A worker may have other settings; if none "
                "delivers to it any more, run smile-trace doctor --forget-tracker "
                f"{tracker.name}"
            )
            level: Level = "bad" if tracker.waiting else "note"
            yield Finding(level=level, about=f"tracker {tracker.name}", said=sentence)
        elif tracker.unavailable:
            sentence = f"was not accepting data the last time: {tracker.unavailable}"
            yield Finding(level="bad", about=f"tracker {tracker.name}", said=sentence)
    for which, count in without.most_common():
        spans = f"{count} {'call' if count == 1 else 'calls'} of {which.scope or 'no scope'}"
        yield Finding(level="note", about="not read", said=f"{spans}: {which.why}")
    yield from _forgotten(removals)
    if status.corrupt_lines:
        sentence = f"{status.corrupt_lines} corrupt spool lines are kept in its table corrupt_lines"
        yield Finding(level="note", about="store", said=sentence)
    if status.unreadable_traces:
        sentence = (
            f"{status.unreadable_traces} traces cannot be read by any dialect: see the worker's log"
        )
        yield Finding(level="note", about="store", said=sentence)


def _nothing_read(spool: Path) -> str:
    try:
        waiting = sum(file.stat().st_size > 0 for file in spool.glob("*.jsonl"))
    except OSError:  # another user's: said by `_home`
        waiting = 0
    if not waiting:
        return "nothing has been captured here yet"
    files = "file waits" if waiting == 1 else "files wait"
    return f"nothing was read yet, {waiting} spool {files}: start smile-trace worker"


def _without_content(store: Store) -> Counter[Unread]:
    """Spans of the newest traces that look like calls and gave no content."""
    newest = newest_traces(store.database, NEWEST_TRACES)
    return Counter(one for trace in store.traces.get(newest) for one in unread(trace))


def _forgotten(removals: Sequence[Removal]) -> Iterator[Finding]:
    for (name, by_hand), count in Counter((one.tracker, one.by_hand) for one in removals).items():
        traces = f"{count} forgotten {'trace' if count == 1 else 'traces'}"
        if by_hand:
            said = (
                f"{traces} had to be deleted there by hand: smile-trace forget names each of them "
                "again"
            )
        else:
            said = f"may still have {traces}: the worker deletes them once it is active and answers"
        level: Level = "note" if by_hand else "bad"
        yield Finding(level=level, about=f"tracker {name}", said=said)


def _models(settings: Settings) -> Iterator[Finding]:
    if not settings.models:
        said = "no model is mapped, so nothing is explained: write a table [models.NAME]"
        yield Finding(level="bad", about="models", said=said)
    for name, how in settings.models.items():
        yield _model(f"model {name}", name, how)
        if how.proxy is not None and how.proxy not in settings.models:  # else it has its own line
            asked = settings_of(how.proxy, settings)
            yield _model(f"proxy {how.proxy} of model {name}", how.proxy, asked)


def _model(about: str, name: str, how: ModelSettings) -> Finding:
    if how.calls_function:
        said = "asked through its own function: start the worker with --app MODULE"
        return Finding(level="note", about=about, said=said)
    try:
        model = how.open(name)
        asyncio.run(model.aclose())
    except SmileTraceError as error:
        return Finding(level="bad", about=about, said=str(error))
    if isinstance(how, ServerSettings) and (wrong := _unreachable(how.base_url)):
        return Finding(level="bad", about=about, said=wrong)
    return Finding(level="good", about=about, said="can be asked")


def _unreachable(base_url: str) -> str | None:
    """Why that address takes no connection; nothing is sent, so nothing is paid."""
    address = urlsplit(base_url)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=5):
            return None
    except OSError as error:
        return f"{address.hostname}:{port} does not answer ({error}): start it or correct base_url"


def _trackers(settings: Settings) -> Iterator[Finding]:
    try:
        trackers = discover(settings.trackers)
    except ValueError as error:
        yield Finding(level="bad", about="trackers", said=str(error))
        return
    if not trackers:
        said = (
            "none is active, so nothing is delivered: set MLFLOW_TRACKING_URI or write a "
            "table [trackers.mlflow]; the explanations stay in the store"
        )
        yield Finding(level="note", about="trackers", said=said)
    for tracker in trackers:
        about = f"tracker {tracker.name}"
        try:
            said = (
                "active and responding"
                if tracker.check()
                else "active; its server is not contacted here"
            )
            yield Finding(level="good", about=about, said=said)
        except TrackerUnavailable as error:
            yield Finding(level="bad", about=about, said=str(error))
        finally:
            tracker.close()
