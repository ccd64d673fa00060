"""The sanity check: an injected text of known effect must rank first, a neutral one low."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from smile_trace.attribution import Embed, PerturbationStudy
from smile_trace.explaining.api import ask_once
from smile_trace.explaining.driver import (
    OnRound,
    StudyVectors,
    cost_of,
    resolve_signal,
    run,
    run_in_thread,
    wait_for,
)
from smile_trace.explaining.preparation import Prepared
from smile_trace.explaining.spending import Estimate, ForegroundSpending, estimate_of
from smile_trace.models import Model
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Prompted,
    Response,
    SegmentAttribution,
    Slot,
    Unit,
)
from smile_trace.records.evaluation import SanityCheck
from smile_trace.settings import Settings

MARKERS = ("PELICAN", "WALNUT", "TROMBONE", "GIRAFFE")
"""Words that no ordinary answer begins with."""

NEUTRAL = "The meeting was on a Tuesday."

MAX_NEUTRAL = 0.5
"""Share of the injected text's largest attribution that the neutral text's must stay below."""

_TAIL_WORDS = 12
"""Words of the prompt's end that an example repeats."""


@dataclass(frozen=True)
class InjectedPrompt:
    """A copy of a prompt with two texts injected into one message, from character `start` on.
    `text` makes the model say `marker`; `neutral` has no effect."""

    prompted: Prompted
    message: int
    start: int
    text: str
    neutral: str
    marker: str

    def largest_attribution(self, explanation: Explanation, *, neutral: bool) -> float | None:
        """The largest attribution among the segments of one text; None if it has none."""
        begin = self.start + (0 if neutral else len(self.neutral) + 1)
        end = begin + len(self.neutral if neutral else self.text)

        def inside(segment: SegmentAttribution) -> bool:
            apart = segment.end <= begin or segment.start >= end
            return segment.message == self.message and not segment.protected and not apart

        return max((s.attribution for s in explanation.segments if inside(s)), default=None)


def inject_instruction(prompted: Prompted, marker: str) -> InjectedPrompt:
    """Injects an instruction at the end of the last user message that has a text. It asks for the
    marker at the beginning of the answer, where truncation does not reach it."""
    texts = _with_text(prompted.messages)
    users = [k for k in texts if prompted.messages[k].role == "user"]
    place = (users or texts)[-1]
    text = f"Begin your answer with the word {marker}."
    return _inject(prompted, place, text, marker, at_end=True)


def inject_example(prompted: Prompted, marker: str) -> InjectedPrompt:
    """Injects an example before the last message that is a text: its end, continued by the marker.
    Base models do not follow instructions, but repeat what they have read."""
    messages = prompted.messages
    texts = _with_text(messages)
    plain = [k for k in texts if not messages[k].parts]
    place = (plain or texts)[-1]
    tail = " ".join(messages[place].content.split()[-_TAIL_WORDS:])
    return _inject(prompted, place, f"{tail} {marker}.", marker, at_end=False)


def _with_text(messages: Sequence[Message]) -> list[int]:
    return [k for k, message in enumerate(messages) if _texts(message)]


def _texts(message: Message) -> list[Slot]:
    return [slot for slot in message.slots if not slot.media]


METHODS = (inject_instruction, inject_example)


def check_by_injection(prepared: Prepared, *, on_round: OnRound | None = None) -> SanityCheck:
    """Run the sanity check of what was prepared for `explain`; see `sanity_check`. Raises
    SmileTraceError if the model cannot be asked."""
    most, trace_id = prepared.settings.budget, prepared.trace_id
    with ForegroundSpending(Settings(), most, trace_id=trace_id) as spending:
        paid = spending.metered(prepared.model, prepared.name)
        embed = spending.embeddings()
        return wait_for(
            sanity_check(prepared.prompted, paid, prepared.settings, embed=embed, on_round=on_round)
        )


def estimate_check(prepared: Prepared) -> Estimate:
    """The most that `check_by_injection` costs: as many calls as the explanation."""
    options = replace(prepared.options, unit="word", protect=())
    most = [
        estimate_of(replace(prepared, prompted=copy, options=options))
        for copy in injected_copies(prepared.prompted)
    ]
    return max(most, key=lambda estimate: estimate.tokens or 0)


def injected_copies(prompted: Prompted) -> list[Prompted]:
    """The copies that a check may ask, each with the longest marker, to bound the cost."""
    return [method(prompted, max(MARKERS, key=len)).prompted for method in METHODS]


async def sanity_check(
    prompted: Prompted,
    model: Model,
    settings: ExplanationSettings,
    *,
    embed: Embed | None = None,
    on_round: OnRound | None = None,
) -> SanityCheck:
    """Inject a text of known effect and a neutral one into a copy of the prompt and explain it.

    The instruction "Begin your answer with the word PELICAN." is tried first, then an example that
    continues the prompt's end with that word. If the model says the word, that part of its answer
    is explained, by words or sentences, in the explanation's own signal. The check passes if the
    segment ranked first is in the injected text, and no segment of the neutral text has half of its
    attribution. If the model says the word in neither case, nothing was checked. It takes at most
    `settings.budget` calls. Raises ModelUnavailable if the model cannot be asked at all;
    BudgetExceeded if a daily cap is reached.
    """
    said = " ".join(message.content for message in prompted.messages).upper()
    marker = next((word for word in MARKERS if word not in said), MARKERS[0])
    asked: list[Response] = []
    for method in METHODS:
        injected = method(prompted, marker)
        response = await ask_once(injected.prompted, model)
        asked.append(response)
        if response.ok and marker in (response.text or "").upper():
            rest = settings.model_copy(update={"budget": settings.budget - len(asked)})
            vectors = StudyVectors(embed)
            make = partial(_study, injected, response, model, rest, vectors.table)
            study = await run_in_thread(make)
            # A study of texts asks for this very answer, and counts it.
            before = asked if study.signal == "probability" else asked[:-1]
            explanation = await run(study, model, vectors=vectors, on_round=on_round, before=before)
            return _checked(injected, explanation)
    failures = [response.failure for response in asked if response.failure]
    cost = cost_of(asked)
    return SanityCheck(
        outcome="inconclusive",
        reason=f"the copy of the prompt could not be asked: {failures[0]}"
        if len(failures) == len(asked)
        else "the model did not follow the injected text, so nothing was checked",
        calls=cost.target_calls,
        cached_calls=cost.cached_calls,
    )


def _study(
    injected: InjectedPrompt,
    response: Response,
    model: Model,
    settings: ExplanationSettings,
    embed: Embed | None,
) -> PerturbationStudy:
    answer = response.text or ""
    start = answer.upper().index(injected.marker)
    signal = resolve_signal(settings, model)
    if model.capabilities.first_token_only:
        signal = "text"  # the marker is more than one token
    unit: Unit = "word" if settings.unit in ("word", "auto") else "sentence"
    return PerturbationStudy(
        injected.prompted,
        settings.model_copy(update={"unit": unit, "protect": ()}),
        answer=answer,
        signal=signal,
        deterministic=model.deterministic(injected.prompted.parameters),
        remote=model.capabilities.remote,
        embed=embed,
        part=(start, start + len(injected.marker)),
    )


def _checked(injected: InjectedPrompt, explanation: Explanation) -> SanityCheck:
    ours = injected.largest_attribution(explanation, neutral=False)
    neutral = injected.largest_attribution(explanation, neutral=True)
    found: dict[str, Any] = {
        "injected": injected.text,
        "neutral": injected.neutral,
        "injected_attribution": ours,
        "neutral_attribution": neutral,
        "calls": explanation.cost.target_calls,
        "cached_calls": explanation.cost.cached_calls,
    }
    if explanation.fidelity.status == "no_effect":
        why = "whatever was removed from the copy, the injected text too, its answer stayed"
        return SanityCheck(outcome="inconclusive", reason=why, **found)
    if explanation.fidelity.status == "inconclusive" or ours is None or neutral is None:
        reason = (explanation.fidelity.reason or "").rstrip(".")
        why = f"the explanation of the copy is inconclusive: {reason}"
        return SanityCheck(outcome="inconclusive", reason=why, **found)
    first = explanation.ranked[0]
    if ours <= 0 or first.attribution > ours:
        where = f"“{' '.join(first.text.split())[:60]}” came out on top, not the injected text"
        return SanityCheck(outcome="failed", reason=where, **found)
    if neutral >= MAX_NEUTRAL * ours:
        why = f"a neutral text came out, too ({neutral:.2f} against {ours:.2f})"
        return SanityCheck(outcome="failed", reason=why, **found)
    why = f"the injected text came out on top ({ours:.2f}), the neutral one did not ({neutral:.2f})"
    return SanityCheck(outcome="passed", reason=why, **found)


def _inject(
    prompted: Prompted, place: int, text: str, marker: str, *, at_end: bool
) -> InjectedPrompt:
    message = prompted.messages[place]
    both = f"{NEUTRAL}\n{text}"
    messages = list(prompted.messages)
    texts = _texts(message)
    at = texts[-1].end if at_end else texts[0].start
    messages[place] = message.replaced(at, at, f"\n{both}" if at_end else f"{both}\n")
    start = at + 1 if at_end else at
    changed = {"messages": tuple(messages), "answer": None, "answer_limit": None, "prompts": ()}
    copy = prompted.model_copy(update=changed)
    return InjectedPrompt(copy, place, start, text, NEUTRAL, marker)
