"""A harmful instruction: without it confirmed failures are right."""

from smile_trace.suggesting.instructions import instructions, without
from smile_trace.suggesting.kinds.base import Change, Nothing
from smile_trace.suggesting.trials import Trials

_WHAT = "Remove an instruction that makes confirmed failures wrong"


async def find_harmful(trials: Trials) -> Change | Nothing:
    """Look for the instruction without which most of the searched failures are right, and no
    searched case becomes wrong. Each is removed alone."""
    cases, template = trials.material.cases_searched, trials.material.template
    if not cases:
        return Nothing("harmful", _WHAT, "there are fewer than two confirmed failures to try it on")
    best, most = None, 0
    for instruction in instructions(template):
        gained, lost = await trials.corrected(without(template, [instruction]), cases)
        if sum(gained) > most and not any(lost):
            best, most = instruction, sum(gained)
    if best is None:
        return Nothing("harmful", _WHAT, f"no instruction is the reason of {len(cases)} of them")
    text = best.text.strip()
    return Change(
        "harmful",
        f"Remove “{text}”, which makes confirmed failures wrong",
        without(template, [best]),
        removed=(text,),
    )
