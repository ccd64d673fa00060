"""The same Explanation once more, from the responses that it holds: nothing is asked.

A Study gives the same Explanation for the same seed and the same responses. So what it is run with
are the request, the settings and the responses of the file. How often the unperturbed prompt was
asked tells whether the model counted as deterministic; where that leaves a choice, each is tried.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from smile_trace.attribution import CannotExplain, Study
from smile_trace.attribution.design.planner import repeats
from smile_trace.comparison.influence.pooled_study import PooledStudy
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.explaining.driver import finish
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.models import Capabilities, Request
from smile_trace.records import (
    JSON,
    Asked,
    Call,
    Document,
    Explanation,
    Observation,
    Prompted,
    Response,
)
from smile_trace.records.offered_tools import OFFERED

AROUND = ("cost", "explained_at", "metadata", "package", "method", "schema_version")
"""Fields that no response decides."""

_Key = tuple[Asked, str, int]


class CannotReproduce(SmileTraceError):
    """The file does not hold what is needed; the message says what is missing."""


class _Conditions(NamedTuple):
    deterministic: bool
    remote: bool
    budget: int


@dataclass(frozen=True)
class _AnsweredModel:
    """The model as the study knew it; every response is there already."""

    name: str
    is_deterministic: bool
    capabilities: Capabilities
    identity: None = field(default=None, init=False)

    def deterministic(self, parameters: dict[str, JSON]) -> bool:
        return self.is_deterministic

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        raise CannotReproduce("a response that is not in the file would have to be asked")

    async def aclose(self) -> None:
        """Nothing is open."""


def reproductions(explanation: Explanation, call: Call | None = None) -> Iterator[Explanation]:
    """The Explanation computed again, by each way in which the model may have been asked.

    Args:
        explanation: with its perturbations and responses.
        call: the captured call that it explains, where there is one.

    Raises:
        CannotReproduce: responses are missing.
    """
    _check_responses(explanation)
    prompted = request_of(explanation, call)
    for conditions in _conditions(explanation, prompted):
        try:
            yield _reproduce(explanation, prompted, conditions)
        except (_NotHeld, CannotExplain):
            continue


def request_of(explanation: Explanation, call: Call | None = None) -> Prompted:
    """What was explained; without the captured call, as the explanation tells it."""
    noted = {note.code for note in explanation.notes}
    assumed = ReasonCode.PROMPT_ASSUMED in noted
    if call is not None:
        return Prompted.of(call).model_copy(
            update={
                "answer": explanation.answer,
                "answer_cut": explanation.answer_cut,
                "assumed": assumed,
            }
        )
    messages = tuple(m for m in explanation.messages if m.role != OFFERED)
    return Prompted(
        messages=messages,
        answer=explanation.answer,
        form=explanation.form,
        parameters=explanation.parameters,
        prompts=explanation.prompts,
        documents=tuple(_documents(explanation)),
        assumed=assumed,
        answer_cut=explanation.answer_cut,
    )


def differences(one: Explanation, other: Explanation) -> list[str]:
    """The fields, but those `AROUND`, that are not the same in both."""
    names = [name for name in Explanation.model_fields if name not in AROUND]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


class _NotHeld(Exception):
    """The study asks for a response that is not in the file."""


def _reproduce(explanation: Explanation, prompted: Prompted, how: _Conditions) -> Explanation:
    model = _model(explanation, how)
    study = _study(explanation, prompted, model, how)
    held = {_key_of(row): _response(row) for row in explanation.perturbations}
    while rows := study.ask():
        try:
            study.tell([(row, held[row.asked, row.text_hash, row.replicate]) for row in rows])
        except KeyError:
            raise _NotHeld from None
    found = finish(study, model, ())
    update: dict[str, object] = {"settings": explanation.settings}
    if explanation.proxy is not None and found.proxy is None:  # dropped: its answers do not count
        update["proxy"] = explanation.proxy
    return found.model_copy(update=update)


def _study(
    explanation: Explanation, prompted: Prompted, model: _AnsweredModel, how: _Conditions
) -> Study:
    settings = explanation.settings.model_copy(update={"budget": how.budget})
    if settings.pooled:
        return PooledStudy(
            prompted,
            settings,
            answer=explanation.answer,
            signal=explanation.signal,
            deterministic=how.deterministic,
        )
    return make_study(
        prompted,
        model,
        options_of(explanation),
        settings,
        signal=explanation.signal,
        whole_without_part=True,
        proxy=_proxy(explanation),
    )


def options_of(explanation: Explanation) -> ExplainOptions:
    """The options with which it was made, without a proxy."""
    settings = explanation.settings
    options = ExplainOptions.from_record(settings.model_copy(update={"proxy": None}))
    if settings.unit != "span" or settings.pattern is not None:
        return options
    spans = [s for s in explanation.segments if s.unit == "span" and not s.protected]
    own = [place for span in spans for place in span.places]
    return ExplainOptions(**{**vars(options), "unit": tuple(own)})


def _model(explanation: Explanation, how: _Conditions) -> _AnsweredModel:
    noted = {note.code for note in explanation.notes}
    capabilities = Capabilities(
        remote=how.remote, asks_responses=ReasonCode.FORM_CHANGED not in noted
    )
    return _AnsweredModel(explanation.settings.model, how.deterministic, capabilities)


def _proxy(explanation: Explanation) -> _AnsweredModel | None:
    use = explanation.proxy
    if use is None or use.dropped is not None:
        return None
    scores = Capabilities(scores_answers=use.signal == "probability")
    return _AnsweredModel(use.name, _baselines(explanation, "proxy") < 2, scores)


def _conditions(explanation: Explanation, prompted: Prompted) -> list[_Conditions]:
    asked, budget = _baselines(explanation, "target"), explanation.settings.budget
    # Where the answer was asked for first, that call was of the budget.
    budgets = (budget, budget - 1) if explanation.signal == "probability" else (budget,)
    possible = [
        (deterministic, remote)
        for deterministic, remote in ((True, False), (True, True), (False, True))
        if explanation.settings.pooled or repeats(prompted, deterministic, remote) <= max(asked, 1)
    ]
    possible.sort(key=lambda how: -repeats(prompted, *how))
    return [_Conditions(*how, budget) for how in possible for budget in budgets]


def _baselines(explanation: Explanation, asked: Asked) -> int:
    rows = (row for row in explanation.perturbations if row.kind == "baseline")
    return len({row.replicate for row in rows if row.asked == asked})


def _check_responses(explanation: Explanation) -> None:
    rows = explanation.perturbations
    if not rows:
        raise CannotReproduce("its perturbations were left out of the file")
    unknown = [row for row in rows if row.response is None and row.failure is None]
    if unknown:
        raise CannotReproduce("its responses were left out of the file")
    scored = explanation.signal == "probability"
    if scored and not any(row.logprobs for row in rows if row.asked == "target"):
        raise CannotReproduce("its probabilities were left out of the file: ask again (--live)")


def _key_of(row: Observation) -> _Key:
    return row.asked, row.text_hash, row.replicate


def _response(row: Observation) -> Response:
    return Response(
        text=row.response,
        tokens=row.tokens,
        logprobs=row.logprobs,
        likeliest_by=row.likeliest_by,
        failure=row.failure,
    )


def _documents(explanation: Explanation) -> Iterator[Document]:
    """The retrieved documents, whose texts stand in the messages."""
    for found in explanation.documents:
        message, start, end = found.place
        yield Document(
            id=found.id,
            text=explanation.messages[message].content[start:end],
            source=found.source,
            score=found.score,
            place=found.place,
            span_id=found.span_id,
            position=found.position,
            retriever=found.retriever,
        )
