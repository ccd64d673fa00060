"""Profiles in a store, and what simulated people say of their variants."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from smile_trace.records.judgement import Judgement, Reply, ReviewItem
from smile_trace.records.profile import Profile
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.command_line import run_command
from tests.support.sample_profiles import sample_profile
from tests.support.store_rows import call_id, capture, decision, only


def with_profile(store: Store, number: int = 1, profile: Profile | None = None) -> None:
    """Capture a call, and keep a profile of it."""
    capture(store, number)
    store.sampling.decide([decision(number)], {}, now=5.0)
    job = only(store.jobs.due(now=5.0, limit=1))
    call = store.traces.call(call_id(number))
    assert call is not None
    store.profiles.keep(
        job, call, profile or sample_profile(), period="2026-11-27", now=time.time()
    )


def reviewing(folder: Path, **environment: str) -> tuple[Store, Callable[..., str]]:
    """A store with a profile, and what runs `smile-trace review` on it, in a process with this
    environment alone; it gives what was printed."""
    home = folder / "home"
    store = Store.open(Settings(home=home))
    with_profile(store)
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    whole = {**inherited, "SMILE_TRACE_HOME": str(home), **environment}

    def run(*arguments: str) -> str:
        done = run_command("review", *arguments, cwd=folder, env=whole)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return store, run


def judgement(
    item: ReviewItem, reviewer: str, worse: Reply = "yes", *, same: Reply = "yes"
) -> Judgement:
    """What somebody says of a variant."""
    return Judgement(
        variant_id=item.id,
        reviewer=reviewer,
        same_meaning=same,
        worse=worse,
        reason="yes",
        judged_at="2026-11-27T10:00:00+00:00",
    )
