"""The caps hold over several processes."""

from pathlib import Path

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
