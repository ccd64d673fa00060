"""The public `profile()`: what happens to an answer when its request changes a little."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.attribution import Embed
from smile_trace.attribution.answer_change.text_comparison import TextComparison, text_comparison
from smile_trace.explaining.driver import ExplanationFailed, cost_of, run_in_thread, wait_for
from smile_trace.explaining.options import AnyModel, AnyPrompt, Question
from smile_trace.explaining.preparation import Prepared, prepare
from smile_trace.explaining.spending import Estimate, ForegroundSpending
from smile_trace.models import Model, Request
from smile_trace.models.metered import MeteredModel
from smile_trace.probes.base import Probe, Variant
from smile_trace.probes.judgements import with_confirmations
from smile_trace.probes.kinds import chosen
from smile_trace.probes.sampling import FIRST, REPEATS, Sampling
from smile_trace.probes.verdict import Answers, make_profile, usual_answer
from smile_trace.records import JSON, Prompted, Response
from smile_trace.records.profile import Profile
from smile_trace.settings import Settings

OnAnswers = Callable[[Sequence[Variant], Sequence[Response]], None]
"""Called after every round with the variants that were sent and their responses."""

UNUSUAL = (
    "The logged answer is not what this model says now: its answers were compared with the one "
    "that it gives."
)


def profile(
    prompt: AnyPrompt | None = None,
    *,
    model: AnyModel | None = None,
    trace_id: str | None = None,
    answer: str | None = None,
    parameters: Mapping[str, JSON] | None = None,
    probes: Sequence[str | Probe] | None = None,
    budget: int = 40,
    seed: int = 0,
    fresh: bool = False,
    app: str | None = None,
    on_answers: OnAnswers | None = None,
) -> Profile:
    """Ask a model again with the request changed a little, in one respect at a time, and say which
    of these changes the answer.

    No tool is executed: a variant is a request, and only the text of its answer is looked at.

    Args:
        prompt: a text, a list of chat messages, or a rendering of a `Prompt`.
        model: a name from the settings, a Model, or a function `str -> str` (also async), which
            must do nothing but answer: one of its requests holds a planted instruction.
        trace_id: profile a captured call of the store instead, as for `explain`.
        answer: what the model said; if missing, it is asked first, within the budget.
        parameters: request parameters, e.g. `{"temperature": 0}`.
        probes: names of probes, or probes of your own (see `probe`); all by default. The two
            controls, `stability` and `paraphrase`, are always included.
        budget: the most calls to the model. A stable prompt takes 4 for each probe that has
            something to vary; an unstable one takes 11 of it, and 8 paraphrases. They count in the
            caps per day as for `explain`.
        seed: decides the variants.
        fresh: ask again what this process has asked before.
        app: the application's module, for a captured call of a model of kind "rerun".
        on_answers: called after every round.

    Raises:
        SmileTraceError: it cannot be profiled; the message says what to do.
        TypeError: neither or both of `prompt` and `trace_id`, or no `model`.
    """
    conf = Settings()
    question = Question(
        prompt,
        model=model,
        trace_id=trace_id,
        answer=answer,
        parameters=parameters,
        budget=budget,
        seed=seed,
        app=app,
    )
    prepared = prepare(question, conf)
    return profile_prepared(prepared, conf, chosen(probes), fresh=fresh, on_answers=on_answers)


def profile_prepared(
    prepared: Prepared,
    conf: Settings,
    probes: Sequence[Probe],
    *,
    fresh: bool = False,
    on_answers: OnAnswers | None = None,
) -> Profile:
    """Profile what was prepared; arguments and errors are those of `profile`."""
    most, trace_id = prepared.options.calls, prepared.trace_id
    with ForegroundSpending(conf, most, trace_id=trace_id) as spending:
        paid = spending.metered(prepared.model, prepared.name, fresh=fresh)
        embed = spending.embeddings()
        found = wait_for(
            profile_metered(prepared, paid, probes, embed=embed, on_answers=on_answers)
        )
    return with_confirmations(found, conf)


async def profile_metered(
    prepared: Prepared,
    paid: MeteredModel,
    probes: Sequence[Probe],
    *,
    embed: Embed | None = None,
    on_answers: OnAnswers | None = None,
) -> Profile:
    """Profile what was prepared by a model whose calls are counted; errors are those of `profile`.

    Args:
        prepared: its options' budget and seed count.
        probes: the two controls, and others.
        embed: word vectors of the settings; None for the packaged ones.
    """
    prompted, options = prepared.prompted, prepared.options
    asking = _Asking(prompted, paid, on_answers)
    if prompted.answer is None:
        [first] = await asking.ask([Variant(prompted.messages, "the request itself")])
        if not first.ok:
            raise ExplanationFailed(f"the prompt could not be asked: {first.failure}")
        prompted = prompted.model_copy(update={"answer": first.text or ""})
    by_name = {probe.words.name: probe for probe in probes}
    repeats_itself = not paid.capabilities.remote and paid.deterministic(prompted.parameters)
    repeats = by_name[REPEATS].variants(prompted, options.seed)[: 1 if repeats_itself else None]
    begin = list(repeats[: min(FIRST, options.calls - len(asking.responses))])
    responses = await asking.ask(begin)
    compare = partial(text_comparison, embed=embed)
    reference = await run_in_thread(_reference, prompted.answer or "", responses, compare)
    note = None
    if reference is not None:
        prompted, note = prompted.model_copy(update={"answer": reference}), UNUSUAL
        at = next(k for k, response in enumerate(responses) if response.ok)
        del begin[at], responses[at]
        repeats = [
            variant for variant in repeats if variant in begin or variant not in repeats[:FIRST]
        ]
    variants = {
        name: repeats
        if name == REPEATS
        else sendable_variants(probe, prompted, prepared.model, options.seed)
        for name, probe in by_name.items()
    }
    comparison = await run_in_thread(compare, prompted.answer or "")
    answers = Answers(by_name, variants, comparison)
    await run_in_thread(_add, answers, [(REPEATS, v) for v in begin], responses)
    while True:
        sampling = Sampling(answers.available, answers.known)
        wanted = await run_in_thread(sampling.next, options.calls - len(asking.responses))
        if not wanted:
            break
        sent = [(name, v) for name, number in wanted.items() for v in answers.waiting(name, number)]
        await run_in_thread(_add, answers, sent, await asking.ask([v for _, v in sent]))
    for name in answers.given:
        lost = answers.open(name)[: options.calls - len(asking.responses)]
        harmless = [replace(one.variant, messages=one.variant.harmless or ()) for one in lost]
        for one, response in zip(lost, await asking.ask(harmless), strict=True):
            if response.ok:
                await run_in_thread(answers.compare, name, one, response.text or "")
    return make_profile(
        prompted,
        answers,
        sampling,
        model=paid.name,
        budget=options.calls,
        seed=options.seed,
        note=note,
        cost=cost_of(asking.responses),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


class _Asking:
    def __init__(self, prompted: Prompted, model: Model, on_answers: OnAnswers | None) -> None:
        self._prompted = prompted
        self._model = model
        self._on_answers = on_answers
        self.responses: list[Response] = []

    async def ask(self, variants: Sequence[Variant]) -> list[Response]:
        responses = await ask_variants(self._prompted, variants, self._model)
        self.responses += responses
        if self._on_answers is not None:
            self._on_answers(variants, responses)
        return responses


async def ask_variants(
    prompted: Prompted, variants: Sequence[Variant], model: Model
) -> list[Response]:
    """Ask variants of a request, all at once."""
    requests = [
        Request.of(prompted.model_copy(update={"messages": variant.messages})).model_copy(
            update={"replicate": variant.replicate}
        )
        for variant in variants
    ]
    with suppress_instrumentation():
        return list(await model.generate(requests)) if requests else []


def sendable_variants(
    probe: Probe, prompted: Prompted, model: Model, seed: int
) -> Sequence[Variant]:
    """Return a probe's variants without those that must not reach this model: an application's
    function would act on a planted instruction."""
    found = probe.variants(prompted, seed)
    if not model.capabilities.calls_function:
        return found
    return [variant for variant in found if variant.marker is None]


def _reference(
    answer: str, responses: Sequence[Response], compare: Callable[[str], TextComparison]
) -> str | None:
    texts = [response.text or "" for response in responses if response.ok]
    return usual_answer(texts, compare(answer).changes(texts), compare)


def _add(
    answers: Answers, sent: Sequence[tuple[str, Variant]], responses: Sequence[Response]
) -> None:
    for (name, variant), response in zip(sent, responses, strict=True):
        answers.add(name, variant, (response.text or "") if response.ok else None)


def first_calls(prepared: Prepared, probes: Sequence[Probe]) -> dict[str, int]:
    """Return the calls that each probe takes of a prompt whose answer nothing changes; 0 if the
    prompt has nothing that it varies."""
    prompted, seed = _answered(prepared.prompted), prepared.options.seed
    return {probe.words.name: min(FIRST, len(probe.variants(prompted, seed))) for probe in probes}


def estimate_profile(prepared: Prepared, probes: Sequence[Probe]) -> Estimate:
    """Estimate the most that the budget's calls take, each as large as the longest variant."""
    longest = longest_variant(prepared.prompted, probes, prepared.options.seed)
    name, calls = prepared.model.name, prepared.options.calls
    return Estimate.of_requests(name, prepared.how, longest, calls, "message")


def longest_variant(prompted: Prompted, probes: Sequence[Probe], seed: int) -> Prompted:
    """Return the request with the messages of its longest variant."""
    prompted = _answered(prompted)
    every = [variant for probe in probes for variant in probe.variants(prompted, seed)]
    longest = max(every, key=lambda one: sum(len(message.content) for message in one.messages))
    return prompted.model_copy(update={"messages": longest.messages})


def _answered(prompted: Prompted) -> Prompted:
    """Return the request with an answer: variants may quote one that is not asked for yet."""
    if prompted.answer is not None:
        return prompted
    return prompted.model_copy(update={"answer": "It is not known yet."})
