"""Planted pairs of prompt versions: does the comparison name the edit that changed the answers?

    python -m benchmarks.comparison.pairs [--pairs 20] [--seed 0]

Each pair has one to six edits (a phrase, a sentence replaced, added, removed or moved). In the
first set one or two of them change the answers, of all inputs or of some; in the second set none
does. Every second pair's model varies its wording at random, answer by answer; the others repeat
themselves. The budget is the default one.
"""

import argparse
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from smile_trace.comparison import compare
from smile_trace.comparison.edits import find_edits
from smile_trace.comparison.sentences import named_effects
from smile_trace.models.callable import CallableModel
from smile_trace.records import JSON
from smile_trace.records.comparison import Comparison, Edit
from smile_trace.store import Store
from tests.support.planted_prompts import plant, settings_in

SENTENCES = (
    "You are the assistant of a shop for outdoor gear.",
    "Greet the customer by name if you know it.",
    "Mention the delivery time where it matters.",
    "Do not speak about competitors.",
    "Prices are in euros and include the tax.",
    "If an item is out of stock, suggest a similar one.",
    "Returns are free within thirty days.",
    "Ask back when the question is unclear.",
    "Write in the language of the customer.",
    "Keep every promise that the website makes.",
    "Size tables are found below each product.",
    "Gift wrapping costs three euros per parcel.",
)
PHRASES = (
    ("Greet the customer", "Address the customer"),
    ("the delivery time", "the shipping cost"),
    ("a similar one", "a cheaper one"),
    ("within thirty days", "within sixty days"),
    ("is unclear", "is too vague"),
    ("every promise", "any promise"),
    ("below each product", "beside each product"),
    ("three euros", "four euros"),
)
ADDED = (
    "Sign with the name of the shop.",
    "Never invent an order number.",
    "Point to the help pages when they answer the question.",
    "Use the metric system.",
    "Thank the customer at the end.",
    "Do not use exclamation marks.",
)
QUESTIONS = [
    {"question": f"Is the {thing} available in {colour}?"}
    for thing in (
        "tent",
        "rucksack",
        "sleeping bag",
        "stove",
        "headlamp",
        "rain jacket",
        "rope",
        "map",
    )
    for colour in ("red", "green", "blue", "grey", "black")
]
OPENINGS = ("Yes, we have it.", "Yes, it is available.", "Yes, it is in stock.", "Yes, we do.")
DETAILS = (
    "You can order it online.",
    "It can be ordered on our website.",
    "Order it online any time.",
)
EFFECTS = (
    lambda text: "I am sorry, but I cannot help with that.",
    lambda text: f"{text} It weighs two kilos, has a warranty of five years and comes with a bag.",
    lambda text: "Yes.",
    lambda text: f"{text} Please call our hotline between nine and five for more information.",
    lambda text: "Ja, der Artikel ist lieferbar und kann bestellt werden.",
    lambda text: "No, this item has been sold out since the spring.",
)


@dataclass(frozen=True)
class Planted:
    """One pair. `drivers`: places of the edits that matter, in the order of `find_edits`."""

    before: str
    after: str
    drivers: tuple[int, ...]
    kind: str
    share: float
    noisy: bool
    model: "PlantedModel"


class PlantedModel(CallableModel):
    """Answers by rule; with `noisy`, in a wording drawn anew for each answer."""

    def __init__(self, rule: Callable[[str, str], str], *, noisy: bool) -> None:
        super().__init__(self._answer)
        self._rule = rule
        self._noisy = noisy
        self._asked: Counter[str] = Counter()

    def deterministic(self, parameters: Mapping[str, JSON]) -> bool:
        """Unless it varies."""
        return not self._noisy

    def _answer(self, prompt: str) -> str:
        self._asked[prompt] += 1
        draw = _number(prompt, self._asked[prompt] if self._noisy else 0)
        opening, detail = OPENINGS[draw % 4], DETAILS[draw // 4 % 3]
        if not self._noisy:
            opening, detail = OPENINGS[0], DETAILS[0]
        return self._rule(prompt, f"{opening} {detail}")


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6])


def make_pair(seed: int, *, matter: bool) -> Planted:
    """A pair with one to six edits, of which one or two matter, or none."""
    generator = np.random.default_rng([seed, int(matter)])
    old = [SENTENCES[k] for k in sorted(generator.choice(len(SENTENCES), 9, replace=False))]
    before, after = _texts(old, old)
    wanted = int(generator.integers(1, 7))
    new = list(old)
    for _ in range(200):
        changed = _edited(new, old, generator)
        texts = _texts(old, changed)
        if len(find_edits(*texts)) == len(find_edits(before, after)) + 1:
            new, (before, after) = changed, texts
        if len(find_edits(before, after)) == wanted:
            break
    edits = find_edits(before, after)
    count = min(int(generator.integers(1, 3)), len(edits)) if matter else 0
    drivers = tuple(sorted(int(k) for k in generator.choice(len(edits), count, replace=False)))
    kinds, odds = ("add", "either", "both"), (0.6, 0.2, 0.2)
    kind = str(generator.choice(kinds, p=odds)) if count == 2 else "one"
    share = float(generator.choice([1.0, 0.8, 0.5])) if matter else 0.0
    effects = [EFFECTS[k] for k in generator.choice(len(EFFECTS), 2, replace=False)]
    noisy = bool(seed % 2) if matter else True

    def rule(prompt: str, answer: str) -> str:
        question = prompt.rpartition("Question: ")[2]
        if _number(seed, question) % 1000 >= 1000 * share:
            return answer
        there = [_present(prompt, before, after, edits[k]) for k in drivers]
        if kind == "either":
            return effects[0](answer) if any(there) else answer
        if kind == "both":
            return effects[0](answer) if all(there) else answer
        for applies, effect in zip(there, effects, strict=False):
            answer = effect(answer) if applies else answer
        return answer

    return Planted(before, after, drivers, kind, share, noisy, PlantedModel(rule, noisy=noisy))


def _texts(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    ending = "Question: {question}\nAnswer:"
    before, after = ("\n".join([*lines, ending]) for lines in (old, new))
    return before, after


def _edited(new: Sequence[str], old: Sequence[str], generator: np.random.Generator) -> list[str]:
    """With one more edit at random."""
    changed = list(new)
    place = int(generator.integers(len(changed)))
    hows, odds = ("phrase", "replace", "add", "remove", "move"), (0.35, 0.2, 0.2, 0.15, 0.1)
    how = generator.choice(hows, p=odds)
    fresh = [text for text in ADDED if text not in changed]
    if how == "phrase":
        for one, other in PHRASES:
            if one in changed[place]:
                changed[place] = changed[place].replace(one, other)
    elif how == "replace" and fresh and changed[place] in old:
        changed[place] = str(generator.choice(fresh))
    elif how == "add" and fresh:
        changed.insert(place, str(generator.choice(fresh)))
    elif how == "remove" and changed[place] in old:
        del changed[place]
    elif how == "move":
        changed.insert(int(generator.integers(len(changed))), changed.pop(place))
    return changed


def _present(prompt: str, before: str, after: str, edit: Edit) -> bool:
    """Whether a prompt, one of the templates with some of the edits, has this one."""
    if edit.kind == "moved":
        return _moved(prompt, before, after, edit.after.strip())
    new = [after[h.new_start : h.new_end].strip() for h in edit.hunks]
    old = [before[h.start : h.end].strip() for h in edit.hunks]
    if any(text and text not in before for text in new):
        return all(text in prompt for text in new if text)
    return all(text not in prompt for text in old if text)


def _moved(prompt: str, before: str, after: str, text: str) -> bool:
    """Whether a sentence stands where it stands in the new template, seen from most others."""

    def follows(line: str, whole: str) -> bool:
        return whole.find(text) > whole.find(line)

    common = [line for line in before.splitlines() if line in after and line in prompt]
    telling = [line for line in common if follows(line, before) != follows(line, after)]
    return sum(follows(line, prompt) == follows(line, after) for line in telling) * 2 > len(telling)


@dataclass
class Verdict:
    """What the comparison said of one pair. `right`: it named an edit, and no wrong one."""

    seed: int
    edits: int
    kind: str
    noisy: bool
    share: float
    drivers: list[int]
    named: list[int] = field(default_factory=list)
    calls: int = 0
    summary: str = ""

    @property
    def right(self) -> bool:
        """Whether every named edit matters, and one is named."""
        return bool(self.named) and set(self.named) <= set(self.drivers)


def compared(pair: Planted, budget: int) -> Comparison:
    """The comparison of the two versions, each called with 40 questions."""
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_in(Path(folder))
        with Store.open(settings) as store:
            for version, template in (("1", pair.before), ("2", pair.after)):
                plant(store, "shop", version, template, QUESTIONS)
        return compare("shop", budget=budget, model=pair.model, settings=settings)


def judge(seed: int, *, matter: bool, budget: int = 40) -> Verdict:
    """Compare one planted pair."""
    pair = make_pair(seed, matter=matter)
    [change] = compared(pair, budget).changes
    return Verdict(
        seed=seed,
        edits=len(change.edits),
        kind=pair.kind,
        noisy=pair.noisy,
        share=pair.share,
        drivers=list(pair.drivers),
        named=[effect.edits[0] for effect in named_effects(change)],
        calls=sum(pair.model._asked.values()),
        summary=change.summary,
    )


def main() -> None:
    """Print each pair and the two rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first pair")
    parser.add_argument("--budget", type=int, default=40)
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.pairs)
    for matter in (True, False):
        found = [judge(seed, matter=matter, budget=given.budget) for seed in seeds]
        for verdict in found:
            print(json.dumps(vars(verdict), ensure_ascii=False), flush=True)
        good = sum(v.right if matter else not v.named for v in found)
        most = max(v.calls for v in found)
        print(f"{_QUESTION[matter]}: {good} of {len(found)}; at most {most} calls", flush=True)


_QUESTION = {
    True: "an edit that matters is named, and no other",
    False: "none is named where none matters",
}


if __name__ == "__main__":
    main()
