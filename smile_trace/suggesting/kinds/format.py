"""A format of the template in which the answers depend less on separators, marks and white space.

What varies is the template's own text, by the changes of the probe `format` (FormatSpread,
2310.11324); the values of its variables stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace.comparison.input_models import Input
from smile_trace.comparison.templates import VARIABLE
from smile_trace.probes.kinds.format import CHANGES, Format
from smile_trace.suggesting.kinds.base import Change, Nothing
from smile_trace.suggesting.sensitivity import least_sensitive
from smile_trace.suggesting.trials import Trials

MOST_TRIED = 6
"""Other formats that are tried."""
MIN_SENSITIVE = 3
"""With fewer calls whose answer depends on the format there is nothing to gain."""

_WHAT = "Write it in a format on which the answers depend less"


def formats(template: str) -> list[tuple[str, str]]:
    """The template in other formats, each with what differs; its variables are the same."""
    found = []
    for what, change in CHANGES:
        changed = change(template)
        if changed != template and VARIABLE.findall(changed) == VARIABLE.findall(template):
            found.append((what, changed))
    return found


@dataclass(frozen=True)
class FormatSensitivity:
    """Whether a call gets another answer where the template's format changes a little."""

    trials: Trials
    name = Format.words.name

    async def counting(self, template: str, inputs: Sequence[Input]) -> list[bool]:
        """Each call in one other format, another one from call to call."""
        others = formats(template)
        found = [False] * len(inputs)
        for k, (_, changed) in enumerate(others):
            places = range(k, len(inputs), len(others))
            some = [inputs[place] for place in places]
            for place, moved in zip(
                places, await self.trials.another(template, changed, some), strict=True
            ):
                found[place] = bool(moved)
        return found


async def find_format(trials: Trials) -> Change | Nothing:
    """Look, among the formats that leave the answers as they are, for the one in which a change of
    it gives the fewest searched calls another answer."""
    template, searched = trials.material.template, trials.material.searched
    sensitivity = FormatSensitivity(trials)
    now = sum(await sensitivity.counting(template, searched))
    if now < MIN_SENSITIVE:
        why = f"the answers to {now} of {len(searched)} calls depend on the format"
        return Nothing("format", _WHAT, why)
    best = await least_sensitive(
        sensitivity, formats(template)[:MOST_TRIED], searched, now=now, keeps=trials.keeps
    )
    if best is None:
        why = f"the answers to {now} of {len(searched)} calls depend on it, and no other helps"
        return Nothing("format", _WHAT, why)
    what, changed = best
    return Change("format", f"Another format: {what}", changed, sensitivity=sensitivity)
