"""Processes that reserve under one cap, send and settle, and are killed at random moments.

python -m tests.support.spenders '{"home": …, "url": …, "sent": …, "cap": 200, "seed": 0}'
"""

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from smile_trace.errors import BudgetExceeded
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreUnavailable
from smile_trace.store.database.postgresql import PostgresDatabase
from tests.support.ledgers import ledger, reserve

WORKERS, FOREGROUND = 16, 8
DYING = 0.03
"""How probably a spender dies at each of its steps."""


def spend(number: int, home: str, url: str | None, sent: str, cap: int, seed: int) -> None:
    """Reserve, send and settle until the cap lets nothing more through, or it dies."""
    chance = random.Random(f"{seed} {number}")
    store = Store.open(Settings(home=Path(home), store={"url": url}))
    if isinstance(store.database, PostgresDatabase) and number % (WORKERS + FOREGROUND) < WORKERS:
        store.database.worker_id = store.workers.register(1, now=time.time()).id
    kept = ledger(store, calls_per_day=cap)
    model = os.open(sent, os.O_WRONLY | os.O_APPEND)
    while True:
        explanation = f"e{number}"
        try:
            reservation = reserve(kept, explanation=explanation, calls=chance.choice((1, 1, 2)))
        except BudgetExceeded:
            return
        except StoreUnavailable:  # a file that was locked for long
            continue
        _perhaps_die(chance)
        if chance.random() < 0.1:
            with suppress(StoreUnavailable):
                kept.release(reservation, sent=False)
            continue
        os.write(model, b".")  # what the model counts
        _perhaps_die(chance)
        with suppress(StoreUnavailable):  # then it stays reserved
            kept.settle(reservation, tokens=chance.randrange(10), usd=0.01)
        _perhaps_die(chance)


def _perhaps_die(chance: random.Random) -> None:
    if chance.random() < DYING:
        os.kill(os.getpid(), signal.SIGKILL)


def main(how: dict[str, Any]) -> None:
    """Fork the spenders; where one is killed, another one takes its place. Prints the kills."""
    kills, born = 0, 0
    running: set[int] = set()
    for _ in range(WORKERS + FOREGROUND):
        running.add(_fork(born, how))
        born += 1
    while running:
        process, status = os.wait()
        running.remove(process)
        if os.WIFSIGNALED(status):
            kills += 1
            running.add(_fork(born, how))
            born += 1
        else:
            assert status == 0
    print(kills)


def _fork(number: int, how: dict[str, Any]) -> int:
    if process := os.fork():
        return process
    try:
        spend(number, **how)
    except BaseException:  # noqa: BLE001 - a child never goes on as its parent
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
