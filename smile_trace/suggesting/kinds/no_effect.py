"""A shorter prompt: without instructions of which an effect is excluded."""

from collections.abc import Collection, Sequence

from smile_trace._text.lists import listed
from smile_trace.records.comparison import TemplateSegment
from smile_trace.records.verdicts import NO_DIFFERENCE
from smile_trace.suggesting.instructions import instructions, without, worth_trying
from smile_trace.suggesting.kinds.base import Change, Nothing
from smile_trace.suggesting.trials import Trials


async def find_no_effect(trials: Trials, apart_from: Collection[str]) -> Change | Nothing:
    """Look for the instructions without which the searched calls get the same answers.

    Those that explained calls show to matter are not tried. The others are removed together;
    where the answers then move, each half by itself, and so on.

    Args:
        apart_from: instructions that another suggestion is about.
    """
    template = trials.material.template
    found = instructions(template)
    tried = worth_trying(found, trials.material.report.segments, trials.limit)
    idle = await _idle(trials, [one for one in tried if one.text not in apart_from])
    if not idle:
        why = f"each of {len(found)} instructions is needed by one of the searched calls"
        return Nothing("no_effect", "Remove instructions that make no difference", why)
    texts = tuple(one.text.strip() for one in sorted(idle, key=lambda one: one.start))
    quoted = listed([f"“{text}”" for text in texts])
    return Change(
        "no_effect",
        f"Remove {quoted}, which {NO_DIFFERENCE}",
        without(template, idle),
        removed=texts,
    )


async def _idle(trials: Trials, tried: Sequence[TemplateSegment]) -> list[TemplateSegment]:
    """The largest set that was found to be removable together."""
    if not tried:
        return []
    if await trials.keeps(without(trials.material.template, tried)):
        return list(tried)
    if len(tried) == 1:
        return []
    middle = len(tried) // 2
    first, second = await _idle(trials, tried[:middle]), await _idle(trials, tried[middle:])
    if (
        first
        and second
        and not await trials.keeps(without(trials.material.template, [*first, *second]))
    ):
        return max(first, second, key=len)  # one says what the other says: either may go
    return [*first, *second]
