"""A worker whose model has a proxy: who is asked and paid, what is said, and when it is dropped."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smile_trace.records import Explanation
from smile_trace.render.heatmap_layout import heatmap
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.plan import plan
from smile_trace.worker.run import run
from smile_trace.worker.status import read_home
from smile_trace.worker.upkeep import reset_proxies
from tests.support.fake_tracker import FakeTracker
from tests.support.planted import PlantedServer, serving
from tests.support.spooled import span_id, trace_id
from tests.support.worker_settings import WORD, capture, wait_for

PROMPT = f"please give me my {WORD} now or else I will write to the newspaper"
PROXY_CALLS = 60
TARGET_CALLS = 20

Configure = Callable[..., Settings]


def agrees(prompt: str) -> str:
    """Another wording than the target's, that depends on the same word."""
    return "we send it back at once" if WORD in prompt else "good day to you"


def says_the_opposite(prompt: str) -> str:
    """Moves where the target does not, and stays where it moves."""
    whole = len(prompt.split()) == len(PROMPT.split())
    return "we send it back at once" if whole or WORD not in prompt else "good day to you"


@pytest.fixture
def cheap() -> Iterator[PlantedServer]:
    """The proxy, which agrees with the target unless a test says otherwise."""
    with serving(agrees) as running:
        yield running


def tables_of(server: PlantedServer, cheap: PlantedServer, **more: Any) -> dict[str, Any]:
    """Settings in which `planted` has the proxy `cheap`."""
    how = {"kind": "endpoint", "temperature_zero_is_deterministic": True, "retries": 0}
    tables = {
        "models": {
            "planted": {**how, "base_url": server.base_url, "proxy": "cheap"},
            "cheap": {**how, "base_url": cheap.base_url},
        },
        "budget": {
            "calls_per_explanation": TARGET_CALLS,
            "proxy_calls_per_explanation": PROXY_CALLS,
            "usd_per_explanation": None,
        },
    }
    for name, table in more.items():
        tables[name] = {**tables.get(name, {}), **table}  # type: ignore[dict-item]
    return tables


@pytest.fixture
def proxied(configure: Configure, server: PlantedServer, cheap: PlantedServer) -> Settings:
    """The tests' settings with the proxy."""
    return configure(**tables_of(server, cheap))


def explanations(settings: Settings, *numbers: int) -> list[Explanation]:
    with Store.open(settings) as store:
        found = [store.explanation(f"{trace_id(n)}:{span_id(1)}") for n in numbers]
    assert all(found)
    return [explanation for explanation in found if explanation is not None]


def asked_twice(server: PlantedServer) -> int:
    """How many requests came again."""
    counts = Counter(json.dumps(body["messages"]) for body in server.bodies)
    return sum(count - 1 for count in counts.values())


@pytest.mark.slow
def test_the_proxy_is_asked_most_and_paid_in_its_own_name(
    proxied: Settings, server: PlantedServer, cheap: PlantedServer
) -> None:
    capture(proxied, 1, prompt=PROMPT)
    calls = {planned.model: planned.calls for planned in plan(proxied).models}
    assert calls == {"planted": TARGET_CALLS, "cheap": PROXY_CALLS}
    assert server.bodies == cheap.bodies == []
    tracker = FakeTracker()
    status = run(proxied, once=True, trackers=[tracker])
    assert (status.explained, status.reliable) == (1, 1)
    [explanation] = explanations(proxied, 1)
    assert explanation.ranked[0].text.startswith(WORD)
    assert len(server.bodies) == explanation.cost.target_calls <= TARGET_CALLS
    assert TARGET_CALLS < len(cheap.bodies) == explanation.cost.proxy_calls <= PROXY_CALLS
    assert asked_twice(server) == asked_twice(cheap) == 0
    use = explanation.proxy
    assert use is not None
    assert (use.name, use.signal, use.dropped) == ("cheap", "text", None)
    assert use.trust > 0.9
    [item] = tracker.explanations.values()
    assert item.explanation.proxy == use
    facts = " ".join(heatmap(explanation).facts)
    assert "proxy cheap gave answers of its own, trust" in facts
    with Store.open(proxied) as store:
        day = store.ledger.today()
        assert store.ledger.spent("model", f"{day}/planted").calls == len(server.bodies)
        assert store.ledger.spent("model", f"{day}/cheap").calls == len(cheap.bodies)
        assert store.ledger.spent("day", day).calls == len(server.bodies)
        [pair] = store.proxy_trusts.pairs()
        assert (pair.target, pair.proxy) == ("planted", "cheap")
        assert store.proxy_trusts.values(pair) == [use.trust]


@pytest.mark.slow
def test_a_proxy_that_says_the_opposite_is_dropped_and_everybody_says_so(
    proxied: Settings, cheap: PlantedServer, caplog: pytest.LogCaptureFixture
) -> None:
    cheap.function = says_the_opposite
    capture(proxied, *range(1, 9), prompt=PROMPT)
    run(proxied, once=True, trackers=[])
    before = len(cheap.bodies)
    assert "the proxy cheap of planted is dropped for" in caplog.text
    capture(proxied, 20, prompt=PROMPT)
    run(proxied, once=True, trackers=[])
    assert len(cheap.bodies) == before  # and it is not even asked for the unperturbed prompt
    [explanation] = explanations(proxied, 20)
    use = explanation.proxy
    assert use is not None
    assert use.dropped is not None
    assert "does not predict this model on this prompt" in use.dropped
    assert explanation.fidelity.status == "reliable"
    assert explanation.ranked[0].text.startswith(WORD)
    assert any("proxy cheap not used" in fact for fact in heatmap(explanation).facts)
    [said] = read_home(proxied).dropped_proxies
    assert said.startswith("cheap for planted on")
    with Store.open(proxied) as store:
        assert reset_proxies(store) == 1
        assert reset_proxies(store) == 0
    capture(proxied, 21, prompt=PROMPT)
    run(proxied, once=True, trackers=[])
    assert len(cheap.bodies) > before


@pytest.mark.slow
def test_a_proxy_that_is_gone_is_waited_for_and_named(
    proxied: Settings,
    server: PlantedServer,
    cheap: PlantedServer,
    at_work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("smile_trace.worker.explaining.job_models.MIN_PROBE_WAIT", 0.2)
    cheap.faults = [(401, {}, {"error": {"message": "wrong key"}})] * 1000
    capture(proxied, 1, prompt=PROMPT)
    with at_work(proxied) as store:
        wait_for(lambda: store.status().paused_models)
        [paused] = store.status().paused_models
        assert "the proxy 'cheap' of the model 'planted'" in paused.reason
        cheap.faults = []
        wait_for(lambda: store.status().explained == 1)
        assert store.status().paused_models == ()
        assert asked_twice(server) == 0


@pytest.mark.slow
def test_a_proxy_that_left_the_settings_is_no_obstacle(
    proxied: Settings, configure: Configure, server: PlantedServer, cheap: PlantedServer
) -> None:
    cheap.faults = [(401, {}, {"error": {"message": "wrong key"}})] * 1000
    capture(proxied, 1, prompt=PROMPT)
    assert run(proxied, once=True, trackers=[]).pending == 1
    without = configure(budget={"calls_per_explanation": TARGET_CALLS})
    with Store.open(proxied) as store, store.database.write() as connection:  # an hour later
        connection.exec_driver_sql("UPDATE jobs SET not_before = 0")
        connection.exec_driver_sql("UPDATE paused_models SET not_before = 0")
    assert run(without, once=True, trackers=[]).explained == 1
    [explanation] = explanations(proxied, 1)
    assert explanation.proxy is not None
    assert explanation.proxy.dropped == "the settings no longer have this model"
