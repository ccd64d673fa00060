"""The one loop that drives a Study with a Model: in the foreground, the worker, a notebook."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from smile_trace.attribution import ProxyStudy
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.explaining.concurrency import run_in_thread
from smile_trace.explaining.proxies import AnyStudy, proxy_of_model
from smile_trace.models import Model, Request
from smile_trace.models.base import scores_answers
from smile_trace.models.suppression import suppress_instrumentation
from smile_trace.records import (
    Cost,
    Explanation,
    ExplanationSettings,
    Perturbation,
    Prompted,
    Response,
    Signal,
)

OnRound = Callable[[Sequence[Perturbation], Sequence[Response]], None]
"""Told after every round what was asked and what came back."""


class ExplanationFailed(SmileTraceError):
    """There is nothing to explain with; the message says why and what to do."""

    code = ReasonCode.CANNOT_EXPLAIN


def resolve_signal(settings: ExplanationSettings, model: Model) -> Signal:
    """The signal that `auto` stands for: the probability of the whole logged answer where the
    model can score it, else the text.

    Raises:
        ExplanationFailed: the probability is asked for, and the model cannot score answers.
    """
    if settings.signal == "auto":
        return "probability" if model.capabilities.scores_whole_answers else "text"
    if settings.signal == "probability" and not model.capabilities.scores_answers:
        raise ExplanationFailed(
            f"the model {model.name!r} gives no probabilities of a given answer: use signal "
            '"text", or a local model'
        )
    return settings.signal


class Asking(Protocol):
    """What `ask_model` has to know of who asks; a Study does."""

    @property
    def prompted(self) -> Prompted: ...

    @property
    def answer(self) -> str: ...

    @property
    def signal(self) -> Signal: ...


async def ask_model(
    study: Asking,
    model: Model,
    perturbations: Sequence[Perturbation],
    *,
    proxy: Model | None = None,
) -> list[Response]:
    """One round: what comes back for `perturbations`, in their order.

    Args:
        study: who asks.
        model: who answers.
        perturbations: the round.
        proxy: who answers what is asked of a proxy.

    Raises:
        ExplanationFailed: the unperturbed prompt could not be asked; the rest is in vain.
        ModelUnavailable: the model cannot be asked at all.
        BudgetExceeded: a daily cap is reached.
    """
    if proxy is None or not isinstance(study, ProxyStudy):
        return await _ask(study, study.signal, model, perturbations)
    of_target = [k for k, row in enumerate(perturbations) if row.asked == "target"]
    of_proxy = [k for k, row in enumerate(perturbations) if row.asked == "proxy"]
    rows = [perturbations[k] for k in of_target]
    said = await _ask(study, study.signal, model, rows)
    rows = [perturbations[k] for k in of_proxy]
    with proxy_of_model(proxy.name, model.name):
        said += await _ask(study, study.proxy_signal, proxy, rows)
    came = dict(zip([*of_target, *of_proxy], said, strict=True))
    return [came[k] for k in range(len(perturbations))]


async def _ask(
    study: Asking, signal: Signal, model: Model, perturbations: Sequence[Perturbation]
) -> list[Response]:
    if not perturbations:
        return []
    prompted = study.prompted
    requests = [
        Request(
            messages=perturbation.messages,
            form=prompted.form,
            parameters=prompted.parameters,
            replicate=perturbation.replicate,
        )
        for perturbation in perturbations
    ]
    with suppress_instrumentation():
        if signal == "probability" and scores_answers(model):
            responses = await model.score(requests, study.answer)
        else:
            responses = await model.generate(requests)
    _check_baseline(perturbations, responses)
    return responses


async def run(
    study: AnyStudy,
    model: Model,
    *,
    proxy: Model | None = None,
    on_round: OnRound | None = None,
    before: Sequence[Response] = (),
) -> Explanation:
    """Ask and tell until the study is finished; gives its Explanation with its cost and time.

    The study thinks in a thread: the event loop stays free for other explanations.

    Args:
        study: what is asked.
        model: who answers.
        proxy: who answers what is asked of a proxy.
        on_round: told after every round.
        before: what was asked before the study and belongs to its cost.

    Raises:
        ExplanationFailed: the unperturbed prompt could not be asked.
        ModelUnavailable: the model cannot be asked at all.
        BudgetExceeded: a daily cap is reached.
    """
    told, of_proxy = list(before), list[Response]()
    while perturbations := await run_in_thread(study.ask):
        responses = await ask_model(study, model, perturbations, proxy=proxy)
        pairs = list(zip(perturbations, responses, strict=True))
        await run_in_thread(study.tell, pairs)
        told.extend(response for row, response in pairs if row.asked == "target")
        of_proxy.extend(response for row, response in pairs if row.asked == "proxy")
        if on_round is not None:
            on_round(perturbations, responses)
    return await run_in_thread(finish, study, told, of_proxy)


def finish(
    study: AnyStudy, responses: Iterable[Response], of_proxy: Iterable[Response] = ()
) -> Explanation:
    """The study's Explanation with what `responses`, and those of its proxy, cost, and the time."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    update = {"cost": together(cost_of(responses), cost_of(of_proxy)), "explained_at": now}
    return study.result().model_copy(update=update)


def cost_of(responses: Iterable[Response]) -> Cost:
    """What responses cost together; those from the cache cost nothing now."""
    asked, cached = [], 0
    for response in responses:
        if response.cached:
            cached += 1
        else:
            asked.append(response)
    usages = [response.usage for response in asked if response.usage is not None]
    prices = [r.usd for r in asked if r.ok or r.usage is not None]  # a filtered one costs, too
    known = [price for price in prices if price is not None]
    return Cost(
        target_calls=len(asked),
        cached_calls=cached,
        tokens=sum((u.input_tokens or 0) + (u.output_tokens or 0) for u in usages),
        usd=sum(known) if len(known) == len(prices) else None,
    )


def together(target: Cost, proxy: Cost) -> Cost:
    """What both cost, each of them counted as the target."""
    known = target.usd is not None and proxy.usd is not None
    return Cost(
        target_calls=target.target_calls,
        proxy_calls=proxy.target_calls,
        cached_calls=target.cached_calls + proxy.cached_calls,
        tokens=target.tokens + proxy.tokens,
        usd=(target.usd or 0.0) + (proxy.usd or 0.0) if known else None,
    )


def _check_baseline(perturbations: Sequence[Perturbation], responses: Sequence[Response]) -> None:
    pairs = zip(perturbations, responses, strict=True)
    baseline = [r for row, r in pairs if row.kind == "baseline" and row.asked == "target"]
    if baseline and not any(response.ok for response in baseline):
        raise ExplanationFailed(
            f"the prompt itself could not be asked again: {baseline[0].failure}"
        )
