"""Ledgers on a clock that stands still."""

from smile_trace.settings import Budget
from smile_trace.store import Store
from smile_trace.store.spending.ledger import StoredLedger

DAY = 86400.0


def ledger(store: Store, now: float = 10 * DAY, **caps: float | None) -> StoredLedger:
    uncapped: dict[str, float | None] = {
        "calls_per_explanation": 10**6,
        "usd_per_explanation": None,
        "calls_per_day": None,
        "usd_per_day": None,
    }
    budget = Budget.model_validate({**uncapped, **caps})
    return StoredLedger(store.database, budget, clock=lambda: now)


def reserve(kept: StoredLedger, **more: object) -> str:
    asked = {"model": "m", "explanation": "e", "calls": 1, "tokens": 10, "usd": 0.1, **more}
    return kept.reserve(**asked)  # type: ignore[arg-type]


class RecordingLedger:
    """Allows everything and notes what attempts were settled at, in tokens."""

    caps_money = False

    def __init__(self) -> None:
        self.settled: list[int] = []

    def delay(self, *, model: str, calls: int, tokens: int) -> float:
        """See `Ledger.delay`."""
        return 0.0

    def reserve(
        self, *, model: str, explanation: str, calls: int, tokens: int, usd: float | None
    ) -> str:
        """See `Ledger.reserve`."""
        return "a reservation"

    def settle(self, reservation: str, *, tokens: int, usd: float | None) -> None:
        """See `Ledger.settle`."""
        self.settled.append(tokens)

    def release(self, reservation: str, *, sent: bool) -> None:
        """See `Ledger.release`."""
