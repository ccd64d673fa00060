import pytest

from smile_trace.store.spending.ledger import BudgetScope, Purpose

JOB = f"{'0' * 32}:{'1' * 16}/abc/1"
KEYS = {
    JOB: BudgetScope(JOB),
    f"{JOB}/proxy": BudgetScope(JOB, Purpose.PROXY),
    f"{JOB}/sanity check": BudgetScope(JOB, Purpose.SANITY_CHECK),
    f"{JOB}/embeddings": BudgetScope(JOB, Purpose.EMBEDDINGS),
    f"{JOB}/try 12": BudgetScope(JOB, Purpose.PROBE, 12),
    "replay/f00": BudgetScope("replay/f00"),
}


@pytest.mark.parametrize("key", KEYS)
def test_the_keys_in_a_store_are_read_and_written(key: str) -> None:
    assert BudgetScope.from_key(key) == KEYS[key]
    assert KEYS[key].key == key
