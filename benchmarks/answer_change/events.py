"""Short answers about one subject, in other words: another event, or the same one.

240 pairs of tests/data/answer_pairs, written by somebody who does not know the method. The first
table is the comparison alone. In the second a callable gives the first answer where its prompt has
one sentence of six, and the second answer otherwise: what is said of that sentence?
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

import smile_trace
from smile_trace.records.verdicts import SMALLEST_EFFECT

HALVES = ("held_out", "tuning")
PROMPT = (
    "You are the assistant of a service desk. Answer in full sentences. Entry 4711 of the register "
    "is marked blue. The office opens at nine on weekdays. Most questions are about opening times. "
    "Please answer the customer's question now."
)
WORD = "blue"
NAMED, OPEN, NONE = "named", "not settled", "little or no difference"
REWORDED = "named, may say the same"

Pair = dict[str, Any]
Load = Callable[[str], Sequence[Pair]]


def tables(load: Load, distances: Sequence[str]) -> list[str]:
    """Both tables; `load`: the pairs of a file."""
    pairs = {half: load(f"events_{half}") for half in HALVES}
    return [compared(pairs, distances), explained(pairs)]


def compared(pairs: dict[str, Sequence[Pair]], distances: Sequence[str]) -> str:
    """The mean answer changes, and how well they tell the two kinds apart."""
    names = (half.replace("_", " ") for half in HALVES)
    head = " | ".join(f"{name}: another event | the same event | ROC-AUC" for name in names)
    rows = [f"| the same subject, in other words | {head} |", "|---" * 7 + "|"]
    for distance in distances:
        found = []
        for half in HALVES:
            scores = np.array(
                [
                    smile_trace.answer_change(p["logged"], p["response"], distance=distance)
                    for p in pairs[half]
                ]
            )
            other = np.array([pair["changed"] for pair in pairs[half]])
            found += [f"{scores[which].mean():.2f}" for which in (other, ~other)]
            found.append(f"{roc_auc_score(other, scores):.2f}")
        rows.append(f"| {distance} | {' | '.join(found)} |")
    return "\n".join(rows)


def explained(pairs: dict[str, Sequence[Pair]]) -> str:
    """What explanations of 80 calls say of the part that decides which answer is given."""
    kinds = (NAMED, REWORDED, OPEN, NONE)
    rows = [f"| what decides it is | {' | '.join(kinds)} |", "|---" * 5 + "|"]
    for changed, event in ((True, "another event"), (False, "the same event")):
        for unit in ("sentence", "word"):
            counts = Counter(
                said_of(pair, unit)
                for half in HALVES
                for pair in pairs[half]
                if pair["changed"] is changed
            )
            rows.append(f"| {event}, a {unit} | {' | '.join(str(counts[k]) for k in kinds)} |")
    return "\n".join(rows)


def said_of(pair: Pair, unit: Any) -> str:
    """What is said of the part that decides which of two answers is given."""

    def model(prompt: str) -> str:
        return str(pair["logged"] if WORD in prompt else pair["response"])

    found = smile_trace.explain(PROMPT, model=model, signal="text", unit=unit, budget=80)
    [part] = [s for s in found.segments if WORD in s.text]
    if part.verdict == "excluded" or (part.significant and part.at_most < SMALLEST_EFFECT):
        return NONE
    if not part.significant:
        return OPEN
    return REWORDED if "may say the same in other words" in found.summary else NAMED
