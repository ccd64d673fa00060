"""The bound on the cost of an explanation, before anything is spent."""

import json
import re

import pytest

import smile_trace
from smile_trace.capture import runtime as capture_state
from smile_trace.cli.arguments import confirm, describe
from smile_trace.explaining import ExplanationFailed, estimate, explain
from smile_trace.explaining.inputs import read_trace
from smile_trace.explaining.options import Question
from smile_trace.explaining.paths import estimate_path
from smile_trace.explaining.preparation import prepare
from smile_trace.explaining.spending import check_worth
from smile_trace.models import ModelUnavailable
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.priced_models import PROMPT
from tests.support.spooled import call_span, context_span, span_id, trace_id, write_spool


def test_the_bound_of_a_model_with_a_price(priced_models):
    most = estimate(PROMPT, model="gpt-4o-mini", budget=20)
    assert (most.calls, most.segments, most.signal) == (20, 5, "text")
    sent = json.dumps([[{"role": "user", "content": PROMPT}], None])
    assert most.tokens == 20 * (len(sent) + 10)
    assert most.usd == pytest.approx(20 * (len(sent) * 0.15e-6 + 10 * 0.60e-6))
    assert most.paid


def test_the_bound_of_a_path_is_that_of_its_dearest_call(priced_models):
    settings = Settings()
    spans = [context_span(1), context_span(2)]
    for number, model in ((1, "gpt-4o-mini"), (2, "strange")):
        long, short = PROMPT * 20, PROMPT
        spans += [
            call_span(number, span=1, prompt=long, model=model, parent=span_id(9)),
            call_span(number, span=2, prompt=short, model="gpt-4o-mini", parent=span_id(9)),
        ]
    write_spool(settings.spool, spans)
    with Store.open(settings) as store:
        Ingest(store, settings).run()
    one, other = (
        estimate_path(
            Question(trace_id=trace_id(n), budget=120), read_trace(trace_id(n), settings), settings
        )
        for n in (1, 2)
    )
    alone = estimate(trace_id=trace_id(1), budget=120)
    assert (one.calls, one.model, one.segments) == (120, "gpt-4o-mini", alone.segments)
    assert one.usd > 2 * alone.usd
    assert (other.usd, other.paid, other.model) == (None, True, "gpt-4o-mini, strange")


def test_which_models_may_cost_money(priced_models):
    assert estimate(PROMPT, model="strange").paid
    assert estimate(PROMPT, model="strange").usd is None
    assert not estimate(PROMPT, model="near").paid
    assert not estimate(PROMPT, model=lambda prompt: prompt).paid


def test_two_estimates_add_up(priced_models):
    one, other = (estimate(PROMPT, model="gpt-4o-mini", budget=n) for n in (4, 6))
    both = one.plus(other)
    assert (both.calls, both.tokens) == (10, one.tokens + other.tokens)
    assert both.usd == pytest.approx(one.usd + other.usd)
    assert one.plus(estimate(PROMPT, model="strange")).usd is None


def test_a_proxy_of_either_is_in_the_sum(priced_models):
    alone = estimate(PROMPT, model="gpt-4o-mini", budget=8)
    beside = estimate("word " * 100, model="gpt-4o-mini", proxy="near")
    assert alone.plus(beside).proxy == beside.plus(alone).proxy == beside.proxy
    assert beside.plus(beside).proxy.calls == 2 * beside.proxy.calls


def test_a_dry_run_is_described(priced_models):
    said = describe(estimate(PROMPT, model="gpt-4o-mini", budget=20))
    for fact in ("5 words", "as texts", "gpt-4o-mini", "https://api.openai.com/v1", "20 calls"):
        assert fact in said
    assert "$0.00" in said
    hostile = estimate(PROMPT, model="near").model_copy(update={"model": "\x1b[2J"})
    assert "\x1b" not in describe(hostile)


def test_the_bound_of_a_proxy(priced_models):
    _, server = priced_models
    most = estimate("word " * 100, model="gpt-4o-mini", proxy="near")
    assert most.calls == 16
    assert most.proxy is not None
    assert (most.proxy.model, most.proxy.calls, most.proxy.paid) == ("near", 200, False)
    said = describe(most)
    assert "Model: gpt-4o-mini, https://api.openai.com/v1.\nAt most: 16 calls" in said
    assert f"Most requests go to its proxy: near, {server.base_url}: at most 200 calls" in said
    assert "larger parts" not in said  # the proxy has a call for every word
    assert server.bodies == []


@pytest.mark.parametrize(("model", "proxy"), [("strange", "near"), ("near", "strange")])
def test_the_one_of_model_and_proxy_that_may_cost_money_is_named(
    priced_models, capsys, model, proxy
):
    confirm(estimate(PROMPT, model=model, proxy=proxy), yes=False)  # no terminal
    said = capsys.readouterr().err
    assert "strange" in said
    assert "near" not in said
    assert "cost unknown" in said


def test_a_dry_run_of_a_long_prompt_and_of_a_pattern(priced_models):
    long = describe(estimate("word " * 1200, model="near"))
    assert "some of its 1,200 words removed, larger parts first" in long
    assert "larger parts" not in describe(estimate("word " * 40, model="near"))
    assert "some of its 40 parts removed;" in describe(
        estimate("word " * 40, model="near", unit=re.compile("word"))
    )


@pytest.mark.parametrize(("model", "yes"), [("strange", True), ("near", False)])
def test_no_confirmation_with_yes_or_at_no_cost(priced_models, monkeypatch, capsys, model, yes):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    confirm(estimate(PROMPT, model=model), yes=yes)
    assert capsys.readouterr().err == ""


def test_a_decorated_function_is_rerun_with_its_module(priced_models, monkeypatch):
    folder, _ = priced_models
    (folder / "shop.py").write_text(
        "import smile_trace\n"
        '@smile_trace.trace(model="again", rerun=True)\n'
        "def ask(prompt: str) -> str:\n"
        '    return "Paris" if "Eiffel" in prompt else "nowhere"\n'
    )
    monkeypatch.syspath_prepend(str(folder))
    smile_trace.configure(home=folder / "state")
    try:
        import shop  # type: ignore[import-not-found]

        shop.ask(PROMPT)
    finally:
        capture_state.runtime().spool.close()
    with Store.open(Settings()) as store:
        Ingest(store, Settings()).run()
        [call_id] = store.traces.find_calls("")
    with pytest.raises(ModelUnavailable, match="--app"):
        explain(trace_id=call_id)
    assert estimate(trace_id=call_id, app="shop").paid  # its provider is not known
    explanation = explain(trace_id=call_id, app="shop", budget=20)
    assert explanation.ranked[0].text == "Eiffel"


@pytest.mark.parametrize(
    ("words", "model", "temperature", "fewest"),
    [
        (3, "demo", 0, 6),  # a text that is drawn twice is one call and two rows
        (8, "demo", 0, 9),
        (2, "strange", None, 13),  # three replicates of the baseline
        (14, "strange", None, 13),
    ],
)
def test_a_budget_is_refused_only_where_it_is_too_small(
    priced_models, words, model, temperature, fewest
):
    prompt = " ".join("abcdefghijklmno"[:words])
    parameters = {} if temperature is None else {"temperature": temperature}

    def prepared(budget):
        question = Question(prompt, model=model, answer="x", parameters=parameters, budget=budget)
        return prepare(question, Settings())

    check_worth(prepared(fewest))
    check_worth(prepared(200))
    with pytest.raises(ExplanationFailed, match=f"give at least {fewest}"):
        check_worth(prepared(fewest - 1))
