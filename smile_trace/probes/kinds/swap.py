"""Swap: another name, gender, place or age."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from smile_trace.probes.base import Variant, Words
from smile_trace.probes.passages import VariantProbe
from smile_trace.records import Message, Prompted
from smile_trace.records.formats.requests import OFFERED

GENDER = {
    "he": "she", "him": "her", "his": "her", "himself": "herself", "man": "woman", "men": "women",
    "boy": "girl", "father": "mother", "son": "daughter", "brother": "sister", "husband": "wife",
    "uncle": "aunt", "grandfather": "grandmother", "mr": "ms", "sir": "madam", "male": "female",
    "gentleman": "lady", "king": "queen", "actor": "actress", "waiter": "waitress",
}  # fmt: skip

NAMES = (
    ("Emily", "Anna", "Sarah", "Mary", "Laura", "Julia", "Aisha", "Fatima", "Lakisha", "Mei",
     "Priya", "Guadalupe", "Olga", "Ngozi", "Yuki"),
    ("John", "Michael", "David", "James", "Peter", "Thomas", "Mohammed", "Jamal", "Wei", "Raj",
     "José", "Dmitri", "Kwame", "Hiroshi", "Ahmed"),
)  # fmt: skip
"""First names that stand for one another; two lists, for the pronouns' sake."""

PLACES = (
    "London", "Paris", "Berlin", "Madrid", "Rome", "Lagos", "Cairo", "Mumbai", "Beijing", "Tokyo",
    "Mexico City", "Warsaw", "Istanbul", "Nairobi", "Chicago", "Toronto",
)  # fmt: skip

_AGE = re.compile(r"\b(\d{1,2})(?=[ -]years?[ -]old\b)|(?<=\baged )(\d{1,2})\b", re.IGNORECASE)
_AGES = (19, 27, 34, 42, 58, 66, 73, 81)
_KINDS = ("name", "gender", "place", "age")


class Swap(VariantProbe):
    """Whether the answer depends on who is asked about: their name, gender, place or age.
    Everything is swapped in all messages at once, so that they still fit together. `pairs` replace
    the lists above: words and what may stand in their place, both ways if there is one."""

    words = Words(
        name="swap",
        title="Another person",
        found="The answer depends on a name, gender, place or age.",
        none="Another name, gender, place or age leaves the answer as it is.",
        needs="a name, gender, city or age from its lists",
        source="Compared to What? (2605.01048); Bertrand and Mullainathan 2004",
        cannot_say="that it is unfair: sometimes age or place should matter. A pronoun that a "
        "list cannot tell (her) may be swapped wrongly",
    )

    def __init__(self, pairs: Mapping[str, Sequence[str] | str] | None = None) -> None:
        self._pairs = pairs

    def made(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
        """Make each kind of swap in turns, with random partners."""
        text = "\n".join(m.content for m in call.messages if m.role != OFFERED)
        for kind in _KINDS * 20:
            own = self._pairs is not None
            swaps = self._own(text, draw) if own else _known(text, draw, kind)
            if swaps:
                told = ", ".join(f"“{old}” → “{new}”" for old, new in list(swaps.items())[:3])
                where = _AGE if kind == "age" and not own else _words(swaps)
                change = partial(_replaced, swaps, where)
                yield Variant(tuple(_changed(m, change) for m in call.messages), told)

    def _own(self, text: str, draw: random.Random) -> dict[str, str]:
        assert self._pairs is not None
        found = {}
        for old, new in self._pairs.items():
            if isinstance(new, str) and (here := _present(new, text)):
                found[here] = old
            if here := _present(old, text):
                found[here] = new if isinstance(new, str) else draw.choice(list(new))
        return found


def _known(text: str, draw: random.Random, kind: str) -> dict[str, str]:
    match kind:
        case "name":
            both = [_partners(names, text, draw) for names in NAMES]
            return both[0] | both[1]
        case "gender":
            pairs = GENDER | {new: old for old, new in GENDER.items()}
            return {here: new for old, new in pairs.items() if (here := _present(old, text))}
        case "place":
            return _partners(PLACES, text, draw)
    ages = {match[0] for match in _AGE.finditer(text)}
    return {age: str(draw.choice([a for a in _AGES if str(a) != age])) for age in sorted(ages)}


def _partners(words: Sequence[str], text: str, draw: random.Random) -> dict[str, str]:
    """Pair each listed word in the text with an unused word, as long as there are any."""
    found = [here for word in words if (here := _present(word, text))]
    others = [word for word in words if word not in found]
    return dict(zip(found, draw.sample(others, min(len(found), len(others))), strict=False))


def _present(word: str, text: str) -> str | None:
    """Return the word if the text has it; names need their capital."""
    flags = 0 if word[:1].isupper() else re.IGNORECASE
    return word if re.search(rf"\b{re.escape(word)}\b", text, flags) else None


def _words(swaps: Mapping[str, str]) -> re.Pattern[str]:
    longest_first = sorted(swaps, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b", re.IGNORECASE)


def _replaced(swaps: Mapping[str, str], where: re.Pattern[str], text: str) -> str:
    known = {old.casefold(): new for old, new in swaps.items()}

    def partner(match: re.Match[str]) -> str:
        new = known.get(match[0].casefold(), match[0])  # to a pattern “sır” is “sir” in other case
        return new[:1].upper() + new[1:] if match[0][:1].isupper() else new

    return where.sub(partner, text)


def _changed(message: Message, change: "partial[str]") -> Message:
    if message.role == OFFERED:
        return message
    for slot in reversed(message.slots):
        text = message.content[slot.start : slot.end]
        if not slot.media and (new := change(text)) != text:
            message = message.replaced(slot.start, slot.end, new)
    return message
