"""The caps hold to the call, whoever asks at the same time and whatever dies."""

import pytest
from sqlalchemy import insert

from smile_trace.errors import BudgetExceeded
from smile_trace.records import Response
from smile_trace.settings import Budget, Settings
from smile_trace.store import Store
from smile_trace.store.spending.accounts import Spent
from smile_trace.store.spending.ledger import BudgetScope, Purpose, StoredLedger
from smile_trace.store.tables import responses
from tests.support.ledgers import DAY, ledger, reserve


def capped(store: Store, **tables: dict[str, float]) -> StoredLedger:
    models = Settings(
        models={
            name.replace("any", "*"): {"kind": "endpoint", "base_url": "http://x/v1", **caps}
            for name, caps in tables.items()
        }
    ).models
    budget = Budget(calls_per_day=None, usd_per_day=None, usd_per_explanation=None)
    return StoredLedger(store.database, budget, models, clock=lambda: 10 * DAY)


@pytest.mark.parametrize(
    ("cap", "daily"),
    [
        ({"calls_per_day": 4}, True),
        ({"tokens_per_day": 40}, True),
        ({"usd_per_day": 0.4000001}, True),
        ({"usd_per_explanation": 0.4000001}, False),
        ({"calls_per_explanation": 4}, False),
    ],
)
def test_a_cap_is_never_passed(store: Store, cap: dict[str, float], daily: bool) -> None:
    kept = ledger(store, **cap)
    for _ in range(4):
        reserve(kept)
    before = kept.spent("day", kept.today())
    with pytest.raises(BudgetExceeded, match="raise budget") as caught:
        reserve(kept)
    assert caught.value.daily is daily
    assert kept.spent("day", kept.today()) == before


@pytest.mark.parametrize(
    "cap", [{"calls_per_day": 2}, {"tokens_per_day": 20}, {"usd_per_day": 0.2000001}]
)
def test_a_model_has_caps_of_its_own(store: Store, cap: dict[str, float]) -> None:
    kept = capped(store, m=cap)
    reserve(kept)
    reserve(kept)
    before = store.status().spent
    with pytest.raises(BudgetExceeded, match=r"in \[models.\"m\"\], or wait until midnight") as got:
        reserve(kept)
    assert got.value.daily
    assert store.status().spent == before
    reserve(kept, model="another")


def test_each_name_behind_the_star_has_its_own_count(store: Store) -> None:
    kept = capped(store, any={"calls_per_day": 1}, named={}, shut={"calls_per_day": 0})
    assert kept.used_up() == {"shut"}
    for name in ("m", "n", "named", "named"):
        reserve(kept, model=name)
    assert kept.used_up() == {"m", "n", "shut"}
    with pytest.raises(BudgetExceeded, match=r"calls_per_day in \[models.\"\*\"\]"):
        reserve(kept, model="m")


def test_a_settled_reservation_counts_as_what_it_used(store: Store) -> None:
    kept = ledger(store)
    reservation = reserve(kept, calls=2, tokens=100, usd=1.0)
    kept.settle(reservation, tokens=30, usd=0.25)
    kept.settle(reservation, tokens=0, usd=0.0)  # a second time changes nothing
    spent = Spent(calls=2, tokens=30, usd=0.25)
    assert kept.spent("day", kept.today()) == spent
    assert kept.spent("explanation", "e") == spent
    assert kept.spent("model", f"{kept.today()}/m") == spent


def test_what_was_refused_counts_for_the_day_and_what_was_never_sent_for_nothing(
    store: Store,
) -> None:
    kept = ledger(store)
    used = reserve(kept, calls=2, tokens=100, usd=1.0)
    kept.settle(used, tokens=30, usd=0.25)
    refused, unsent = (reserve(kept, calls=3, tokens=100, usd=None) for _ in range(2))
    for _ in range(2):  # a second time changes nothing
        kept.release(refused, sent=True)
        kept.release(unsent, sent=False)
        kept.release(used, sent=False)
    assert kept.spent("explanation", "e") == Spent(calls=2, tokens=30, usd=0.25)
    for scope, key in (("day", kept.today()), ("model", f"{kept.today()}/m")):
        assert kept.spent(scope, key) == Spent(calls=5, tokens=30, usd=0.25)  # type: ignore[arg-type]


def test_an_unknown_price_is_no_price(store: Store) -> None:
    kept = ledger(store, usd_per_day=0.01)
    reservation = reserve(kept, usd=None, calls=3)
    assert kept.spent("day", kept.today()).unpriced_calls == 3
    kept.settle(reservation, tokens=1, usd=0.5)
    assert kept.spent("day", kept.today()) == Spent(calls=3, tokens=1, usd=0.5)


def test_whole_explanations_are_begun_only_where_there_is_room(store: Store) -> None:
    kept = ledger(store, calls_per_day=50, calls_per_explanation=20)
    assert kept.room_for(2)
    assert not kept.room_for(3)
    reserve(kept, calls=20)
    assert not kept.room_for(2)
    assert kept.room_for(1)
    reserve(kept, calls=20, explanation="f")
    reserve(kept, calls=9, explanation="g")
    assert kept.room_for(1)
    reserve(kept, calls=1, explanation="g")
    assert not kept.room_for(1)


def test_an_orphaned_reservation_stays_spent(settings: Settings) -> None:
    with Store.open(settings) as store:
        reserve(ledger(store, calls_per_day=2), calls=2)
    with Store.open(settings) as again, pytest.raises(BudgetExceeded):
        reserve(ledger(again, calls_per_day=2))


def test_the_cap_frees_itself_at_midnight_utc(store: Store) -> None:
    reserve(ledger(store, 10 * DAY + 100, calls_per_day=1))
    with pytest.raises(BudgetExceeded, match="midnight UTC"):
        reserve(ledger(store, 11 * DAY - 1, calls_per_day=1))
    reserve(ledger(store, 11 * DAY, calls_per_day=1))


def test_settling_after_midnight_settles_the_day_of_the_reservation(store: Store) -> None:
    before, after = ledger(store, 11 * DAY - 1), ledger(store, 11 * DAY)
    reservation = reserve(before, tokens=100)
    after.settle(reservation, tokens=7, usd=0.0)
    assert before.spent("day", before.today()).tokens == 7
    assert after.spent("day", after.today()) == Spent()


def test_a_clock_that_jumps_back_a_day_breaks_nothing(store: Store) -> None:
    reservation = reserve(ledger(store, 11 * DAY), tokens=100)
    earlier = ledger(store, 10 * DAY)
    earlier.settle(reservation, tokens=5, usd=0.0)
    reserve(earlier)
    assert store.status().spent.calls == 2


def test_answers_are_kept_and_failures_are_not(store: Store) -> None:
    many = {f"k{number}": Response(text=str(number)) for number in range(1200)}
    store.responses.put_many({**many, "bad": Response(failure="no")})
    store.responses.put_many({"k1": Response(text="another")})
    found = store.responses.get_many([*many, "bad", "unknown"])
    assert set(found) == set(many)
    assert found["k1"] == Response(text="1", cached=True)
    assert store.responses.get_many([]) == {}
    store.responses.used_by(None, replacing=True).put_many({"k1": Response(text="fresh")})
    assert store.responses.get_many(["k1"])["k1"].text == "fresh"


@pytest.mark.parametrize(
    ("tokens", "usd"),
    [(-5, 0.1), (5, -0.1), (5, float("nan")), (5, float("inf")), (10**12, 0.1), (5, 10.0**9)],
)
def test_usage_that_cannot_be_true_leaves_the_reservation(
    store: Store, tokens: int, usd: float, caplog: pytest.LogCaptureFixture
) -> None:
    kept = ledger(store)
    for _ in range(2):
        kept.settle(reserve(kept), tokens=tokens, usd=usd)
    assert kept.spent("day", kept.today()) == Spent(calls=2, tokens=20, usd=0.2)
    assert sum("is not believed" in message for message in caplog.messages) == 1


def test_usage_somewhat_above_its_bound_counts(store: Store) -> None:
    kept = ledger(store)
    kept.settle(reserve(kept), tokens=300, usd=0.2)
    assert kept.spent("day", kept.today()) == Spent(calls=1, tokens=300, usd=0.2)


def test_a_response_that_cannot_be_read_is_asked_again_and_replaced(store: Store) -> None:
    key, good = "k", Response(text="yes", logprobs=(-0.5,))
    with store.database.write() as connection:
        body = '{"text": "yes", "tokens": ["yes"], "logprobs": [null]}'
        connection.execute(insert(responses).values(key=key, created_at=0.0, body=body))
    assert store.responses.get_many([key]) == {}
    store.responses.put_many({key: good})
    assert store.responses.get_many([key])[key].logprobs == (-0.5,)


JOB = f"{'0' * 32}:{'1' * 16}/abc/1"
KEYS = {
    JOB: BudgetScope(JOB),
    f"{JOB}/proxy": BudgetScope(JOB, Purpose.PROXY),
    f"{JOB}/sanity check": BudgetScope(JOB, Purpose.SANITY_CHECK),
    f"{JOB}/embeddings": BudgetScope(JOB, Purpose.EMBEDDINGS),
    f"{JOB}/try 12": BudgetScope(JOB, Purpose.PAUSED, 12),
    "replay/f00": BudgetScope("replay/f00"),
}


@pytest.mark.parametrize("key", KEYS)
def test_the_keys_in_a_store_are_read_and_written(key: str) -> None:
    assert BudgetScope.from_key(key) == KEYS[key]
    assert KEYS[key].key == key
