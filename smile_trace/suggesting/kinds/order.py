"""An order of the template's paragraphs in which the order of the material matters less.

The question before the material as well as after it is what Liu et al. 2023 ("Lost in the Middle",
2307.03172, section 4.2) call query-aware contextualization. What varies is the material, documents,
examples or options, by the probe `order`; the words of the template stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smile_trace.comparison.input_models import Input
from smile_trace.probes.kinds.order import Order
from smile_trace.suggesting.kinds.base import Change, Nothing
from smile_trace.suggesting.sensitivity import least_sensitive
from smile_trace.suggesting.trials import Trials
from smile_trace.suggesting.varied import varied_by

MIN_SENSITIVE = 3
"""With fewer calls whose answer depends on the order there is nothing to gain."""

_WHAT = "Write it in an order on which the answers depend less"


def orders_of(template: str) -> list[tuple[str, str]]:
    """The template's paragraphs (lines, where there is one paragraph) in other orders, each with
    what differs."""
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
    """Whether a call gets another answer where its material stands in another order."""

    trials: Trials
    name = Order.words.name

    async def counting(self, template: str, inputs: Sequence[Input]) -> list[bool]:
        """Each call that holds such material in one other order."""
        varied = varied_by(Order(), inputs, self.trials.seed)
        moved = await self.trials.another(
            template, template, [one.of for one in varied], [one.input for one in varied]
        )
        return [bool(one) for one in moved]


async def find_order(trials: Trials) -> Change | Nothing:
    """Look, among the orders that leave the answers as they are, for the one in which another order
    of the material gives the fewest searched calls another answer."""
    template, searched = trials.material.template, trials.material.searched
    sensitivity = OrderSensitivity(trials)
    moved = await sensitivity.counting(template, searched)
    if not moved:
        return Nothing("order", _WHAT, f"no call holds {Order.words.needs}")
    now = sum(moved)
    depend = f"the answers to {now} of {len(moved)} calls depend on the order of their material"
    if now < MIN_SENSITIVE:
        return Nothing("order", _WHAT, depend)
    best = await least_sensitive(
        sensitivity, orders_of(template), searched, now=now, keeps=trials.keeps
    )
    if best is None:
        return Nothing("order", _WHAT, f"{depend}, and no other order of the prompt helps")
    what, changed = best
    return Change("order", f"Another order: {what}", changed, sensitivity=sensitivity)
