"""What a dry run promises is never passed by what is then really reserved."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from smile_trace import semconv
from smile_trace.cli.worker import print_plan
from smile_trace.errors import ReasonCode
from smile_trace.records.call import answer_limit
from smile_trace.settings import Settings
from smile_trace.store.spending.ledger import Left
from smile_trace.worker.lock import worker_lock
from smile_trace.worker.plan import plan
from smile_trace.worker.run import run
from tests.support.planted import PlantedServer
from tests.support.spooled import call_span, write_spool
from tests.support.worker_settings import WORD, planted_answer

Configure = Callable[..., Settings]
PROMPT = f"please give me my {WORD} now or else"


def capture(settings: Settings, *numbers: int, model: str = "planted") -> None:
    spans = [
        call_span(n, prompt=f"{PROMPT} {n}", answer=planted_answer(PROMPT), model=model)
        for n in numbers
    ]
    write_spool(settings.spool, spans, f"{model}.jsonl")


@pytest.mark.slow
def test_what_is_then_spent_stays_below(configure: Configure, server: PlantedServer) -> None:
    settings = configure()
    capture(settings, 1, 2, 3)
    promised = plan(settings)
    [asked] = promised.models
    assert (asked.model, asked.explanations, asked.calls, asked.usd) == ("planted", 3, 60, None)
    assert server.bodies == []
    spent = run(settings, once=True, trackers=[]).spent
    assert 0 < spent.calls <= asked.calls
    assert asked.tokens is not None
    assert 0 < spent.tokens <= asked.tokens
    assert (plan(settings).models, asked.usual) == ((), None)
    capture(settings, 4, 5, 6, 7, 8, 9)
    [asked] = plan(settings).models
    assert asked.usual is not None
    assert asked.tokens is not None
    assert asked.usual.calls == 2 * spent.calls <= asked.calls
    assert asked.usual.tokens == 2 * spent.tokens < asked.tokens
    console = Console(width=200)
    with console.capture() as shown:
        print_plan(plan(settings), console)
    assert f"planted would take about {asked.usual.calls} calls" in shown.get()


@pytest.mark.slow
def test_the_sampling_is_that_of_the_worker(configure: Configure, server: PlantedServer) -> None:
    settings = configure(sampling={"rate": 0.0, "minimum_per_prompt_version": 2})
    capture(settings, *range(1, 8))
    promised = plan(settings)
    assert promised.models[0].explanations == 2
    assert [(s.reason, s.count) for s in promised.skipped] == [("not sampled", 5)]
    assert run(settings, once=True, trackers=[]).explained == 2


def test_what_waited_for_a_table_is_planned_once_it_is_there(configure: Configure) -> None:
    capture(configure(), 1, 2, model="new")
    assert run(configure(), once=True, trackers=[]).sampled == 0
    [left_out] = plan(configure()).skipped
    assert (left_out.count, "no model for 'new'" in left_out.reason) == (2, True)
    how = {"kind": "endpoint", "base_url": "http://127.0.0.1:9/v1"}
    [asked] = plan(configure(models={"new": how})).models
    assert (asked.model, asked.explanations, asked.unavailable) == ("new", 2, "")
    [asked] = plan(configure(models={"new": {**how, "api_key_env": "NO_SUCH_VARIABLE"}})).models
    assert "set the environment variable NO_SUCH_VARIABLE" in asked.unavailable


def test_a_call_that_a_model_has_no_form_for_is_left_out(configure: Configure) -> None:
    """Anthropic's own client reads a PDF; what that costs is not known before."""
    settings = configure(models={"claude": {"kind": "anthropic"}})
    pdf = {"type": "uri", "modality": "file", "uri": "https://example.org/a.pdf"}
    asked = json.dumps([{"role": "user", "parts": [pdf, {"type": "text", "content": PROMPT}]}])
    given: dict[str, Any] = {semconv.INPUT_MESSAGES: asked}
    spans = [call_span(1, model="claude", **given), call_span(2, model="claude")]
    write_spool(settings.spool, spans)
    promised = plan(settings)
    assert [(one.model, one.explanations) for one in promised.models] == [("claude", 1)]
    [left_out] = promised.skipped
    assert (left_out.code, left_out.count) == (ReasonCode.NOT_REPEATABLE, 1)


def test_known_prices_and_caps(configure: Configure) -> None:
    known = {"kind": "endpoint", "base_url": "https://api.openai.com/v1", "max_tokens": 100}
    budget = {"calls_per_explanation": 20, "usd_per_explanation": None, "tokens_per_day": 5000}
    how = {**known, "calls_per_day": 7}
    settings = configure(models={"gpt-4o-mini": how}, budget=budget)
    capture(settings, 1, 2, model="gpt-4o-mini")
    promised = plan(settings)
    [asked] = promised.models
    assert asked.usd is not None
    most = answer_limit(planted_answer(PROMPT))
    assert 40 * most * 0.6e-6 < asked.usd < 0.01  # 60 cents per million output tokens
    assert asked.left == Left(calls=7)
    assert promised.left == Left(calls=2000, tokens=5000, usd=1.0)
    capped = configure(models={"gpt-4o-mini": how}, budget={"usd_per_explanation": 0.0001})
    assert plan(capped).models[0].usd == pytest.approx(0.0002)


def test_beside_a_worker_it_leaves_the_spool_to_it(settings: Settings) -> None:
    capture(settings, 1)
    assert plan(settings).models[0].explanations == 1
    capture(settings, 2)
    with worker_lock(settings.home):
        beside = plan(settings)
    assert (beside.models[0].explanations, beside.beside_worker) == (1, True)
    after = plan(settings)
    assert (after.models[0].explanations, after.beside_worker) == (2, False)
