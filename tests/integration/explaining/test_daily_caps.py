"""What is asked in the foreground counts in the caps per day, beside what the worker asks."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import smile_trace
from smile_trace.cli import main
from smile_trace.errors import BudgetExceeded
from smile_trace.evaluation import check_by_injection, faithfulness
from smile_trace.explaining import spending
from smile_trace.explaining.options import Question
from smile_trace.explaining.preparation import prepare
from smile_trace.explaining.spending import ForegroundSpending
from smile_trace.models import Request
from smile_trace.models.ledger import MemoryCache
from smile_trace.records import Message
from smile_trace.settings import Settings
from smile_trace.store import Store, StoreError, StoreUnavailable
from smile_trace.store.spending.accounts import Spent
from tests.support.ledgers import reserve
from tests.support.planted import PlantedModel, PlantedServer, copying, serving
from tests.support.stores import on_both
from tests.support.stores import settings as settings

PROMPT = "a quick brown fox jumps over the lazy dog"
FOX = copying("fox")


@pytest.fixture(autouse=True)
def _nothing_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "ANSWERS", MemoryCache())


@pytest.fixture
def server() -> Iterator[PlantedServer]:
    """A model that says fox where the prompt does."""
    with serving(FOX) as running:
        yield running


Configure = Callable[..., Settings]


@pytest.fixture
def configure(
    settings: Settings, server: PlantedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Configure:
    """Writes the settings of the directory: a store, caps, and the model `planted`."""

    def write(budget: str = "", table: str = "", explain: str = "") -> Settings:
        url = "" if settings.store.url is None else f'url = "{settings.store.url}"'
        (tmp_path / "smile_trace.toml").write_text(
            f"[store]\n{url}\n[budget]\n{budget}\n[explain]\n{explain}\n[models.planted]\n"
            f'kind = "endpoint"\nbase_url = "{server.base_url}"\n{table}\n'
        )
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("SMILE_TRACE_HOME", str(settings.home))
        return Settings()

    return write


def spent(conf: Settings, model: str | None = None) -> Spent:
    """What the store says was spent today."""
    with Store.open(conf) as store:
        today = store.ledger.today()
        if model is None:
            return store.ledger.spent("day", today)
        return store.ledger.spent("model", f"{today}/{model}")


def _requests(count: int) -> list[Request]:
    asked = Message(role="user", content=PROMPT)
    return [Request(messages=(asked,), replicate=number) for number in range(count)]


def ask_as_worker(conf: Settings, calls: int) -> None:
    """Spend so many calls, as a worker on the same store."""
    with Store.open(conf) as store:
        store.ledger.settle(reserve(store.ledger, calls=calls, usd=None), tokens=1, usd=None)


@on_both
def test_what_the_worker_spent_is_not_spent_again(
    configure: Configure, server: PlantedServer
) -> None:
    conf = configure("calls_per_day = 30")
    ask_as_worker(conf, 29)
    with pytest.raises(BudgetExceeded, match=r"raise budget\.calls_per_day, or wait") as got:
        smile_trace.explain(PROMPT, model="planted", budget=20)
    assert got.value.daily
    assert len(server.bodies) == 1
    assert spent(conf).calls == 30


@on_both
def test_many_at_once_never_pass_a_cap(configure: Configure, server: PlantedServer) -> None:
    conf = configure("calls_per_day = 25")

    def one(number: int) -> str:
        try:
            return smile_trace.explain(f"{PROMPT} {number}", model="planted", budget=20).status
        except BudgetExceeded:
            return "refused"

    with ThreadPoolExecutor(4) as threads:
        assert "refused" in list(threads.map(one, range(4)))
    assert len(server.bodies) == 25
    assert spent(conf).calls == 25


@pytest.mark.slow
@pytest.mark.parametrize("by", ["this process", "another"])
def test_what_was_answered_before_a_cap_is_not_paid_again(
    by: str, configure: Configure, server: PlantedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("calls_per_day = 7")
    with pytest.raises(BudgetExceeded):
        smile_trace.explain(PROMPT, model="planted", budget=20)
    conf = configure("calls_per_day = 100")
    if by == "another":
        monkeypatch.setattr(spending, "ANSWERS", MemoryCache())
    explanation = smile_trace.explain(PROMPT, model="planted", budget=20)
    assert explanation.ranked[0].text == "fox"
    assert explanation.cost.cached_calls == 7
    assert spent(conf).calls == len(server.bodies) == 7 + explanation.cost.target_calls


def test_a_fresh_study_asks_anew_and_hears_its_own_answers(
    configure: Configure, server: PlantedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    first = smile_trace.explain(PROMPT, model="planted", budget=20)
    monkeypatch.setattr(spending, "ANSWERS", MemoryCache())
    server.function = copying("lazy")
    fresh = smile_trace.explain(PROMPT, model="planted", budget=20, fresh=True)
    assert fresh.cost.cached_calls == 0
    assert fresh.drivers[0].text == "lazy"
    assert first.drivers[0].text == "fox"


def _explain(conf: Settings) -> object:
    return smile_trace.explain(PROMPT, model="planted", budget=20)


def _profile(conf: Settings) -> object:
    return smile_trace.profile(PROMPT, model="planted", budget=20)


def _check(conf: Settings) -> object:
    return check_by_injection(prepare(Question(PROMPT, budget=20, model="planted"), conf))


def _faithfulness(conf: Settings) -> object:
    explanation = smile_trace.explain(PROMPT, model=FOX, budget=20)
    return faithfulness(explanation, "planted", orders=1)


@pytest.mark.parametrize(
    "ask",
    [
        _explain,
        *(pytest.param(ask, marks=pytest.mark.slow) for ask in (_profile, _check, _faithfulness)),
    ],
)
def test_whoever_asks_a_named_model_counts_and_leaves_nothing_open(
    configure: Configure, server: PlantedServer, ask: Callable[[Settings], object]
) -> None:
    conf = configure()
    assert not conf.home.exists()  # nobody has captured or explained anything yet
    ask(conf)
    assert not [name for name in _open_files() if str(conf.home) in name]
    assert spent(conf).calls == spent(conf, "planted").calls == len(server.bodies) > 0


def _open_files() -> list[str]:
    found = list[str]()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # other threads open and close files meanwhile
            found.append(os.readlink(link))
    return found


def test_a_model_that_the_settings_do_not_name_needs_no_store(configure: Configure) -> None:
    conf = configure("calls_per_day = 0")
    for model in (FOX, PlantedModel(FOX)):
        assert smile_trace.explain(PROMPT, model=model, budget=20).ranked[0].text == "fox"
    with ForegroundSpending(conf, 20) as spending:  # "demo" is a packaged one
        spending.metered(PlantedModel(FOX), "demo")
    assert not conf.home.exists()


@on_both
async def test_a_captured_name_counts_as_its_table_says(configure: Configure) -> None:
    conf = configure(table='[models."*"]\nkind = "rerun"\ncalls_per_day = 2')
    with ForegroundSpending(conf, 9) as spending:
        paid = spending.metered(PlantedModel(FOX), "gpt-4o")
        await paid.generate(_requests(2))
        with pytest.raises(BudgetExceeded, match=r'raise calls_per_day in \[models."\*"\]'):
            await paid.generate(_requests(3))
    assert spent(conf, "gpt-4o").calls == 2


async def test_the_budget_holds_beside_the_caps_per_day(configure: Configure) -> None:
    conf = configure("calls_per_explanation = 100")
    with ForegroundSpending(conf, 2) as spending:
        paid = spending.metered(PlantedModel(FOX), "planted")
        failures = [response.failure for response in await paid.generate(_requests(3))]
    assert failures == [None, None, "the budget of 2 calls is used up: give a larger one"]


async def test_a_proxy_counts_in_its_own_caps(configure: Configure) -> None:
    conf = configure("calls_per_day = 2", '[models.cheap]\nkind = "rerun"\ncalls_per_day = 5')
    with ForegroundSpending(conf, 2) as spending:
        paid = spending.metered(PlantedModel(FOX), "planted")
        proxy = spending.metered_beside(PlantedModel(FOX), "cheap", "proxy")
        await proxy.generate(_requests(4))
        await paid.generate(_requests(2))
        with pytest.raises(BudgetExceeded, match="day for the model 'cheap'"):
            await proxy.generate(_requests(6))
    assert spent(conf, "cheap").calls == 5
    assert spent(conf).calls == spent(conf, "planted").calls == 2


def test_word_vectors_count_beside_the_budget(configure: Configure, server: PlantedServer) -> None:
    conf = configure(explain='embeddings = "planted"')
    smile_trace.explain(PROMPT, model=FOX, budget=4)
    assert server.bodies
    assert all("input" in body for body in server.bodies)
    assert spent(conf, "planted").calls == len(server.bodies)


def test_nothing_is_asked_where_the_caps_cannot_be_looked_at(
    configure: Configure, server: PlantedServer, settings: Settings, tmp_path: Path
) -> None:
    configure()
    settings.home.write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be made"):
        smile_trace.explain(PROMPT, model="planted", budget=20)
    (tmp_path / "smile_trace.toml").write_text(
        (tmp_path / "smile_trace.toml")
        .read_text()
        .replace("[store]", '[store]\nurl = "postgresql://nobody@127.0.0.1:1/none"')
    )
    os.environ["SMILE_TRACE_HOME"] = str(tmp_path / "other")
    with pytest.raises(StoreUnavailable):
        smile_trace.explain(PROMPT, model="planted", budget=20)
    assert server.bodies == []


def test_the_command_says_which_cap_is_reached(
    configure: Configure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("calls_per_day = 3")
    asked = ["--prompt", PROMPT, "--model", "planted", "--budget", "20"]
    for command in (
        ["explain", *asked],
        ["explain", *asked, "--sanity-check"],
        ["profile", *asked],
    ):
        monkeypatch.setattr("sys.argv", ["smile-trace", *command, "--yes"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1
        shown = capsys.readouterr()
        assert "the cap of 3 calls per day is used up" in shown.err
        assert "raise budget.calls_per_day" in shown.err
        assert "Traceback" not in shown.err


@pytest.mark.slow
def test_an_explanation_is_shown_where_a_cap_ends_its_check(
    configure: Configure,
    server: PlantedServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure()
    smile_trace.explain(PROMPT, model="planted", budget=20)
    configure(f"calls_per_day = {len(server.bodies)}")
    asked = ["explain", "--prompt", PROMPT, "--model", "planted", "--budget", "20", "--yes"]
    monkeypatch.setattr("sys.argv", ["smile-trace", *asked, "--sanity-check"])
    with suppress(SystemExit):
        main()
    shown = capsys.readouterr().out
    assert "fox" in shown
    assert "Sanity check inconclusive: the cap of" in " ".join(shown.split())
