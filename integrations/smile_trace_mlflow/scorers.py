"""Scorers for `mlflow.genai.evaluate`: does an answer depend on what it should depend on?

They have the shape of MLflow's own third-party integrations (`mlflow.genai.scorers.ragas` and its
like), without a judge: a Scorer that `evaluate`, or a call with `trace=`, runs; a Feedback with
rationale and metadata, or with the error; the same by name, `get_scorer`.

Each scorer explains the last call with an answer in a row's trace, as `smile_trace.explain` does,
asking the call's own model, or `model`, again. Several scorers of one row share, and pay only once
for, the model's answers. Nothing is delivered but what MLflow itself logs of an evaluation.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from mlflow.entities import AssessmentSource, Feedback, Trace
from mlflow.exceptions import MlflowException
from mlflow.genai.scorers import FRAMEWORK_METADATA_KEY, Scorer
from mlflow.genai.scorers.base import ScorerKind
from pydantic import PrivateAttr

from smile_trace.dialects import assemble
from smile_trace.errors import SmileTraceError
from smile_trace.evaluation import faithfulness as measure
from smile_trace.explaining.api import explain_prepared
from smile_trace.explaining.inputs import repeatable_call
from smile_trace.explaining.options import AnyModel, ExplainOptions
from smile_trace.explaining.preparation import Prepared, prepare_call
from smile_trace.records import Call, Explanation
from smile_trace.records.checks import why_not_driven_by, why_not_without_effect
from smile_trace.records.citation import counted, in_sentence
from smile_trace.render import driver_text
from smile_trace.settings import Settings
from smile_trace_mlflow.source import spans_of

SOURCE = AssessmentSource(source_type="CODE", source_id="smile-trace")

FRAMEWORK = {FRAMEWORK_METADATA_KEY: "smile-trace"}

_LOCKS = tuple(threading.Lock() for _ in range(64))
"""Scorers run at once: a lock lets the second find the answers that the first paid for."""

Judge = Callable[[Explanation, str], str | None]
"""Return why an explanation does not confirm the claim about a text; None if it does."""


def driver_is(
    text: str | None = None,
    *,
    among: int = 1,
    model: AnyModel | None = None,
    budget: int = 40,
    seed: int = 0,
) -> Scorer:
    """Whether a part of `text` certainly drives the answer, among the first `among` parts.

    The value is true or false; an explanation that cannot tell is an error of the
    row, and counts as neither.

    Args:
        text: by default the row's expectation `driver`.
        among: how many of the strongest parts count.
        model: as in `explain`; by default the call's own, by its table in the settings.
        budget: the most calls to the model, per row.
    """
    judge = partial(why_not_driven_by, among=among)
    return _about_text(
        "driver_is", "driver", text, judge, model, ExplainOptions(budget=budget, seed=seed)
    )


def no_effect_of(
    text: str | None = None,
    *,
    within: float = 0.1,
    model: AnyModel | None = None,
    budget: int = 40,
    seed: int = 0,
) -> Scorer:
    """Whether an effect of any part of `text` above `within` is excluded. The value and the other
    arguments are those of `driver_is`. `text`: by default the row's expectation `no_effect`;
    `within`: the largest attribution that counts as none, in units of answer change."""
    judge = partial(why_not_without_effect, within=within)
    return _about_text(
        "no_effect_of", "no_effect", text, judge, model, ExplainOptions(budget=budget, seed=seed)
    )


def faithfulness(
    *, model: AnyModel | None = None, budget: int = 40, orders: int = 5, seed: int = 0
) -> Scorer:
    """How much faster the answer changes if parts are removed in the explanation's order.

    The value is the area under the deletion curve of random orders minus that of the explanation's
    order, in [-1, 1]; above 0 the explanation is better than chance. The calls of
    `smile_trace.evaluation.faithfulness` come on top of the budget. `orders` is the number of
    random orders; the other arguments are those of `driver_is`.
    """

    def score(trace: Trace, _: object) -> Feedback:
        call, prepared = _prepared(trace, model, ExplainOptions(budget=budget, seed=seed))
        explanation = _explained(call, prepared)
        asked = prepared.name or prepared.model  # by its name it counts in the caps of the settings
        found = measure(explanation, asked, parameters=call.parameters, orders=orders, seed=seed)
        areas = found.random.deletion_auc, found.attribution.deletion_auc
        about = {"smile.deletion_auc": areas[1], "smile.random_deletion_auc": areas[0]}
        return _feedback(explanation, areas[0] - areas[1], found.summary, about)

    return _Measured("faithfulness", score)


def used_citations(*, model: AnyModel | None = None, budget: int = 40, seed: int = 0) -> Scorer:
    """How many of the answer's citations name a document that the sentence citing it depends on.

    The value is their share of the citations that are not open, in [0, 1]. An answer without such a
    citation is an error of the row, and counts as neither. The arguments are those of `driver_is`.
    """

    def score(trace: Trace, _: object) -> Feedback:
        options = ExplainOptions(budget=budget, seed=seed)
        explanation = _explained(*_prepared(trace, model, options))
        found = counted(explanation.citations)
        if found.share is None:
            why = f"{found.open} open" if found.open else "the answer cites no document"
            raise SmileTraceError(f"used_citations is not settled: {why}")
        said = in_sentence(explanation.citations, explanation.answer)
        return _feedback(explanation, found.share, said, {})

    return _Measured("used_citations", score)


def grounded(*, model: AnyModel | None = None, budget: int = 40, seed: int = 0) -> Scorer:
    """Whether the answer certainly depends on one of the documents that its prompt holds.

    False: an effect of each is excluded, so the answer comes from elsewhere. An open document
    without another that supports the answer, or a prompt without documents, is an error of the row,
    and counts as neither. Documents alone are removed, so no other scorer shares the calls. The
    arguments are those of `driver_is`.
    """

    def score(trace: Trace, _: object) -> Feedback:
        options = ExplainOptions(budget=budget, seed=seed, unit="document")
        explanation = _explained(*_prepared(trace, model, options))
        verdicts = {part.verdict for part in explanation.segments if part.unit == "document"}
        if "supports" not in verdicts and verdicts != {"excluded"}:
            why = "a document is open" if verdicts else "the prompt holds no document"
            raise SmileTraceError(f"grounded is not settled: {why}")
        return _feedback(explanation, "supports" in verdicts, explanation.summary, {})

    return _Measured("grounded", score)


def get_scorer(metric_name: str, **options: Any) -> Scorer:
    """The scorer of that name, with its own arguments. Raises MlflowException if there is none."""
    made = (driver_is, no_effect_of, faithfulness, used_citations, grounded)
    known: dict[str, Callable[..., Scorer]] = {one.__name__: one for one in made}
    if metric_name not in known:
        raise MlflowException.invalid_parameter_value(
            f"smile-trace has no scorer {metric_name!r}: use one of {', '.join(known)}"
        )
    return known[metric_name](**options)


def _about_text(
    name: str,
    expected: str,
    text: str | None,
    judge: Judge,
    model: AnyModel | None,
    options: ExplainOptions,
) -> Scorer:
    def score(trace: Trace, expectations: dict[str, Any] | None) -> Feedback:
        wanted = text if text is not None else (expectations or {}).get(expected)
        if not isinstance(wanted, str):
            raise SmileTraceError(
                f"the row has no text for {name}: give the scorer one, or the row "
                f'"expectations": {{"{expected}": "…"}}'
            )
        explanation = _explained(*_prepared(trace, model, options))
        if explanation.fidelity.status == "inconclusive":
            raise SmileTraceError(f"{name} is not settled: {explanation.fidelity.reason}")
        why_not = judge(explanation, wanted)
        return _feedback(explanation, why_not is None, why_not or explanation.summary, {})

    return _Measured(name, score)


class _Measured(Scorer):
    """What MLflow calls: `score` makes a Feedback of a row's trace and expectations."""

    _score: Callable[..., Feedback] = PrivateAttr()

    def __init__(self, name: str, score: Callable[..., Feedback]) -> None:
        # Its budget ends an explanation, not MLflow's five minutes.
        super().__init__(name=name, timeout=0)
        self._score = score

    @property
    def kind(self) -> ScorerKind:
        """Of none of MLflow's own kinds."""
        return ScorerKind.THIRD_PARTY

    def __call__(
        self,
        *,
        inputs: Any = None,
        outputs: Any = None,
        expectations: dict[str, Any] | None = None,
        trace: Trace | None = None,
        session: list[Trace] | None = None,
    ) -> Feedback:
        """Score a row by its trace; what cannot be measured is a Feedback with an error."""
        try:
            if trace is None:
                raise SmileTraceError(f"{self.name} explains a call: give it the row's trace")
            return self._score(trace, expectations)
        except (SmileTraceError, ValueError) as error:
            return Feedback(name=self.name, error=error, source=SOURCE, metadata={**FRAMEWORK})

    def register(self, **_: Any) -> Scorer:
        """Refuse: a server loads third-party scorers from MLflow's own modules alone."""
        raise MlflowException.invalid_parameter_value(
            f"MLflow's server cannot run {self.name}: give it to mlflow.genai.evaluate"
        )


def _prepared(
    trace: Trace, model: AnyModel | None, options: ExplainOptions
) -> tuple[Call, Prepared]:
    spans = spans_of(trace)
    if not spans:
        raise SmileTraceError(
            "the row's trace has no finished span: switch on automatic logging "
            "(mlflow.openai.autolog(), for instance) before the evaluation"
        )
    call = repeatable_call(assemble(spans[0].trace_id, spans))
    return call, prepare_call(call, Settings(), options, model=model)


def _explained(call: Call, prepared: Prepared) -> Explanation:
    with _LOCKS[hash(call.id) % len(_LOCKS)]:
        return explain_prepared(prepared, Settings())


def _feedback(
    explanation: Explanation, value: bool | float, rationale: str, figures: dict[str, float]
) -> Feedback:
    fidelity = explanation.fidelity
    if fidelity.r2_heldout is not None:
        figures = {**figures, "smile.fidelity_r2": fidelity.r2_heldout}
    return Feedback(
        value=value,
        rationale=rationale,
        source=SOURCE,
        metadata={
            **FRAMEWORK,
            "smile.driver": driver_text(explanation),
            "smile.verdict": fidelity.status,
            **{name: repr(figure) for name, figure in figures.items()},
        },
    )
