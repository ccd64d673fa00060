"""Presentations of calls, which an integration maps to spans, scores and files of its backend.

Everything here may hold private text from a prompt. Sentences and labels are shortened, and rid of
display control characters; names are fixed, since each is a column of a list.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from smile_trace._text.lists import listed
from smile_trace.dialects.answers import final_answer
from smile_trace.records import JSON, Call, DocumentAttribution, Explanation, Trace
from smile_trace.records.citation import counted, in_sentence
from smile_trace.records.path import ExplanationPath, PathStep
from smile_trace.records.profile import ProbeResult, Profile
from smile_trace.render import (
    brief_svg,
    driver_text,
    fidelity_reason,
    finest_driver,
    path_ends,
    path_to_html,
    path_to_svg,
    to_html,
    to_markdown,
)
from smile_trace.render.markdown import align_tables, escape
from smile_trace.render.phrases import (
    culprit_of_path,
    culprit_text,
    document_name,
    document_sentence,
    question,
    target_clause,
    target_sentence,
    target_verdict,
)
from smile_trace.render.profile import STATUS
from smile_trace.render.text import difference, short
from smile_trace.trackers.fields import call_label, known, newest_feedback
from smile_trace.trackers.protocol import (
    ExplainedCall,
    ExplainedPath,
    ProfiledCall,
    UnexplainedCall,
)

DRIVER, VERDICT = "smile.driver", "smile.verdict"
FIDELITY, PATH = "smile.fidelity_r2", "smile.path"
"""Finest certain driver of the answer; verdict, or reason for no explanation; held-out R²; end of
the path."""
CITATIONS = "smile.citations"
"""How many of an answer's citations name a document that is used."""
EXPLAINED = (DRIVER, VERDICT, FIDELITY, CITATIONS)
PROBE = "smile."
"""Prefix of a probe's name: `smile.order`."""
PROBED = tuple(
    PROBE + name
    for name in (
        *("stability", "paraphrase", "format", "order", "length", "grounding", "pushback", "swap"),
        "hijack",
    )
)
"""The names of all probes that the worker may run."""
TARGET, CULPRIT = "smile.target", "smile.culprit"
"""Whether the answer meets the target of its explanation; the parts without which a wrong one would
be right."""
SAID = (*EXPLAINED, PATH, *PROBED, TARGET, CULPRIT)
"""The names of all scores, for which forgetting looks."""
DOCUMENT = "smile.document_attribution"
NOT_MEASURED = "not measured"
"""The label of a score without a value."""
SURE = {"reliable": 1.0, "no_effect": 1.0, "partial": 0.5, "inconclusive": 0.0}
POOLED = "pooled"
"""The verdict on a call of which nothing is said alone."""
LONGEST = 1000
"""Most characters of a reason."""

EXPLANATION_NAME, PATH_NAME = "Why this answer?", "Where did this come from?"
"""The beginning of an explanation's span name, and the name of a path's span."""
EXPLANATION = "smile_trace.explanation"
"""Attribute: the Explanation as JSON, for programs."""
LARGEST_EXPLANATION = 512_000
"""Most characters of that JSON; a longer one leaves out its perturbations."""

_LONGEST_TOOL = 40

Item = ExplainedCall | ExplainedPath | ProfiledCall | UnexplainedCall
Files = Mapping[str, tuple[str, bytes]]
"""Contents by name, each with its media type."""


# -- scores ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """A named statement about a call or a trace.

    Args:
        kind: what a list shows: a text, one of few categories, or a number.
        label: the score in words; None if the number says all.
        value: the measurement or count; None if the label says all, or nothing was measured.
        as_number: a number for backends that take no label without one.
        by_user: whether a user of the application gave it.
    """

    name: str
    kind: Literal["text", "category", "number"]
    label: str | None
    value: float | None
    reason: str
    as_number: float = 0.0
    by_user: bool = False


def feedback_scores(trace: Trace) -> list[Score]:
    """Return the newest feedback of each name as scores."""
    return [
        Score(
            short(one.name) or "feedback",
            *("number", None, one.score, short(one.comment or "", LONGEST)),
            by_user=True,
        )
        for one in newest_feedback(trace)
    ]


def _explained(explanation: Explanation) -> Iterator[Score]:
    fidelity, driver = explanation.fidelity, finest_driver(explanation)
    r2, reason = fidelity.r2_heldout, short(fidelity_reason(explanation), LONGEST)
    strength = 0.0 if driver is None else round(driver.attribution, 4)
    summary = short(explanation.summary, LONGEST)
    yield Score(DRIVER, "text", driver_text(explanation), None, summary, strength)
    yield Score(VERDICT, "category", fidelity.status, None, reason, SURE[fidelity.status])
    yield Score(FIDELITY, "number", None, None if r2 is None else round(r2, 4), reason)
    if explanation.citations:
        count = counted(explanation.citations)
        said = in_sentence(explanation.citations, explanation.answer)
        share = None if count.share is None else round(count.share, 4)
        yield Score(CITATIONS, "number", str(count), share, short(said, LONGEST))


def _judged(explanation: Explanation) -> Iterator[Score]:
    """Yield what an explanation with a target says, under names of its own: beside it stands what
    is said of the answer itself."""
    said = short(f"{target_sentence(explanation)} {explanation.summary}", LONGEST)
    met, found = float(bool(explanation.met)), explanation.corrections[:1]
    share = sum(one.right / one.of for one in found)
    yield Score(TARGET, "category", target_verdict(explanation), None, said, met)
    yield Score(CULPRIT, "text", culprit_text(explanation), None, said, share)


def _probed(profile: Profile) -> Iterator[Score]:
    """Yield for each probe the share of its variants that changed the answer, in [0, 1]."""
    for result in profile.results.values():
        if result.value is not None:
            name, label = PROBE + short(result.name, 40), STATUS[result.status]
            value, reason = round(result.value, 4), _variant(profile, result)
            yield Score(name, "number", label, value, reason)


_MARKS = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
"""The marks of a difference, as in `wdiff` and `git diff --word-diff`."""
_PROMPT, _ANSWER = 500, 250


def _variant(profile: Profile, result: ProbeResult) -> str:
    """Explain a probe's result by the changes in its most telling variant and its answer."""
    worst = result.worst
    if worst is None:
        return result.reason
    which = "The most telling variant" if worst.counts else "The variant furthest away"
    lines = [result.reason, f"{which}: {short(worst.what, 200)}"]
    if pieces := difference(profile.messages, worst.messages):
        marked = "".join(_MARKS[piece.kind].format(piece.text) for piece in pieces)
        lines.append(f"The prompt: {short(marked, _PROMPT)}")
    before, after = (short(text, _ANSWER) or "(empty)" for text in (profile.answer, worst.answer))
    if before == after:
        return "\n\n".join([*lines, f"The answer stays: {after}"])
    return "\n\n".join([*lines, f"The answer:\n- {before}\n+ {after}"])


class ScoredDocument(NamedTuple):
    """A document at its position, from 0, among those that a span retrieved. `value` is its
    attribution, None if it was not removed alone; `name` is its source, id or title, else its
    number. `mattered` is how much, in [0, 1]; None if an effect of it is excluded."""

    text: str
    span_id: str | None
    position: int
    value: float | None
    reason: str
    name: str
    mattered: float | None


def _documents(item: ExplainedCall) -> Iterator[ScoredDocument]:
    """Yield the documents that stand in the messages of an explained call."""
    texts = [document.text for document in item.call.documents if document.place is not None]
    for place, document in enumerate(item.explanation.documents):
        value, text = document.attribution, texts[place] if place < len(texts) else ""
        yield ScoredDocument(
            text=text,
            span_id=document.span_id,
            position=place if document.position is None else document.position,
            value=None if value is None else round(value, 4),
            reason=short(document_sentence(document, item.explanation, text), LONGEST),
            name=document_name(document, text),
            mattered=_mattered(document),
        )


def _mattered(document: DocumentAttribution) -> float | None:
    """Return how much a document mattered: one that works against the answer no more than was
    changed with it alone removed; None if it made no measurable difference."""
    size, alone = abs(document.attribution or 0.0), document.leave_one_out
    if document.verdict == "excluded" and document.measured == "alone":
        return None
    return size if document.verdict != "against" or alone is None else min(size, abs(alone))


# -- views ----------------------------------------------------------------------------------


class HeatmapView:
    """The heatmap of an explained call, a `View`."""

    def __init__(self, item: ExplainedCall) -> None:
        self.explanation, self._title = item.explanation, item.call.name
        self.has_target = self.explanation.met is not None
        self.key = view_keys(item.call.id)[self.has_target]
        self.span_id = explanation_span_id(self.key)
        clause = target_clause(self.explanation.settings)
        about = clause[:1].upper() + clause[1:] if self.has_target else _told_apart(item)
        self.name = f"{question(self.explanation)} {about}"
        self.answer, self.summary = self.explanation.answer, self.explanation.summary
        fidelity = self.explanation.fidelity
        self.evaluation = known(
            {
                "gen_ai.evaluation.name": VERDICT,
                "gen_ai.evaluation.score.value": fidelity.r2_heldout,
                "gen_ai.evaluation.score.label": fidelity.status,
                "gen_ai.evaluation.explanation": self.summary,
            }
        )

    @cached_property
    def attributes(self) -> Mapping[str, JSON]:
        """For programs; the whole explanation is among them."""
        scores = _judged if self.has_target else _explained
        said = {score.name: score.label for score in scores(self.explanation) if score.label}
        return {**said, EXPLANATION: _explanation_json(self.explanation)}

    @cached_property
    def svg(self) -> str:
        """The picture."""
        return brief_svg(self.explanation)

    @cached_property
    def markdown(self) -> str:
        """The text below the picture, or in its place; tables read well as plain text, too."""
        return align_tables(to_markdown(self.explanation))

    @cached_property
    def files(self) -> Files:
        """The picture, the page and the record."""
        page = to_html(self.explanation, title=self._title)
        return {
            "heatmap.svg": ("image/svg+xml", self.svg.encode()),
            "heatmap.html": ("text/html", page.encode()),
            "explanation.json": ("application/json", self.explanation.model_dump_json().encode()),
        }


class PathView:
    """The path of a trace, from its final answer back; a `View`."""

    def __init__(self, path: ExplanationPath) -> None:
        self.path = path
        self.span_id = path_span_id(path.trace_id)
        self.name = PATH_NAME
        self.answer, self.summary = path.steps[0].explanation.answer, path.summary
        self.evaluation: Mapping[str, JSON] = {}

    @property
    def attributes(self) -> Mapping[str, JSON]:
        """For programs."""
        return {PATH: self.summary}

    @cached_property
    def svg(self) -> str:
        """The picture."""
        return path_to_svg(self.path)

    @cached_property
    def markdown(self) -> str:
        """The text below the picture, or in its place; tables read well as plain text, too."""
        steps = (f"{number}. {_step(step)}" for number, step in enumerate(self.path.steps, 1))
        return "\n".join([escape(self.path.summary), "", *steps])

    @cached_property
    def files(self) -> Files:
        """The picture, the page and the record."""
        return {
            "path.svg": ("image/svg+xml", self.svg.encode()),
            "path.html": ("text/html", path_to_html(self.path).encode()),
            "path.json": ("application/json", self.path.model_dump_json().encode()),
        }


View = HeatmapView | PathView
"""A drawing that stands in a span of its own; nothing is drawn before it is read. Its `span_id` (16
hex digits) depends on the call or the trace alone, so that a newer view replaces the old one; it is
about the `answer`; `evaluation` is the verdict, as the GenAI conventions name the result of one."""


def _step(step: PathStep) -> str:
    sources = "; ".join(
        f"{', '.join(map(step.named, source.drivers[:3]))} {source.where}"
        + (f" (step {source.step + 1})" if source.step is not None else "")
        for source in step.sources
    )
    return f"**{escape(step.title)}** {escape(sources or step.explanation.summary)}"


def _told_apart(item: ExplainedCall) -> str:
    """Return what a call did, numbered if others of its trace did the same."""
    label = _did(item.call)
    same = [call.id for call in item.trace.calls if _did(call) == label]
    if len(same) < 2 or item.call.id not in same:
        return label
    return f"{label}, {same.index(item.call.id) + 1} of {len(same)}"


def _did(call: Call) -> str:
    """Return the tools that a call calls, or else its name and model."""
    tools = dict.fromkeys(short(tool.name, _LONGEST_TOOL) for tool in call.tool_calls)
    return f"calls {listed([*tools])}" if tools else call_label(call)


def view_keys(call_id: str) -> tuple[str, str]:
    """Return what the ids of a call's heatmaps are made from: of the explanation of its answer, and
    of that with a target, which stands beside it. A newer one of the same kind replaces it."""
    return call_id, f"{call_id} target"


def explanation_span_id(key: str) -> str:
    """Return the id of the span that shows an explanation, by its `view_keys`."""
    return hashlib.sha256(f"smile-trace explanation {key}".encode()).hexdigest()[:16]


def path_span_id(trace_id: str) -> str:
    """Return the id of the span that shows the path of a trace."""
    return hashlib.sha256(f"smile-trace path {trace_id}".encode()).hexdigest()[:16]


def _explanation_json(explanation: Explanation) -> str:
    text = explanation.model_dump_json()
    if len(text) <= LARGEST_EXPLANATION:
        return text
    return explanation.model_copy(update={"perturbations": ()}).model_dump_json()


# -- all of it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Presentation:
    """The contents shown for an item. `call` is None if it is about the whole trace; `model` was
    asked again. Old values under any of `names`, all score names of its kind, are replaced."""

    item: Item
    call: Call | None
    scores: Sequence[Score]
    names: Sequence[str]
    model: str | None = None
    view: View | None = None
    documents: Sequence[ScoredDocument] = ()

    @cached_property
    def is_of_trace(self) -> bool:
        """Whether its scores are the trace's, too: it is about the trace, or its final answer."""
        return self.is_last_of(self.item.trace.calls)

    def is_last_of(self, calls: Sequence[Call]) -> bool:
        """Whether it is about the trace, or the final answer of these calls of it; the last of them
        where none has an answer."""
        if self.call is None:
            return True
        final = final_answer(self.item.trace, calls)
        return self.call.id in [call.id for call in ([final] if final else calls[-1:])]


def present(item: Item) -> Presentation:
    """Return what is shown of an item of the outbox."""
    match item:
        case ExplainedCall(call=call, explanation=explanation) if explanation.settings.pooled:
            why = Score(VERDICT, "category", POOLED, None, explanation.fidelity.reason)
            return Presentation(item, call, (why,), EXPLAINED)
        case ExplainedCall(call=call, explanation=explanation):
            model, view = explanation.settings.model, HeatmapView(item)
            if view.has_target:
                judged = tuple(_judged(explanation))
                return Presentation(item, call, judged, (TARGET, CULPRIT), model, view)
            return Presentation(
                item,
                call,
                scores=tuple(_explained(explanation)),
                names=EXPLAINED,
                model=model,
                view=view,
                documents=tuple(_documents(item)),
            )
        case ExplainedPath(path=path):
            steps, summary = float(len(path.steps)), short(path.summary, LONGEST)
            scores = [Score(PATH, "text", path_ends(path), None, summary, steps)]
            if (blamed := path.culprit) is not None:
                found = blamed.correction
                share = 0.0 if found is None else found.right / found.of
                said = short(blamed.summary, LONGEST)
                scores.append(Score(CULPRIT, "text", culprit_of_path(path), None, said, share))
            return Presentation(item, None, tuple(scores), (PATH, CULPRIT), view=PathView(path))
        case ProfiledCall(call=call, profile=profile):
            probed = tuple(_probed(profile))
            names = dict.fromkeys((*PROBED, *(score.name for score in probed)))
            return Presentation(item, call, probed, tuple(names), profile.model)
        case UnexplainedCall(call=call):
            why = Score(VERDICT, "category", item.verdict, None, short(item.reason, LONGEST))
            return Presentation(item, call, (why,), (VERDICT,))
