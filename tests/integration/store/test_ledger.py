"""The caps hold over several processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smile_trace.errors import BudgetExceeded
from smile_trace.settings import Settings
from smile_trace.store import Store
from tests.support.forked import FORKS
from tests.support.ledgers import ledger, reserve


def _ask_alone(home: str, url: str | None) -> int:
    with Store.open(Settings(home=Path(home), store={"url": url})) as store:
        kept, allowed = ledger(store, calls_per_day=40), 0
        for number in range(30):
            try:
                reserve(kept, explanation=str(number))
                allowed += 1
            except BudgetExceeded:
                pass
    return allowed


def test_processes_share_one_cap(settings: Settings, store: Store) -> None:
    with FORKS.Pool(3) as pool:
        asked = [(str(settings.home), settings.store.url)] * 3
        assert sum(pool.starmap(_ask_alone, asked)) == 40


@pytest.mark.slow
def test_a_cap_holds_over_many_who_die_at_random(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    cap, sent = 200, tmp_path / "sent"
    sent.touch()
    how = {"home": str(settings.home), "url": settings.store.url, "sent": str(sent), "cap": cap}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.spenders", json.dumps({**how, "seed": 0})],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    kept = ledger(store, calls_per_day=cap)
    spent = kept.spent("day", kept.today())
    assert int(ran.stdout) > 5
    # Where a request would need two, one may be left.
    assert cap - 1 <= spent.calls <= cap
    assert sent.stat().st_size <= spent.calls
