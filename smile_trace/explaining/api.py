"""The public `explain()`: one explanation now, in the foreground."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.attribution import AnyUnit, Embed
from smile_trace.explaining.concurrency import run_in_thread, wait_for
from smile_trace.explaining.driver import (
    ExplanationFailed,
    OnRound,
    StudyVectors,
    resolve_signal,
    run,
)
from smile_trace.explaining.foreground_spending import ForegroundSpending
from smile_trace.explaining.inputs import AnyPrompt
from smile_trace.explaining.named_models import AnyModel
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare
from smile_trace.explaining.studies import make_study, why_no_proxy
from smile_trace.models import Model, Request
from smile_trace.models.ledger import Attempts
from smile_trace.models.metered import MeteredModel
from smile_trace.records import JSON, Explanation, Prompted, ProxyUse, Response
from smile_trace.records.call import cut_at_limit
from smile_trace.settings import Settings


def explain(
    prompt: AnyPrompt | None = None,
    *,
    model: AnyModel | None = None,
    trace_id: str | None = None,
    answer: str | None = None,
    parameters: Mapping[str, JSON] | None = None,
    unit: AnyUnit = "auto",
    protect: Sequence[str | re.Pattern[str]] = (),
    budget: int | None = None,
    signal: Literal["auto", "text", "probability"] = "auto",
    distance: str = "content",
    proxy: AnyModel | None = None,
    seed: int = 0,
    fresh: bool = False,
    part: str | None = None,
    until_settled: int | None = None,
    app: str | None = None,
    on_round: OnRound | None = None,
) -> Explanation:
    """Explain which parts of a prompt drive its answer, now; works in a running event loop too.

    It is feature attribution by ablation (occlusion): the model is asked again with segments of
    the prompt removed, and an attribution is how much of the answer a segment carries.

    What it may spend is its own `budget`, in place of the settings' caps per explanation. A model
    that has a table in the settings counts in their caps per day, too, with what the workers ask,
    in the store of the settings, which is made where there is none. A Model, a function and a
    packaged model without a table do not.

    Args:
        prompt: a text, a list of chat messages, or a rendering of a `Prompt`.
        model: a name from the settings, a Model, or a function `str -> str` (also async);
            `"demo"` is the packaged local model. With `trace_id` the call's own by default.
        trace_id: explain a captured call of the store instead: the trace's id (its last call
            that has an answer), or `trace_id:span_id`.
        answer: what the model said; asked first where it is missing, within the budget.
        parameters: request parameters, e.g. `{"temperature": 0}`.
        unit: what is removed at a time: `auto` (the prompt's structure first, then the sentences
            and words of what matters; of a short prompt its words), `word`, `sentence`, `section`
            (by headings, XML elements, labels, numbered items or blank lines), `message`,
            `variable`; or `example`, `document`, `tool` (a definition), `tool_result`, `media`
            (an image or file), `turn`, `step` (a call of tools with its results), a compiled
            pattern (each match is a unit) or spans of your own (`(start, end)`,
            `(message, start, end)` or texts), with the rest of the prompt retained.
        protect: what is never removed: roles, exact texts, compiled patterns.
        budget: the most calls to the model, retries and the unperturbed prompt included. By
            default 80 where texts are compared and the prompt has more than a dozen words, else 40.
        signal: compare the answers as texts, or by the probability of the given answer.
        distance: compare texts by `content` (what is left out or contradicted), by `words` (word by
            word), or by a distance of their word vectors (`wasserstein` or another of
            `smile_trace.attribution.distance_names()`).
        proxy: a cheaper model that is asked most perturbations, 200 at most, in the model's
            place, which is then asked no more than 20 times (16 of a larger budget). A local
            one, such as `"demo"`, scores the given answer, whoever gave it.
        seed: decides which segments are removed together.
        fresh: ask again what this process has asked before.
        part: explain this part of the answer alone, a sentence or some words as they stand in
            it (where they stand twice, the first); a field of a JSON answer by its path
            (`$.city`, `$.items[0].name`); of a call of a tool `tool` (which one is called) or an
            argument (`$.number`). It takes the same calls as the whole answer.
        until_settled: go on beyond the budget while a part is neither named nor excluded, up to so
            many calls; not with a proxy.
        app: the module of the application, for a captured call of a model of kind "rerun".
        on_round: called after every round with its perturbations and their responses.

    Raises:
        SmileTraceError: it cannot be explained; the message says what to do. Among them
            `CannotExplain` (nothing can be removed), `AnswerSpanNotFound` (the answer does not
            hold the part), `ExplanationFailed` (the prompt cannot be asked), `NoModel`,
            `ModelUnavailable`, `BudgetExceeded` (a cap per day is reached; what was answered is
            kept in this process, and not asked again) and `StoreError` (the store cannot be
            opened, so that nobody knows what is left of these caps).
        TypeError: neither or both of `prompt` and `trace_id`, or no `model`.
        ValueError: the prompt is empty, a message has no role and content, there is no such
            unit or distance, or a span of your own is not in the prompt.
    """
    options = ExplainOptions(
        unit=unit,
        protect=tuple(protect),
        budget=budget,
        signal=signal,
        distance=distance,
        proxy=proxy,
        seed=seed,
        part=part,
        until_settled=until_settled,
    )
    conf = Settings()
    prepared = prepare(
        prompt,
        conf,
        options,
        model=model,
        trace_id=trace_id,
        answer=answer,
        parameters=parameters,
        app=app,
    )
    return explain_prepared(prepared, conf, fresh=fresh, on_round=on_round)


def explain_prepared(
    prepared: Prepared,
    conf: Settings,
    *,
    fresh: bool = False,
    on_round: OnRound | None = None,
    attempts: Attempts | None = None,
) -> Explanation:
    """Explain what was prepared; arguments and errors are those of `explain`.

    Args:
        attempts: a limit on all that is sent, beside the budget.
    """
    why = why_no_proxy(prepared.prompted.answer or "")
    if prepared.proxy is None or why is None:
        return _explain(prepared, conf, fresh, on_round, attempts)
    explanation = _explain(prepared.without_proxy(), conf, fresh, on_round, attempts)
    unused = ProxyUse(name=prepared.proxy.name, dropped=why)
    return explanation.model_copy(update={"proxy": unused})


def _explain(
    prepared: Prepared,
    conf: Settings,
    fresh: bool,
    on_round: OnRound | None,
    attempts: Attempts | None,
) -> Explanation:
    with ForegroundSpending(conf, prepared.settings.most_calls, attempts) as spending:
        paid, proxy = spending.metered(prepared.model, prepared.name, fresh=fresh), None
        if prepared.proxy is not None:
            asked = prepared.options.proxy
            proxy = spending.metered_proxy(prepared.proxy, asked, fresh=fresh)
        embed = spending.embeddings()
        return wait_for(
            explain_metered(prepared, paid, proxy=proxy, embed=embed, on_round=on_round)
        )


async def explain_metered(
    prepared: Prepared,
    paid: MeteredModel,
    *,
    proxy: MeteredModel | None = None,
    embed: Embed | None = None,
    on_round: OnRound | None = None,
) -> Explanation:
    """Explain what was prepared, by models whose calls are counted; errors are those of `explain`.

    Args:
        prepared: what is explained.
        paid: its model.
        proxy: its proxy.
        embed: word vectors of the settings; None for the packaged ones.
        on_round: called after every round.
    """
    prompted, settings, options = prepared.prompted, prepared.settings, prepared.options
    signal = resolve_signal(settings, paid)
    if options.part is not None and signal == "probability":
        _check_scores_whole_answers(paid)
    vectors = StudyVectors(embed)
    before: list[Response] = []
    remaining = settings
    if prompted.answer is None:
        before = [await _ask_first(prompted, paid)]
        given = {
            "answer": before[0].text or "",
            "answer_cut": cut_at_limit(before[0].finish_reason),
        }
        prompted = prompted.model_copy(update=given)
        if signal == "probability" and (before[0].text or "").strip():
            most = settings.until_settled and settings.until_settled - 1
            less = {"budget": settings.budget - 1, "until_settled": most}
            remaining = settings.model_copy(update=less)
        else:  # the study's first baseline is this very answer, and counts it
            before = []
    study = await run_in_thread(
        lambda: make_study(
            prompted, paid, options, remaining, signal=signal, proxy=proxy, embed=vectors.table
        )
    )
    explanation = await run(
        study, paid, proxy=proxy, vectors=vectors, on_round=on_round, before=before
    )
    return explanation.model_copy(update={"settings": settings})


def _check_scores_whole_answers(model: Model) -> None:
    if model.capabilities.first_token_only:
        raise ExplanationFailed(
            f"the model {model.name!r} tells the probability of an answer's first token only: "
            'explain a part of the answer with the signal "text"'
        )


async def ask_once(prompted: Prompted, model: Model) -> Response:
    """The model's response to an unperturbed prompt."""
    with suppress_instrumentation():
        [response] = await model.generate([Request.of(prompted)])
    return response


async def _ask_first(prompted: Prompted, model: Model) -> Response:
    response = await ask_once(prompted, model)
    if not response.ok:
        raise ExplanationFailed(f"the prompt could not be asked: {response.failure}")
    return response
