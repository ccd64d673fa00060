"""A template's paragraphs in another order, or another format, on which the answers depend less.

For an order, the probe `order` varies the material (documents, examples, options). Liu et al. 2023
("Lost in the Middle", 2307.03172, section 4.2) call the question before as well as after the
material query-aware contextualization. For a format, the changes of the probe `format`
(FormatSpread, 2310.11324) vary the template's own text, not its variables' values.
"""

from collections.abc import Sequence
from functools import partial

from smile_trace._text.prompts import VARIABLE
from smile_trace.comparison.version_replay import Input
from smile_trace.probes.kinds.contexts import Order
from smile_trace.probes.kinds.phrasing import CHANGES, Format
from smile_trace.records.suggestion import NotProposed
from smile_trace.suggesting.cases import varied_by
from smile_trace.suggesting.change import Change, Sensitivity, least_sensitive, nothing
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


async def _moved_by_order(trials: Trials, template: str, inputs: Sequence[Input]) -> list[bool]:
    """Whether each call with such material gets another answer if it stands in one other order."""
    varied = varied_by(Order(), inputs, trials.seed)
    return await trials.another(
        template, template, [one.of for one in varied], [one.input for one in varied]
    )


async def find_order(trials: Trials) -> Change | NotProposed:
    """Look, among the orders that leave the answers unchanged, for the order in which reordering
    the material gives the fewest searched calls another answer."""
    template, searched = trials.material.template, trials.material.searched
    sensitivity = Sensitivity(Order.words.name, partial(_moved_by_order, trials))
    moved = await sensitivity.counting(template, searched)
    if not moved:
        return nothing("order", _ORDER, f"no call holds {Order.words.needs}")
    now = sum(moved)
    depend = f"the answers to {now} of {len(moved)} calls depend on the order of their material"
    if now < MIN_SENSITIVE:
        return nothing("order", _ORDER, depend)
    best = await least_sensitive(
        sensitivity, orders_of(template), searched, now=now, keeps=trials.keeps
    )
    if best is None:
        return nothing("order", _ORDER, f"{depend}, and no other order of the prompt helps")
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


async def _moved_by_format(trials: Trials, template: str, inputs: Sequence[Input]) -> list[bool]:
    """Whether each call gets another answer in one other format, which changes from call to
    call."""
    others = formats(template)
    found = [False] * len(inputs)
    for k, (_, changed) in enumerate(others):
        found[k :: len(others)] = await trials.another(template, changed, inputs[k :: len(others)])
    return found


async def find_format(trials: Trials) -> Change | NotProposed:
    """Look, among the formats that leave the answers unchanged, for the format in which a small
    change gives the fewest searched calls another answer."""
    template, searched = trials.material.template, trials.material.searched
    sensitivity = Sensitivity(Format.words.name, partial(_moved_by_format, trials))
    now = sum(await sensitivity.counting(template, searched))
    if now < MIN_SENSITIVE:
        why = f"the answers to {now} of {len(searched)} calls depend on the format"
        return nothing("format", _FORMAT, why)
    best = await least_sensitive(
        sensitivity, formats(template)[:MOST_FORMATS], searched, now=now, keeps=trials.keeps
    )
    if best is None:
        why = f"the answers to {now} of {len(searched)} calls depend on it, and no other helps"
        return nothing("format", _FORMAT, why)
    what, changed = best
    return Change("format", f"Another format: {what}", changed, sensitivity=sensitivity)
