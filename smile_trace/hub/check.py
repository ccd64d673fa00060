"""Whether a line is what was written, and whether its responses give its explanation again."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from smile_trace._guards import foreign
from smile_trace.attribution import CannotExplain, Study
from smile_trace.attribution.design.planner import repeats
from smile_trace.comparison.pooled_study import PooledStudy
from smile_trace.errors import ReasonCode, SmileTraceError
from smile_trace.explaining.driver import finish
from smile_trace.explaining.notes import why_left_out
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.hub.files import parse, read_lines
from smile_trace.models import Capabilities, Request
from smile_trace.records import (
    JSON,
    METHOD_VERSION,
    Asked,
    Call,
    Citation,
    Document,
    Explanation,
    Observation,
    Prompted,
    Record,
    Response,
)
from smile_trace.records.entry import Entry, EntryUnreadable, canonical, content_id
from smile_trace.records.formats.requests import NEVER_SENT
from smile_trace.records.message import AS_ITEM, FIELD

AROUND = ("cost", "explained_at", "metadata", "package", "method", "schema_version")
"""Fields that no response decides."""


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
    """Yield the Explanation computed again, by each way in which the model may have been asked.
    Raises CannotReproduce if responses are missing."""
    _check_responses(explanation)
    prompted = request_of(explanation, call)
    for conditions in _conditions(explanation, prompted):
        try:
            yield _reproduce(explanation, prompted, conditions)
        except (_NotHeld, CannotExplain):
            continue


def request_of(explanation: Explanation, call: Call | None = None) -> Prompted:
    """Return what was explained; without the captured call, as the explanation tells it."""
    noted = {note.code for note in explanation.notes}
    assumed = ReasonCode.PROMPT_ASSUMED in noted
    left_out = why_left_out(explanation)
    messages = tuple(m for m in explanation.messages if m.role not in NEVER_SENT)
    if call is not None:
        return Prompted.of(call).model_copy(
            update={
                "answer": explanation.answer,
                "answer_cut": explanation.answer_cut,
                "assumed": assumed,
                **({"messages": messages, "left_out": left_out} if left_out else {}),
            }
        )
    return Prompted(
        messages=messages,
        answer=explanation.answer,
        form=explanation.form,
        parameters=explanation.parameters,
        prompts=explanation.prompts,
        documents=tuple(_documents(explanation)),
        citations=tuple(_citations(explanation)),
        assumed=assumed,
        answer_cut=explanation.answer_cut,
        left_out=left_out,
    )


def differences(one: Explanation, other: Explanation) -> list[str]:
    """Return the fields, except those in `AROUND`, that differ."""
    names = [name for name in Explanation.model_fields if name not in AROUND]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


class _NotHeld(Exception):
    """The study asks for a response that is not in the file."""


def _reproduce(explanation: Explanation, prompted: Prompted, how: _Conditions) -> Explanation:
    model = _model(explanation, how)
    study = _study(explanation, prompted, model, how)
    given = explanation.perturbations
    held = {(row.asked, row.text_hash, row.replicate): _response(row) for row in given}
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
    """Return the options with which it was made, without a proxy."""
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
        remote=how.remote,
        asks_responses=ReasonCode.FORM_CHANGED not in noted,
        takes_reasoning=(FIELD, *AS_ITEM, "signature", "data"),
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
    if prompted.left_out:  # maybe after its unperturbed prompt was asked with the reasoning
        budgets = (*budgets, budget - asked)
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
    if any(row.response is None and row.failure is None for row in rows):
        raise CannotReproduce("its responses were left out of the file")
    if explanation.settings.scorer is not None:
        raise CannotReproduce("what its scorer said of the responses is not in the file")
    scored = explanation.signal == "probability"
    if scored and not any(row.logprobs for row in rows if row.asked == "target"):
        raise CannotReproduce("its probabilities were left out of the file: ask again (--live)")


def _response(row: Observation) -> Response:
    return Response(
        text=row.response,
        tokens=row.tokens,
        logprobs=row.logprobs,
        likeliest_by=row.likeliest_by,
        failure=row.failure,
    )


def _documents(explanation: Explanation) -> Iterator[Document]:
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


def _citations(explanation: Explanation) -> Iterator[Citation]:
    """Yield what the sentences cite as if it all had come with the answer: what is written in the
    answer, too, is then cited twice by the same sentence."""
    for one in explanation.citations:
        if one.cited is not None and (one.document or one.cited not in explanation.answer):
            name = one.document and one.document.source
            yield Citation(start=one.start, end=one.end, source=name, passage=one.cited)


ROUNDING = 1e-6
"""The largest difference between two numbers that another processor's rounding makes."""

Outcome = Literal[
    "identical", "rounding", "intact", "changed", "damaged", "reproduced", "within noise"
]
"""`identical`: the same Explanation comes out. `rounding`: but for the last digits. `intact`: the
line is what was written, and holds nothing to compute it from. `changed`: another comes out.
`damaged`: the line is not what was written. The rest is about a model asked again: see `live`."""

PASSED = ("identical", "rounding", "intact", "reproduced", "within noise")
_ORDER: tuple[Outcome, ...] = ("identical", "rounding", "intact", "changed", "damaged")


class Checked(Record):
    """The result of checking a line."""

    line: int
    id: str | None = None
    outcome: Outcome
    reason: str

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return self.outcome in PASSED


def check_file(file: Path, *, only: str | None = None) -> Iterator[tuple[Checked, Entry | None]]:
    """Check every line of a file, or the line whose id begins with `only`; ask nobody anything.
    Raises SmileTraceError if the file cannot be read."""
    for number, line in read_lines(file):
        if only is None or _has_id(line, only):
            yield check_line(number, line)


def _has_id(line: bytes, begin: str) -> bool:
    """Whether the line's id begins so; in an unreadable line, whether any id does."""
    if f'"id":"{begin}'.encode() not in line:
        return False  # most lines: to look for bytes takes much less than to read them
    try:
        return parse(line).id.startswith(begin)
    except EntryUnreadable:
        return True


def check_line(number: int, line: bytes) -> tuple[Checked, Entry | None]:
    """Return the result for a line, and its entry if it is one."""
    try:
        entry = parse(line)
    except EntryUnreadable as error:
        return Checked(line=number, outcome="damaged", reason=str(error)), None
    if (why := _damage(line)) is not None:
        return Checked(line=number, id=entry.id, outcome="damaged", reason=why), entry
    outcome, reason = _computed(entry)
    return Checked(line=number, id=entry.id, outcome=outcome, reason=reason), entry


def _damage(line: bytes) -> str | None:
    document = foreign.decode(line)
    if document.get("id") != content_id(document):
        return "its content is not what its id says: it was changed after it was written"
    if canonical(document).encode() != line:
        return "its bytes are not as they were written, though they mean the same"
    return None


def _computed(entry: Entry) -> tuple[Outcome, str]:
    if not entry.explanations:
        return "intact", "a comparison is computed from its calls, which are not in it"
    if entry.redaction is not None and entry.redaction.replaced:
        return "intact", "texts were replaced in it after it was computed"
    found = [_recomputed(explanation, entry) for explanation in entry.explanations]
    return max(found, key=lambda one: _ORDER.index(one[0]))


def _recomputed(explanation: Explanation, entry: Entry) -> tuple[Outcome, str]:
    call = entry.call if entry.explanation is not None else None
    different: list[str] | None = None
    try:
        for again in reproductions(explanation, call):
            other = differences(explanation, again)
            if not other:
                return "identical", "its responses give the same explanation again"
            if _close(explanation, again):
                return "rounding", "its responses give the same explanation but for rounding"
            different = different or other
    except CannotReproduce as error:
        return "intact", str(error)
    if explanation.method is None or explanation.method != METHOD_VERSION:
        return "intact", "another version of the method computed it"
    if different is None:
        return "changed", "it cannot come from these responses: others would have been asked for"
    return "changed", f"its responses give another explanation: {', '.join(different)} differ"


def _close(one: Explanation, other: Explanation) -> bool:
    exclude = set(AROUND)
    return _near(one.model_dump(exclude=exclude), other.model_dump(exclude=exclude))


def _near(one: JSON, other: JSON) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_near, one, other))
    return bool(one == other)
