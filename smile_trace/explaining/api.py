"""The public `explain()`, in the foreground, and `answer_change()`, which compares two answers."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache

from smile_trace._guards.external_tracing import suppress_instrumentation
from smile_trace.attribution import Distance, Embed
from smile_trace.attribution.answer_change import AnswerChange, Meaning, compare, embed_sentences
from smile_trace.attribution.answer_change.distances import CONTENT
from smile_trace.attribution.answer_change.text_comparison import text_comparison
from smile_trace.explaining.driver import (
    ExplanationFailed,
    OnRound,
    StudyVectors,
    load_soon,
    resolve_signal,
    run,
    run_in_thread,
    wait_for,
)
from smile_trace.explaining.options import Question, takes
from smile_trace.explaining.preparation import Prepared, prepare, stored_explanation
from smile_trace.explaining.scoring import Scores, by_function, by_judge
from smile_trace.explaining.spending import ForegroundSpending
from smile_trace.explaining.studies import REASONING, make_study, why_no_proxy
from smile_trace.models import Model, ReasoningRefused, Request
from smile_trace.models.ledger import Attempts
from smile_trace.models.metered import MeteredModel
from smile_trace.records import Explanation, Perturbation, Prompted, ProxyUse, Response
from smile_trace.records.call import cut_at_limit
from smile_trace.settings import Settings


@dataclass(frozen=True)
class _Asked(Question):
    _: KW_ONLY
    fresh: bool = False
    on_round: OnRound | None = None


@takes(_Asked)
def explain(asked: _Asked) -> Explanation:
    """Explain which parts of a prompt drive its answer, now; works in a running event loop too.

    This is feature attribution by ablation (occlusion): the model is asked again with segments of
    the prompt removed, and an attribution is how much of the answer a segment carries.

    Its own `budget` limits the spending, in place of the settings' caps per explanation. A model
    with a table in the settings also counts toward their caps per day, together with what the
    workers ask, in the store of the settings, which is created if missing. A Model, a function and
    a packaged model without a table do not.

    A captured call that is explained already, with the options that are given here, is not asked
    about again: the stored explanation is returned, whoever made it.

    Args:
        prompt: a text, a list of chat messages, or a rendering of a `Prompt`.
        model: a name from the settings, a Model, or a function `str -> str` (also async); `"demo"`
            is the packaged local model. With `trace_id` the call's own by default.
        trace_id: explain a captured call of the store instead: the trace's id (its last call that
            has an answer), or `trace_id:span_id`.
        answer: what the model said; asked first where it is missing, within the budget.
        parameters: request parameters, e.g. `{"temperature": 0}`.
        fresh: ask again what is explained or answered already. Without it the store's answers to
            the same requests of a model of the settings, the workers' too, are taken for nothing.
        app: the module of the application, for a captured call of a model of kind "rerun".
        on_round: called after every round with its perturbations and their responses.

    Raises:
        SmileTraceError: the explanation is impossible; the message says what to do. Subclasses are
            `CannotExplain` (nothing can be removed), `AnswerSpanNotFound` (the answer does not hold
            the part), `ExplanationFailed` (the prompt cannot be asked), `NoModel`,
            `ModelUnavailable`, `BudgetExceeded` (a cap per day is reached; the answers so
            far are kept, and not asked for again) and `StoreError` (the store cannot be
            opened, so the rest of these caps is unknown).
        TypeError: neither or both of `prompt` and `trace_id`, or no `model`.
        ValueError: the prompt is empty, a message has no role and content, there is no such unit or
            distance, or a span of your own is not in the prompt.
    """
    conf = Settings()
    if not asked.fresh and (found := stored_explanation(asked, conf)) is not None:
        return found
    prepared = prepare(asked, conf)
    explanation = explain_prepared(prepared, conf, fresh=asked.fresh, on_round=asked.on_round)
    trace, call_id = prepared.trace, prepared.call_id
    if trace is not None and call_id is not None and asked.chosen is not None:
        from smile_trace.store.stored import keep

        keep(explanation, trace, call_id, asked.chosen, conf, wanted=str(asked.trace_id))
    return explanation


def explain_prepared(
    prepared: Prepared,
    conf: Settings,
    *,
    fresh: bool = False,
    on_round: OnRound | None = None,
    attempts: Attempts | None = None,
) -> Explanation:
    """Explain a prepared question; arguments and errors are those of `explain`. `attempts`: a limit
    on all requests, beside the budget."""
    why = why_no_proxy(prepared.prompted.answer or "", prepared.settings)
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
    most, trace_id = prepared.settings.most_calls, prepared.trace_id
    with ForegroundSpending(conf, most, attempts, trace_id=trace_id) as spending:
        paid, proxy = spending.metered(prepared.model, prepared.name, fresh=fresh), None
        if prepared.proxy is not None:
            asked = prepared.options.proxy
            proxy = spending.metered_beside(prepared.proxy, asked, "proxy", fresh=fresh)
        embed, scores = spending.embeddings(), _scores(prepared, spending, fresh)
        return wait_for(
            explain_metered(
                prepared, paid, proxy=proxy, embed=embed, scores=scores, on_round=on_round
            )
        )


def _scores(prepared: Prepared, spending: ForegroundSpending, fresh: bool) -> Scores | None:
    """What the scorer makes of answers; None without one, or if it is a model that is not there."""
    scorer, about = prepared.options.scorer, (prepared.prompted, prepared.options.expected)
    if scorer is not None and not isinstance(scorer, str):
        return by_function(scorer, *about)
    if scorer is None or prepared.judge is None or prepared.judge_how is None:
        return None
    paid = spending.metered_beside(prepared.judge, scorer, "judge", fresh=fresh)
    return by_judge(paid, prepared.judge_how, *about)


async def explain_metered(
    prepared: Prepared,
    paid: Model,
    *,
    proxy: MeteredModel | None = None,
    embed: Embed | None = None,
    scores: Scores | None = None,
    on_round: OnRound | None = None,
) -> Explanation:
    """Explain a prepared question by models whose calls are counted; errors are those of `explain`.
    `embed`: word vectors of the settings; None for the packaged ones; `scores`: by the scorer."""
    prompted, settings, options = prepared.prompted, prepared.settings, prepared.options
    signal = resolve_signal(settings, paid, prompted)
    packaged = signal == "text" and embed is None
    loading = load_soon(vectors=packaged)
    if options.answer_part not in (None, REASONING) and signal == "probability":
        _check_scores_whole_answers(paid)
    vectors = StudyVectors(embed)
    before: list[Response] = []
    if prompted.answer is None:
        before = [await _ask_first(prompted, paid)]
        given = {
            "answer": before[0].text or "",
            "answer_cut": cut_at_limit(before[0].finish_reason),
            "reasoning": before[0].reasoning,
        }
        prompted = prompted.model_copy(update=given)
        signal = resolve_signal(settings, paid, prompted)
        if signal != "probability" or not (before[0].text or "").strip():
            before = []  # the study's first baseline is this very answer, and counts it

    def note(rows: Sequence[Perturbation], responses: Sequence[Response]) -> None:
        before.extend(responses)
        if on_round is not None:
            on_round(rows, responses)

    async def explained(prompted: Prompted) -> Explanation:
        study = await run_in_thread(
            lambda: make_study(
                prompted,
                paid,
                options,
                settings.less(len(before)),
                signal=signal,
                proxy=proxy,
                embed=vectors.table,
                scores=None if scores is None else scores.known,
            )
        )
        return await run(
            study,
            paid,
            proxy=proxy,
            vectors=vectors,
            on_round=note,
            before=before,
            scores=scores,
            loaded=loading if packaged else None,
        )

    try:
        explanation = await explained(prompted)
    except ReasoningRefused as refused:
        explanation = await explained(prompted.without_earlier_reasoning(str(refused)))
    return explanation.model_copy(update={"settings": settings})


def _check_scores_whole_answers(model: Model) -> None:
    if model.capabilities.first_token_only:
        raise ExplanationFailed(
            f"the model {model.name!r} gives only the probability of an answer's first "
            'token: to explain a part of the answer, use the signal "text"'
        )


async def ask_once(prompted: Prompted, model: Model) -> Response:
    """Ask an unperturbed prompt."""
    with suppress_instrumentation():
        [response] = await model.generate([Request.of(prompted)])
    return response


async def _ask_first(prompted: Prompted, model: Model) -> Response:
    response = await ask_once(prompted, model)
    if not response.ok:
        raise ExplanationFailed(f"the prompt could not be asked: {response.failure}")
    return response


def answer_change(logged: str, response: str, *, distance: str | Distance | None = None) -> float:
    """How far a response is from the logged answer: 0 = it says the same, 1 = nothing of it is
    left.

    A longer response that still says the same has not moved; one that denies it has.

    Args:
        logged: the answer that is compared with.
        response: another answer to the same question.
        distance: `content` (the default) tells what is left out and what is contradicted; `words`
            compares word by word; or another name of `smile_trace.attribution.distance_names()`, or
            a distance between sets of word vectors.

    Returns:
        The answer change, in [0, 1]. It has a direction: what the response adds does not count.

    Raises:
        ValueError: there is no distance of that name.
        ModuleNotFoundError: the worker's extra is missing.
    """
    if distance in (None, CONTENT):
        return answer_change_details(logged, response).change
    return text_comparison(logged, None, distance).changes([response])[0]


def answer_change_details(logged: str, response: str) -> AnswerChange:
    """The answer change by `content`: how much is left out, how much is contradicted, and what.

    Args:
        logged: the answer that is compared with.
        response: another answer to the same question.

    Raises:
        ModuleNotFoundError: the worker's extra is missing.
    """
    return compare(logged, response, _packaged())


@lru_cache(maxsize=1)
def _packaged() -> Meaning:
    return Meaning(embed_sentences)
