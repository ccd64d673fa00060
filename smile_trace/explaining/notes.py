"""Notes on an explanation: what is unknown of the request, tools called instead, and refusals."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TypeVar

from smile_trace._guards.presentable import presentable
from smile_trace._text.lists import listed
from smile_trace.errors import ReasonCode
from smile_trace.models import Model
from smile_trace.records import JSON, Explanation, Note, Observation, Prompted, SegmentAttribution
from smile_trace.records.formats.answers import Called, read_refusal, read_tool_calls
from smile_trace.records.tool_results import named_by_tool
from smile_trace.records.verdicts import drives

_CLEARLY = 0.9
"""A part decides if at least this share of the requests is refused on one side of its removal, and
at most the rest on the other."""
_MOST_PARTS_NAMED = 3

T = TypeVar("T")


def refusals(explanation: Explanation) -> str | None:
    """The parts that decide whether the model refuses, or how often it did; None if it never did:
    "Without “for a chemistry class” the model refuses."
    """
    refused = read_refusal(explanation.answer) is not None
    known = [(row, read_refusal(said) is not None) for row, said in _perturbed(explanation)]
    once = _once(known)
    count = sum(is_refusal for _, is_refusal in once)
    if not count and not refused:
        return None
    decisive = [
        segment
        for segment in filter(drives, explanation.ranked)
        if _decides(explanation, segment, known, without=not refused)
    ]
    if decisive:
        said = [_named(segment, explanation) for segment in decisive[:_MOST_PARTS_NAMED]]
        return f"The model refuses {'only with' if refused else 'without'} {listed(said)}."
    every = "all" if count == len(once) else f"{count} of"
    return f"The model refused {every} {len(once)} perturbed requests."


def _named(segment: SegmentAttribution, explanation: Explanation) -> str:
    tool = named_by_tool(segment, explanation.messages)
    return str(tool or f"“{presentable(segment.name, longest=60)}”")


def _perturbed(explanation: Explanation) -> Iterator[tuple[Observation, str]]:
    """Yield the requests that lacked a part, with their answers; a random mask may retain all."""
    for row in explanation.perturbations:
        if row.response is not None and not all(row.mask):
            yield row, row.response


def _once(rows: Sequence[tuple[Observation, T]]) -> list[tuple[Observation, T]]:
    """Return each request once: several levels may share its response."""
    return list({(row.text_hash, row.replicate): (row, found) for row, found in rows}.values())


def _decides(
    explanation: Explanation,
    segment: SegmentAttribution,
    rows: Sequence[tuple[Observation, bool]],
    *,
    without: bool,
) -> bool:
    """Whether requests are refused without the segment only, or (`without` False) with it only."""
    shares = []
    for held in (not without, without):
        found = [r for row, r in rows if _holds(explanation, segment, row) is held]
        if not found:
            return False
        shares.append(sum(found) / len(found))
    return shares[0] >= _CLEARLY and shares[1] <= 1 - _CLEARLY


def _holds(explanation: Explanation, segment: SegmentAttribution, row: Observation) -> bool | None:
    """Whether the segment was in a request; None if it was not removed in one piece."""
    keys = explanation.partitions[row.level]
    return row.mask[keys.index(segment.key)] if segment.key in keys else None


_MOST_NAMED = 3


def tools_instead(explanation: Explanation, parameters: dict[str, JSON]) -> str | None:
    """The tools called in place of the logged ones; None if the answer calls no tool: "Of 38
    perturbed requests, 12 called no tool and 3 cancel_order instead of get_order."
    """
    logged = read_tool_calls(explanation.answer)
    if logged is None:
        return None
    known = [(row, read_tool_calls(said)) for row, said in _perturbed(explanation)]
    answers = [calls for _, calls in _once(known)]
    if not answers:
        return None
    wanted = _names(logged)
    others = Counter(_names(calls) for calls in answers if _names(calls) != wanted)
    total = f"{len(answers)} perturbed requests"
    if not others:
        offered = len(parameters["tools"]) if isinstance(parameters.get("tools"), list) else 0
        more = f": none of the {offered} tools offered replaced it" if offered > 1 else ""
        return f"In all {total}, the model called {_listed(wanted)}{more}."
    named = others.most_common(_MOST_NAMED)
    said = [f"{count} called {_listed(names) or 'no tool'}" for names, count in named]
    if rest := sum(others.values()) - sum(count for _, count in named):
        said.append(f"{rest} called others")
    return f"Of {total}, {listed(said)} instead of {_listed(wanted)}."


def _names(calls: Sequence[Called] | None) -> tuple[str, ...]:
    return tuple(sorted(call.name for call in calls or ()))


def _listed(names: Sequence[str]) -> str:
    return " and ".join(presentable(name, longest=60) for name in names)


PROMPT_ASSUMED = Note(
    code=ReasonCode.PROMPT_ASSUMED,
    text=(
        "The function's argument was taken as the prompt: anything that the function adds to it, "
        "and the parameters of its request, are unknown. To capture them, use record() in the "
        "function or instrument() for its client."
    ),
)

FORM_CHANGED = Note(
    code=ReasonCode.FORM_CHANGED,
    text=(
        "The call was made with OpenAI's Responses API, but asked again through another API, where "
        "the model may answer differently."
    ),
)


OF_REASONING = Note(
    code=ReasonCode.OF_REASONING,
    text="This explains the model's reasoning before its answer, not the answer itself.",
)


_LEFT_OUT = "The model was asked without its earlier reasoning: "


def reasoning_left_out(why: str) -> Note:
    """The note that the model was asked without its reasoning of earlier turns."""
    return Note(code=ReasonCode.REASONING_LEFT_OUT, text=f"{_LEFT_OUT}{why}.")


def why_left_out(explanation: Explanation) -> str | None:
    """Why the model was asked without its reasoning of earlier turns; None if it was not."""
    of_reasoning = [n for n in explanation.notes if n.code is ReasonCode.REASONING_LEFT_OUT]
    return of_reasoning[0].text.partition(": ")[2][:-1] if of_reasoning else None


def limit_raised(tokens: int, again: int) -> Note:
    """The note that a study asked with a larger limit than the logged request, and asked `again`
    what had been cut."""
    more = f" ({again:,} more call{'s' * (again > 1)})" if again else ""
    return Note(
        code=ReasonCode.LIMIT_RAISED,
        text=(
            "A reply reached the logged request's limit while the model was still reasoning. Such "
            f"requests were sent again{more}, and the rest sent, with a limit of {tokens:,} tokens."
        ),
    )


def with_notes(
    explanation: Explanation,
    prompted: Prompted,
    model: Model,
    *,
    raised: int = 0,
    again: int = 0,
) -> Explanation:
    """The explanation with its notes, also appended to its summary; `raised`: the larger limit of
    the answers in tokens, if they were asked with one, `again`: the calls that were repeated."""
    notes = explanation.notes
    if prompted.left_out:
        notes = (*notes, reasoning_left_out(prompted.left_out))
    if prompted.of_reasoning:
        notes = (*notes, OF_REASONING)
    if raised:
        notes = (*notes, limit_raised(raised, again))
    if prompted.assumed and not model.capabilities.calls_function:
        notes = (*notes, PROMPT_ASSUMED)
    asked = model.capabilities
    if prompted.form == "responses" and not (asked.asks_responses or asked.calls_function):
        notes = (*notes, FORM_CHANGED)
    more = (tools_instead(explanation, prompted.parameters), refusals(explanation))
    said = [explanation.summary, *(sentence for sentence in more if sentence is not None)]
    summary = " ".join([*said, *(note.text for note in notes)])
    return explanation.model_copy(update={"notes": notes, "summary": summary})
