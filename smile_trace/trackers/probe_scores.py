"""What a profile says of an answer, as trackers show it: a score per probe, with its most telling
variant."""

from collections.abc import Iterator
from typing import NamedTuple

from smile_trace.records.profile import ProbeResult, Profile
from smile_trace.render.profile import STATUS
from smile_trace.render.text import difference, short
from smile_trace.trackers.names import PROBE
from smile_trace.trackers.protocol import ProfiledCall

_MARKS = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
"""How a piece of a difference is written: as `wdiff` and `git diff --word-diff` do."""
_PROMPT, _ANSWER = 500, 250
"""Characters of what is shown of each."""


class ProbeScore(NamedTuple):
    """What one probe found: `value` is the share of its variants that changed the answer, in
    [0, 1]; `status` says in words what that means, and `said` why, with the variant and the answer
    to it as differences from the logged ones."""

    name: str
    value: float
    status: str
    said: str


def probe_scores(item: ProfiledCall) -> Iterator[ProbeScore]:
    """The probes that were asked, in their order."""
    for result in item.profile.results.values():
        if result.value is not None:
            yield ProbeScore(
                name=PROBE + short(result.name, 40),
                value=round(result.value, 4),
                status=STATUS[result.status],
                said=_said(item.profile, result),
            )


def _said(profile: Profile, result: ProbeResult) -> str:
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
