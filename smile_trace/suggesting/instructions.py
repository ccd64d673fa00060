"""The instructions of a template that can go: without an effect, or harmful."""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

from smile_trace._text.lists import listed
from smile_trace._text.prompts import VARIABLE
from smile_trace._text.rare_cases import rare_case
from smile_trace.comparison.templates import segment_template
from smile_trace.comparison.version_replay import Input
from smile_trace.errors import BudgetExceeded
from smile_trace.records.comparison import Influence, TemplateSegment
from smile_trace.records.suggestion import NotProposed, Untested
from smile_trace.suggesting.change import Change, nothing
from smile_trace.suggesting.trials import BudgetSpent, Trials

_ENDS = re.compile(r"(?<!\W)(?=\W*+\Z)\W*?[.!?。！？]")
_MARK = re.compile(r"[ \t]*(?:[-*•]|\d+[.)])?[ \t]*")
"""A line of a list without its text."""


def instructions(template: str) -> list[TemplateSegment]:
    """The separately removable sentences and lines: no labels, no sentences around a variable."""
    places = [match.span() for match in VARIABLE.finditer(template)]
    found = segment_template("", "", template, "sentence")
    return [one for one in found if one.variable is None and not _leads(one, template, places)]


def _leads(segment: TemplateSegment, template: str, variables: Sequence[tuple[int, int]]) -> bool:
    if segment.text.rstrip().endswith((":", "：")) or _MARK.fullmatch(segment.text):
        return True
    for start, end in variables:
        before, behind = template[segment.end : start], template[end : segment.start]
        if segment.end <= start and "\n" not in before and not before.strip():
            return not _ENDS.search(segment.text)
        if end <= segment.start and not re.search(r"[\n.!?。！？]", behind):
            return True
    return False


def without(template: str, removed: Collection[TemplateSegment]) -> str:
    """The template without some of its instructions, and without the gaps they leave."""
    for segment in sorted(removed, key=lambda one: -one.start):
        before, after = template[: segment.start], template[segment.end :]
        line, rest = before[before.rfind("\n") + 1 :], after.split("\n", 1)
        if _MARK.fullmatch(line) and not rest[0].strip():
            before = before[: len(before) - len(line)]
            after = rest[1] if len(rest) > 1 else ""
            if not after and not template.endswith("\n"):
                before = before.removesuffix("\n")
        elif not before or before[-1].isspace():
            after = after.lstrip(" \t")
        template = before + after
    return template


def worth_trying(
    found: Sequence[TemplateSegment], influences: Sequence[Influence], limit: float
) -> list[TemplateSegment]:
    """The instructions except those which explained calls have shown to matter by `limit` or more.
    One in twenty instructions without an effect seems to have a small one, and nothing is known of
    the open ones: the replay has to exclude an effect before a removal is proposed."""
    return [one for one in found if not any(_certain(one, item, limit) for item in influences)]


def _certain(segment: TemplateSegment, item: Influence, limit: float) -> bool:
    """Whether a part inside the instruction certainly matters so much; one around it may hold
    more."""
    part = item.segment
    if not segment.start <= part.start <= part.end <= segment.end:
        return False
    least = min(abs(item.ci_low), abs(item.ci_high))
    return item.verdict in ("supports", "against") and least >= limit


async def find_no_effect(trials: Trials, apart_from: Collection[str]) -> list[Change | NotProposed]:
    """Look for the instructions without which the searched calls get the same answers.

    Instructions that explained calls show to matter are not tried, nor those of another suggestion
    (`apart_from`), nor those that act in certain cases only (`find_untested`). The others are
    removed together; if the answers move, each half by itself, and so on. What the held-out calls
    need of those that were found is told from the rest alike, and is a change of its own.
    """
    template = trials.material.template
    tried = [one for one in _candidates(trials, apart_from) if rare_case(one.text) is None]
    idle = await _idle(trials, tried, trials.material.searched)
    if not idle:
        why = f"each of {len(tried)} instructions is needed by one of the searched calls"
        why = why if tried else f"none of {len(instructions(template))} instructions may go"
        return [nothing("no_effect", "Remove instructions that make no difference", why)]

    async def harmless(removed: Sequence[TemplateSegment]) -> bool:
        try:
            return not trials.harm(await trials.held_out(without(template, removed)))
        except (BudgetSpent, BudgetExceeded):
            return False

    rest = await _largest(idle, harmless)
    changes: list[Change | NotProposed] = [_removal(template, rest)] if rest else []
    return changes if rest == idle else [*changes, _removal(template, idle, rest)]


def _removal(
    template: str, removed: Sequence[TemplateSegment], rest: Sequence[TemplateSegment] = ()
) -> Change:
    """The template without some instructions, the `rest` of them as well, of which is not said."""
    named = sorted((one for one in removed if one not in rest), key=lambda one: one.start)
    texts = tuple(one.text.strip() for one in named)
    what = f"Remove {listed([f'“{text}”' for text in texts])}{' as well' if rest else ''}"
    return Change("no_effect", what, without(template, removed), texts)


def _candidates(trials: Trials, apart_from: Collection[str]) -> list[TemplateSegment]:
    found = instructions(trials.material.template)
    tried = worth_trying(found, trials.material.report.segments, trials.limit)
    return [one for one in tried if one.text.strip() not in apart_from]


async def find_untested(trials: Trials, apart_from: Collection[str]) -> list[Untested]:
    """Look for the prohibitions and other rules for rare cases without which all calls, those held
    out as well, get the same answers: whatever they are for did not come up."""
    rare = [one for one in _candidates(trials, apart_from) if rare_case(one.text) is not None]
    calls = [*trials.material.searched, *trials.material.held_out]
    idle = await _idle(trials, rare, calls)
    return [
        Untested(text=one.text.strip(), acts_in=kind)
        for one in sorted(idle, key=lambda one: one.start)
        if (kind := rare_case(one.text)) is not None
    ]


async def _idle(
    trials: Trials, tried: Sequence[TemplateSegment], calls: Sequence[Input]
) -> list[TemplateSegment]:
    """The largest set that was found to be removable together: without a change of any text, if
    the model repeats itself and there is such a set, else with changes that do not count."""

    async def keeps(removed: Sequence[TemplateSegment], *, same: bool = False) -> bool:
        return await trials.keeps(without(trials.material.template, removed), calls, same=same)

    exact = trials.replays.exact and await _largest(tried, partial(keeps, same=True))
    return exact or await _largest(tried, keeps)


async def _largest(
    tried: Sequence[TemplateSegment], keeps: Callable[[Sequence[TemplateSegment]], Awaitable[bool]]
) -> list[TemplateSegment]:
    """The largest set found by halving that may go as `keeps` has it."""
    if not tried or await keeps(tried):
        return list(tried)
    if len(tried) == 1:
        return []
    middle = len(tried) // 2
    first, second = [await _largest(half, keeps) for half in (tried[:middle], tried[middle:])]
    if first and second and not await keeps([*first, *second]):
        return max(first, second, key=len)  # one says what the other says: either may go
    return [*first, *second]


_HARMFUL = "Remove an instruction that causes confirmed failures"


async def find_harmful(trials: Trials) -> Change | NotProposed:
    """Look for the instruction without which most of the searched failures are right, and no
    searched case becomes wrong. Each is removed alone."""
    cases, template = trials.material.cases_searched, trials.material.template
    if not cases:
        return nothing(
            "harmful", _HARMFUL, "there are fewer than two confirmed failures to try it on"
        )
    best, most = None, 0
    for instruction in instructions(template):
        gained, lost = await trials.corrected(without(template, [instruction]), cases)
        if sum(gained) > most and not any(lost):
            best, most = instruction, sum(gained)
    if best is None:
        return nothing("harmful", _HARMFUL, f"no instruction is the reason of {len(cases)} of them")
    text = best.text.strip()
    return Change(
        "harmful",
        f"Remove “{text}”, which causes confirmed failures",
        without(template, [best]),
        removed=(text,),
    )
