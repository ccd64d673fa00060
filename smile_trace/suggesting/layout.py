"""A template's paragraphs in another order, or another format, on which the answers depend less.

For an order, the probe `order` varies the material (documents, examples, options). Liu et al. 2023
("Lost in the Middle", 2307.03172, section 4.2) call the question before as well as after the
material query-aware contextualization. For a format, the changes of the probe `format`
(FormatSpread, 2310.11324) vary the template's own text, not its variables' values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace._text.prompts import VARIABLE
from smile_trace.comparison.version_replay import Input
from smile_trace.probes.kinds.contexts import Order
from smile_trace.probes.kinds.phrasing import CHANGES, Format
from smile_trace.suggesting.cases import varied_by
from smile_trace.suggesting.change import Change, Nothing, least_sensitive
from smile_trace.suggesting.trials import Trials

MIN_SENSITIVE = 3
"""Calls whose answer has to depend on the order or format; with fewer there is little to gain."""

_ORDER = "Write it in an order on which the answers depend less"


def orders_of(template: str) -> list[tuple[str, str]]:
    """The template's paragraphs (or a single one's lines) in other orders, each with what
    differs."""
    between = "\n\n" if "\n\n" in template.strip() else "\n"
    parts = [text for text in template.split(between) if text.strip()]
    if len(parts) < 2:
        return []
    *rest, last = parts
    first, *others = parts
    found = {
        between.join([last, *parts]): "its last part at the beginning as well",
        between.join([last, *rest]): "its last part at the beginning",
    }
    found.setdefault(between.join([*others, first]), "its first part at the end")
    return [(what, text) for text, what in found.items()]


@dataclass(frozen=True)
class OrderSensitivity:
    """Whether a call gets another answer if its material stands in another order."""

    trials: Trials
    name = Order.words.name

    async def counting(self, template: str, inputs: Sequence[Input]) -> list[bool]:
        """Tries each call that holds such material in one other order."""
        varied = varied_by(Order(), inputs, self.trials.seed)
        moved = await self.trials.another(
            template, template, [one.of for one in varied], [one.input for one in varied]
        )
        return [bool(one) for one in moved]


async def find_order(trials: Trials) -> Change | Nothing:
    """Look, among the orders that leave the answers unchanged, for the order in which reordering
    the material gives the fewest searched calls another answer."""
    template, searched = trials.material.template, trials.material.searched
    sensitivity = OrderSensitivity(trials)
    moved = await sensitivity.counting(template, searched)
    if not moved:
        return Nothing("order", _ORDER, f"no call holds {Order.words.needs}")
    now = sum(moved)
    depend = f"the answers to {now} of {len(moved)} calls depend on the order of their material"
    if now < MIN_SENSITIVE:
        return Nothing("order", _ORDER, depend)
    best = await least_sensitive(
        sensitivity, orders_of(template), searched, now=now, keeps=trials.keeps
    )
    if best is None:
        return Nothing("order", _ORDER, f"{depend}, and no other order of the prompt helps")
    what, changed = best
    return Change("order", f"Another order: {what}", changed, sensitivity=sensitivity)


MOST_FORMATS = 6
"""Other formats that are tried."""
_FORMAT = "Write it in a format on which the answers depend less"


def formats(template: str) -> list[tuple[str, str]]:
    """The template in other formats with the same variables, each with what differs."""
    found = []
    for what, change in CHANGES:
        changed = change(template)
        if changed != template and VARIABLE.findall(changed) == VARIABLE.findall(template):
            found.append((what, changed))
    return found


@dataclass(frozen=True)
class FormatSensitivity:
    """Whether a call gets another answer if the template's format changes a little."""

    trials: Trials
    name = Format.words.name

    async def counting(self, template: str, inputs: Sequence[Input]) -> list[bool]:
        """Tries each call in one other format, which changes from call to call."""
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
    """Look, among the formats that leave the answers unchanged, for the format in which a small
    change gives the fewest searched calls another answer."""
    template, searched = trials.material.template, trials.material.searched
    sensitivity = FormatSensitivity(trials)
    now = sum(await sensitivity.counting(template, searched))
    if now < MIN_SENSITIVE:
        why = f"the answers to {now} of {len(searched)} calls depend on the format"
        return Nothing("format", _FORMAT, why)
    best = await least_sensitive(
        sensitivity, formats(template)[:MOST_FORMATS], searched, now=now, keeps=trials.keeps
    )
    if best is None:
        why = f"the answers to {now} of {len(searched)} calls depend on it, and no other helps"
        return Nothing("format", _FORMAT, why)
    what, changed = best
    return Change("format", f"Another format: {what}", changed, sensitivity=sensitivity)
