"""What a replay says: a logged answer beside new ones, and whether they differ by luck."""

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

from smile_trace._stats.permutation import two_samples
from smile_trace.comparison.answers import Distance
from smile_trace.records import JSON, Call, Explanation, Message, Record
from smile_trace.records.comparison import ANOTHER_ANSWER


class Replay(Record):
    """A logged answer beside new answers to the same call.

    `messages`, `model` and `parameters` are those of the new request, `changed` names what differs
    from the logged one. `distances` holds each new answer's distance from the logged one, in [0,
    1]; `noise` is the mean distance between two new answers, None with fewer than two. `originals`
    are answers to the unchanged request beside repeated ones to a changed one, with their distances
    from the logged one; `p_value` is then the probability that both are as far apart by luck, else
    the rank of the logged answer among all, None without noise. `verdict` is a sentence. `before`
    and `after` are the explanations of the logged and of the first new answer, if requested.
    """

    call: Call
    messages: tuple[Message, ...]
    model: str
    parameters: dict[str, JSON]
    changed: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    distances: tuple[float, ...] = ()
    originals: tuple[str, ...] = ()
    original_distances: tuple[float, ...] = ()
    noise: float | None = None
    p_value: float | None = None
    verdict: str = ""
    before: Explanation | None = None
    after: Explanation | None = None

    @property
    def differing(self) -> float | None:
        """The share of the new answers that are another one than the logged."""
        return _another(self.distances) / len(self.distances) if self.distances else None


MAX_REPRODUCED = 0.02
"""Largest distance at which an answer counts as the same."""
RARE = 0.1
"""How often an answer may be as far from the others by chance that counts as another one."""
ENOUGH_ANSWERS = 9
"""New answers with which a logged answer can be that rare: one of 1 / `RARE`."""
LUCK = 0.05
"""How probable luck may be of answers that are said to differ by the change."""
REPEATS = 5
"""Answers to each of two requests with which luck can be less probable than that."""


def with_verdict(made: Replay, distance: Distance, *, exact: bool = False) -> Replay:
    """The replay with what its answers say. `exact`: the models repeat themselves."""
    if not made.answers:
        return made.model_copy(update={"verdict": "The model gave no answer."})
    logged = made.call.answer_without_reasoning
    distances = [distance(logged, answer) for answer in made.answers]
    originals = [distance(logged, answer) for answer in made.originals]
    own = [distance(one, other) for one, other in combinations(made.answers, 2)]
    noise = float(np.mean(own)) if own else None
    if made.changed and (originals or noise is None):
        p_value = None if exact or not originals else _by_luck(made, distance)
        verdict = _of_change(distances, originals, p_value, exact)
    elif all(d <= MAX_REPRODUCED for d in distances):
        p_value, verdict = None, "The logged answer is reproduced."
    else:
        p_value = _apart([logged], made.answers, distance) if own else None
        verdict = _verdict(distances, noise, p_value)
    return made.model_copy(
        update={
            "distances": tuple(distances),
            "original_distances": tuple(originals),
            "noise": noise,
            "p_value": p_value,
            "verdict": verdict,
        }
    )


def _by_luck(made: Replay, distance: Distance) -> float | None:
    """The probability; None if no answers that are so few could make it small."""
    first, second = len(made.originals), len(made.answers)
    least = (1 + (first == second)) / comb(first + second, first)
    return None if least > LUCK else _apart(made.originals, made.answers, distance)


def _apart(some: Sequence[str], others: Sequence[str], distance: Distance) -> float:
    texts = [*some, *others]
    return two_samples(np.array([[distance(a, b) for b in texts] for a in texts]), len(some))


def _of_change(
    distances: list[float], originals: list[float], p_value: float | None, exact: bool
) -> str:
    if not originals:
        differs = distances[0] > ANOTHER_ANSWER
        by = f"differs from the logged one by {distances[0]:.2f}"
        said = by if differs else "says what the logged one says"
        return f"The answer {said}: repeat it {REPEATS} times to tell the change from luck."
    counted = (
        f"{_another(distances)} of {len(distances)} answers differ from the logged one, without "
        f"the change {_another(originals)} of {len(originals)}"
    )
    if exact:
        return f"{counted}; the model repeats itself."
    if p_value is None:
        return f"{counted}: too few to tell this from luck, repeat it {REPEATS} times."
    luck = f"luck alone: probability {p_value:.2g}"
    return f"{counted}{'' if p_value <= LUCK else ', which may be luck'} ({luck})."


def _another(distances: Sequence[float]) -> int:
    return sum(one > ANOTHER_ANSWER for one in distances)


def _verdict(distances: list[float], noise: float | None, p_value: float | None) -> str:
    if noise is None or p_value is None:
        return (
            f"The answer differs by {distances[0]:.2f}: repeat it (-n {ENOUGH_ANSWERS}) to see the "
            "model's own noise."
        )
    mean = float(np.mean(distances))
    lies = (
        f"The logged answer lies {mean:.2f} from the new ones, which differ by {noise:.2f} among "
        "themselves: "
    )
    if p_value <= RARE and mean > 2 * noise:
        return f"{lies}more than the model's own noise."
    if len(distances) < ENOUGH_ANSWERS and p_value <= 1 / (len(distances) + 1):
        # The farthest of few, as each of them is by chance once in n + 1 times.
        return f"{lies}too few to tell it from the model's own noise (-n {ENOUGH_ANSWERS})."
    return f"{lies}within the model's own noise."
