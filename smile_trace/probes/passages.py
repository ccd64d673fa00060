"""The places where a request may be varied (instructions, question, documents), and the edits."""

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from math import factorial

from smile_trace.attribution.segmentation.selections import picked_units
from smile_trace.attribution.segmentation.units import UnitMissing, UnitSplitter
from smile_trace.probes.base import Answer, Variant, says_another_thing
from smile_trace.records import Message, Place, Prompted
from smile_trace.records.formats.requests import OFFERED
from smile_trace.records.message import identity_of

MOST_VARIANTS = 16

_INSTRUCTING = ("system", "developer", "user")


def documents(call: Prompted) -> list[Place]:
    """Return a request's documents, recorded or known by their form, and tools' results."""
    splitter = UnitSplitter(call)
    return [
        (m, a, b)
        for m, message in enumerate(call.messages)
        if message.role != OFFERED
        for a, b in splitter.documents(m)
    ]


def examples(call: Prompted) -> list[Place]:
    """Return the examples that stand inside one message each."""
    try:
        found = picked_units(call, "example") or []
    except UnitMissing:
        return []
    return [places[0] for places in found if len(places) == 1]


def instructions(call: Prompted) -> list[Place]:
    """Return the texts of system and user that are not documents or examples."""
    taken = sorted([*documents(call), *examples(call)])
    found = []
    for m, message in enumerate(call.messages):
        if message.role not in _INSTRUCTING:
            continue
        for slot in message.slots:
            if slot.result or slot.media:
                continue
            at = slot.start
            inside = [(a, b) for n, a, b in taken if n == m and slot.start <= a < b <= slot.end]
            for a, b in [*inside, (slot.end, slot.end)]:
                if message.content[at:a].strip():
                    found.append((m, at, a))
                at = b
    return found


def question(call: Prompted) -> Place | None:
    """Return the last text of the last user message: the place of the question."""
    users = [m for m, message in enumerate(call.messages) if message.role == "user"]
    if not users:
        return None
    slots = [s for s in call.messages[users[-1]].slots if not (s.result or s.media)]
    return (users[-1], slots[-1].start, slots[-1].end) if slots else None


def text_at(call: Prompted, place: Place) -> str:
    """Return the characters of a place."""
    m, start, end = place
    return call.messages[m].content[start:end]


def edited(call: Prompted, edits: Iterable[tuple[Place, str]]) -> tuple[Message, ...]:
    """Return the messages with other texts at these places, which do not overlap."""
    messages = list(call.messages)
    for (m, start, end), text in sorted(edits, reverse=True):
        messages[m] = messages[m].replaced(start, end, text)
    return tuple(messages)


def mapped(
    call: Prompted, places: Iterable[Place], change: Callable[[str], str]
) -> tuple[Message, ...]:
    """Return the messages with the texts at these places changed by a function."""
    return edited(call, [(place, change(text_at(call, place))) for place in places])


def distinct(call: Prompted, variants: Iterable[Variant]) -> list[Variant]:
    """Return the first variants that differ from the request and from one another."""
    seen, found = {identity_of(call.messages)}, []
    for variant in variants:
        if (identity := identity_of(variant.messages)) not in seen:
            seen.add(identity)
            found.append(variant)
        if len(found) == MOST_VARIANTS:
            break
    return found


class VariantProbe:
    """The base of packaged probes: distinct variants, which count if the answer differs."""

    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """See `Probe.variants`."""
        return distinct(call, self.made(call, random.Random(seed)))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """See `Probe.measure`."""
        return says_another_thing(answers)

    def made(self, call: Prompted, draw: random.Random) -> Iterable[Variant]:
        """Return variants, the most telling first; some may be alike."""
        raise NotImplementedError


def orders(number: int, draw: random.Random) -> list[tuple[int, ...]]:
    """Return orders other than the given one: backwards, turned by one, then random ones."""
    own = tuple(range(number))
    first = [own[::-1], (*own[1:], own[0]), (own[-1], *own[:-1])]
    if factorial(number) <= 2 * MOST_VARIANTS:
        rest = list(permutations(own))
        draw.shuffle(rest)
    else:
        rest = [tuple(draw.sample(own, number)) for _ in range(4 * MOST_VARIANTS)]
    return [order for order in dict.fromkeys([*first, *rest]) if order != own]


def mixtures(number: int, draw: random.Random) -> list[tuple[int, ...]]:
    """Return choices of one to three changes: each alone first, in a random order."""
    alone = draw.sample(range(number), number)
    more = [
        tuple(sorted(draw.sample(range(number), min(number, draw.choice((2, 3))))))
        for _ in range(6 * MOST_VARIANTS)
    ]
    return list(dict.fromkeys([*((k,) for k in alone), *more]))


def applied(text: str, changes: Sequence[Callable[[str], str]]) -> str:
    """Return the text after all of these changes."""
    for change in changes:
        text = change(text)
    return text
