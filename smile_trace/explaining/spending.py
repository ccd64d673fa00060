"""The most that an explanation can cost, whether asking is worth it, and foreground accounting."""

import re
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import urlsplit

from smile_trace._guards.addresses import is_loopback
from smile_trace.attribution import Embed, find_answer_span
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.design.planner import MIN_LEVEL_CALLS, Planner, repeats
from smile_trace.attribution.proxy_study import MIN_TARGET_ANSWERS
from smile_trace.attribution.reporting.verdict import MIN_ROWS
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.explaining.driver import ExplanationFailed, resolve_signal
from smile_trace.explaining.options import AnyModel, Question, takes
from smile_trace.explaining.preparation import (
    ANSWERS,
    Prepared,
    prepare,
    stored_explanation,
)
from smile_trace.explaining.scoring import question
from smile_trace.explaining.studies import PROXY_CALLS, as_explained, as_proxy, partition
from smile_trace.models import Model, Request
from smile_trace.models.base import limit_of
from smile_trace.models.ledger import (
    Attempts,
    CountingLedger,
    LayeredCache,
    Ledger,
    MemoryCache,
    MemoryLedger,
    ResponseCache,
)
from smile_trace.models.metered import MeteredModel
from smile_trace.models.registry import PACKAGED_MODELS, open_embeddings
from smile_trace.records import Call, Explanation, Prompted, Record, Signal, Unit
from smile_trace.settings import ModelSettings, ServerSettings, Settings

if TYPE_CHECKING:
    from smile_trace.store import Store


_Number = TypeVar("_Number", int, float)

Beside = Literal["proxy", "judge", "embeddings"]


class Estimate(Record):
    """The most that one explanation would ask, retries and the unchanged prompt included.
    `segments` of the prompt (each a `unit`) would be removed in turns. `tokens` or `usd` is None if
    unknown. `paid`: the calls cost money, or may."""

    model: str
    address: str
    unit: Unit
    segments: int
    signal: Signal
    calls: int
    tokens: int | None
    usd: float | None
    paid: bool
    embeddings: str | None = None
    """The model that is also asked for word vectors, where the settings name one."""
    in_steps: bool = False
    """Whether larger passages come first, and then the pieces of those that matter."""
    proxy: "Estimate | None" = None
    """The requests to the model's proxy, if it has one."""
    judge: "Estimate | None" = None
    """The requests to the model that judges the answers, if one does."""

    @classmethod
    def of_requests(
        cls, model: str, how: ModelSettings | None, longest: Prompted, calls: int, unit: Unit
    ) -> "Estimate":
        """The cost of `calls` calls as large as the longest request, with nothing removed."""
        tokens, usd = (None, None) if how is None else bound_of(how, model, longest, calls)
        return cls(
            model=model,
            address=address_of(how),
            unit=unit,
            segments=0,
            signal="text",
            calls=calls,
            tokens=tokens,
            usd=usd,
            paid=is_paid(how, usd),
        )

    @classmethod
    def of_calls(
        cls, model: str, how: ModelSettings | None, logged: Iterable[Call], calls: int
    ) -> "Estimate":
        """The cost of `calls` calls as large as the longest logged, with answers of any length."""
        one = max(logged, key=lambda call: sum(len(message.content) for message in call.messages))
        asked = Prompted(messages=one.messages, form=one.form, parameters=one.parameters)
        return cls.of_requests(model, how, asked, calls, "sentence")

    @classmethod
    def of_stored(cls, explanation: Explanation) -> "Estimate":
        """Nothing: it is shown as it is stored."""
        settings = explanation.settings
        return cls(
            model=settings.model,
            address="the store",
            unit=settings.unit,
            segments=sum(not segment.protected for segment in explanation.segments),
            signal=explanation.signal,
            calls=0,
            tokens=0,
            usd=0.0,
            paid=False,
        )

    def plus(self, other: "Estimate") -> "Estimate":
        """The sum with another explanation by the same model, proxy and judge, if any."""
        both = ((self.proxy, other.proxy), (self.judge, other.judge))
        proxy, judge = (a.plus(b) if a and b else a or b for a, b in both)
        return self.model_copy(
            update={
                "calls": self.calls + other.calls,
                "tokens": added(self.tokens, other.tokens),
                "usd": added(self.usd, other.usd),
                "proxy": proxy,
                "judge": judge,
            }
        )


@takes(Question)
def estimate(question: Question) -> Estimate:
    """Tell what `explain` with the same arguments would ask, at most. Asks nothing. What the store
    explains already costs nothing.

    Args:
        prompt, model, trace_id, answer, parameters, app: as for `explain`.

    Raises:
        SmileTraceError: it could not be explained; the message says what to do.
        TypeError, ValueError: as `explain`.
    """
    conf = Settings()
    if (stored := stored_explanation(question, conf)) is not None:
        return Estimate.of_stored(stored)
    return estimate_of(prepare(question, conf), embeddings=conf.explain.embeddings)


def estimate_of(prepared: Prepared, *, embeddings: str | None = None) -> Estimate:
    """`estimate` for a prepared question; `embeddings` names the model of the word vectors."""
    settings = prepared.settings
    signal = resolve_signal(settings, prepared.model, prepared.prompted)
    most = _most(prepared, prepared.model.name, prepared.how, signal, settings.most_calls)
    if prepared.proxy is not None:
        own = as_proxy(prepared.proxy, prepared.prompted.parameters, PROXY_CALLS)
        of_proxy = _most(prepared, own.name, prepared.proxy_how, own.signal, own.calls)
        most = most.model_copy(update={"proxy": of_proxy, "in_steps": of_proxy.in_steps})
    return most.model_copy(update={"embeddings": embeddings, "judge": _judging(prepared)})


def _judging(prepared: Prepared) -> Estimate | None:
    """The most that judging takes, of answers twice as long as the logged one may be again."""
    prompted, how, name = prepared.prompted, prepared.judge_how, prepared.settings.scorer
    if how is None or name is None:
        return None
    longest = max(2 * len(prompted.answer or ""), 4 * limit_of(Request.of(prompted)))
    asked = question(prompted, longest * "x", how=how, expected=prepared.options.expected)
    one = Prompted(
        messages=asked.messages,
        parameters=asked.parameters,
        answer_limit=asked.answer_limit,
        answer=None,
    )
    return Estimate.of_requests(name, how, one, prepared.settings.most_calls + 1, "message")


def most_by_model(prepared: Iterable[Prepared], *, embeddings: str | None) -> list[Estimate]:
    """The most that several explanations take, summed by model."""
    return summed(estimate_of(one, embeddings=embeddings) for one in prepared)


def summed(estimates: Iterable[Estimate]) -> list[Estimate]:
    """The estimates, summed by model."""
    found: dict[str, Estimate] = {}
    for most in estimates:
        before = found.get(most.model)
        found[most.model] = most if before is None else before.plus(most)
    return list(found.values())


def check_worth(prepared: Prepared) -> None:
    """Check that segments can be removed, and that the calls suffice. Raises ExplanationFailed if
    asking could say nothing; the message says what to do. CannotExplain if the answer is reasoning
    alone; AnswerSpanNotFound if the given answer does not hold the part to explain."""
    prompted, unit = as_explained(prepared.prompted, prepared.options), prepared.options.unit
    part = None if prompted.of_reasoning else prepared.options.answer_part
    target = Target.of(prepared.settings)
    of_field = target is not None and target.field is not None  # which a wrong answer may lack
    if part is not None and prompted.answer is not None and not of_field:
        find_answer_span(prompted.answer, part)
    segmentation, missing = partition(prompted, prepared.options)
    if missing is not None and isinstance(unit, re.Pattern):
        raise ExplanationFailed(f"the pattern /{unit.pattern}/ matches nothing in the prompt")
    segments = segmentation.segments
    if len(segments) == 1 and not Perturber(prompted, segments).sendable([False]):
        single = _removed(segmentation)
        finer = "" if single == "word" else ", or explain it by the unit 'word'"
        raise ExplanationFailed(
            f"the prompt is a single {single}, so nothing can be removed from it: "
            f"give a longer one{finer}"
        )
    budget = prepared.settings.budget
    enough = (n for n in range(budget, 3 * MIN_ROWS) if _suffices(prepared, segmentation, n))
    if (wanted := next(enough, budget)) > budget:
        raise ExplanationFailed(
            f"a budget of {budget} calls is too small to tell the parts of this prompt apart: "
            f"give at least {wanted}"
        )


def _suffices(prepared: Prepared, segmentation: Segmentation, budget: int) -> bool:
    if prepared.proxy is not None and budget >= MIN_TARGET_ANSWERS:
        return True
    model, prompted = prepared.model, prepared.prompted
    deterministic = model.deterministic(prompted.parameters)
    planner = Planner(
        prompted,
        segmentation,
        prepared.settings.model_copy(update={"budget": budget}),
        replicates=min(repeats(prompted, deterministic, model.capabilities.remote), budget),
        deterministic=deterministic,
    )
    [level] = planner.levels
    return level.exact or len(level.rows) - len(planner.baselines) >= MIN_ROWS


def _most(
    prepared: Prepared, name: str, how: ModelSettings | None, signal: Signal, calls: int
) -> Estimate:
    segmentation, _ = partition(as_explained(prepared.prompted, prepared.options), prepared.options)
    first = segmentation.coarse(max(calls, MIN_LEVEL_CALLS), calls)
    asked = Estimate.of_requests(name, how, prepared.prompted, calls, _removed(segmentation))
    return asked.model_copy(
        update={
            "segments": sum(not segment.protected for segment in segmentation.segments),
            "signal": signal,
            "in_steps": not all(s.protected or segmentation.is_finest(s) for s in first),
        }
    )


def _removed(segmentation: Segmentation) -> Unit:
    """The unit of the finest segments."""
    return "word" if segmentation.unit == "auto" else segmentation.unit


def bound_of(
    how: ModelSettings, name: str, prompted: Prompted, calls: int
) -> tuple[int | None, float | None]:
    """The most tokens and US dollars of so many calls, each as large as `prompted`; None if that is
    unknown."""
    most, usd = how.attempt_bound(name, prompted)
    tokens = None if most is None else (most.input_tokens or 0) + (most.output_tokens or 0)
    return None if tokens is None else calls * tokens, None if usd is None else calls * usd


def added(one: _Number | None, other: _Number | None) -> _Number | None:
    """The sum; None if one of them is unknown."""
    return None if one is None or other is None else one + other


def address_of(how: ModelSettings | None) -> str:
    """The address of a model, in words."""
    return "a function in this process" if how is None else how.address


def is_paid(how: ModelSettings | None, usd: float | None) -> bool:
    """Whether calls cost money or may: at a known price, at an unpriced address other than
    loopback, or by an application's own function, whose provider is not known."""
    if how is None or how.costs_nothing:
        return False
    if usd is not None:
        return usd > 0
    return not (
        isinstance(how, ServerSettings) and is_loopback(urlsplit(how.base_url).hostname or "")
    )


class ForegroundSpending:
    """Counts what one call of `explain()` or its like asks, until it is closed.

    A model with a table in the settings counts toward their caps per day, and waits for its limits
    per minute, in the store of the settings, which also keeps its answers, for the workers as well;
    the first such model opens or creates it. For any other model only the budget `calls` holds, and
    its answers are kept in this process. `attempts`: a limit on all requests, beside `calls`;
    `trace_id`: of the captured call; `smile-trace forget` removes the answers with it.
    """

    def __init__(
        self,
        conf: Settings,
        calls: int,
        attempts: Attempts | None = None,
        *,
        trace_id: str | None = None,
    ) -> None:
        self._conf = conf
        self._calls = calls
        self._attempts = attempts
        self._trace_id = trace_id
        self._scope = f"foreground/{uuid.uuid4().hex}"
        self._alone = MemoryLedger(calls)
        self._store: Store | None = None

    def __enter__(self) -> "ForegroundSpending":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._store is not None:
            self._store.close()

    def metered(self, model: Model, asked: AnyModel | None, *, fresh: bool = False) -> MeteredModel:
        """The model, with its calls counted; `asked` is what the caller named, a string if it is in
        the settings. Raises StoreError if the store cannot be opened, so that nobody can tell what
        is left. `fresh`: take no answer that was kept before."""
        stored = self._stored(asked, self._calls)
        return self._counted(model, asked, stored, self._alone, self._scope, fresh)

    def metered_beside(
        self, model: Model, asked: AnyModel | None, purpose: Beside, *, fresh: bool = False
    ) -> MeteredModel:
        """The same for a proxy, with at most 200 calls, counted only in its own table's caps, or
        for a judge, with a call for each answer, the logged one, too."""
        most = PROXY_CALLS if purpose == "proxy" else self._calls + 1
        stored, alone = self._stored(asked, most), MemoryLedger(most)
        return self._counted(model, asked, stored, alone, self._scope_for(purpose), fresh)

    def embeddings(self) -> Embed | None:
        """The settings' word vectors, with calls counted beside the budget; None for the packaged
        ones. Raises NoModel and StoreError, and ModelUnavailable if the key of their model is
        missing."""
        found = open_embeddings(self._conf)
        ledger = self._stored(self._conf.explain.embeddings, None)
        if found is None or ledger is None:
            return found
        # The object itself keeps its vectors.
        return found.paid_from(ledger, MemoryCache(0), self._scope_for("embeddings"))

    def _stored(self, asked: AnyModel | None, calls: int | None) -> Ledger | None:
        """The store's ledger; None for a model without a table in the settings."""
        if not isinstance(asked, str):
            return None
        if asked in PACKAGED_MODELS and asked not in self._conf.models:
            return None
        if self._store is None:
            from smile_trace.store import Store  # which takes a second to load

            self._store = Store.open(self._conf)
        return self._store.ledger.with_budget(calls)

    def _scope_for(self, purpose: Beside) -> str:
        from smile_trace.store.spending.ledger import BudgetScope, Purpose

        return BudgetScope(self._scope).for_purpose(Purpose(purpose)).key

    def _counted(
        self,
        model: Model,
        asked: AnyModel | None,
        stored: Ledger | None,
        alone: Ledger,
        scope: str,
        fresh: bool,
    ) -> MeteredModel:
        ledger = stored or alone
        return MeteredModel(
            model,
            ledger=ledger if self._attempts is None else CountingLedger(ledger, self._attempts),
            cache=ANSWERS if stored is None else self._kept_answers(model, fresh=fresh),
            explanation=scope,
            fresh=fresh,
            paid_as=asked if isinstance(asked, str) else None,
        )

    def _kept_answers(self, model: Model, *, fresh: bool) -> ResponseCache:
        """This process' answers, then those of the store: the workers', and earlier commands',
        which fresh ones replace."""
        if self._store is None or model.identity is None:  # then they are of one explanation alone
            return ANSWERS
        return LayeredCache(ANSWERS, self._store.responses.used_by(self._trace_id, replacing=fresh))
