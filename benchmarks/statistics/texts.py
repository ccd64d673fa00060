"""Planted worlds whose answers are texts, asked by the real study, beside their limits.

Words of a prompt (12, 25 or 60) or sentences of a chat drive the answer; or nothing does, and the
answer varies by itself. Of a noisy model a fifth of the answers have nothing to do with the prompt.
The truth is enumerated: the estimand over all subsets of the drivers, of the answer change of what
the model says then, relative to the unperturbed prompt as the study saw it.

    python -m benchmarks.statistics.texts --studies 10
    python -m benchmarks.statistics.texts --studies 10 --distance words --worlds "both of two"

asks so many studies of every world, size and noise, and prints each rate with its 95 % Wilson
interval, its limit, and the worlds that fail it at p < .001. With `--rows FILE` what every study
found is kept there, and not asked again; `--studies 0` prints the table of the kept ones.
"""

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from benchmarks.statistics.chats import NOISE, OTHERS, wilson
from smile_trace.attribution import PerturbationStudy
from smile_trace.attribution.answer_change.distances import Distance
from smile_trace.attribution.answer_change.text_comparison import TextComparison, text_comparison
from smile_trace.attribution.estimation.inference import REMOVAL_PROBABILITIES
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Place,
    Prompted,
    Response,
    SegmentAttribution,
    Unit,
)
from smile_trace.records.verdicts import outermost_drivers

BUDGET = 40
CHAT = 33
"""Sentences of a chat."""

SIZES = (12, 25, 60, CHAT)
TOLERANCE = 0.001
"""Change below which an interval of (almost) no width is not called wrong."""

DRIVES = 0.01
"""Effect above which a segment is a driver."""

_WORDS = ("Pelican", "Saffron", "Marlin")
_SENTENCES = (
    "The northern warehouse keeps forty-two crates.",
    "The key hangs behind the blue door.",
    "Deliveries go to the harbour on Fridays.",
)
_FILLERS = (
    *("old", "mill", "near", "river", "serves", "warm", "tea", "many", "visitors", "when", "rains"),
    *("after", "long", "winter", "days", "our", "office", "opens", "early", "because", "ferry"),
    *("leaves", "every", "hour", "from", "town", "while", "children", "play", "gardens", "behind"),
    *("small", "houses", "green", "roofs", "where", "nobody", "has", "lived", "since", "spring"),
)
_SUBJECTS = ("The harbour", "A new bakery", "The old mill", "Our office", "The museum", "A ferry")
_VERBS = ("opens", "was painted", "closes early", "serves tea", "needs repair", "stays open")
_ENDS = ("on most days", "since last spring", "near the river", "when it rains", "every winter")

Fact = tuple[bool, ...]
"""Which drivers the model saw."""


@dataclass(frozen=True)
class World:
    """`drivers` parts decide what is said: `says` gives it for those that were seen.

    `together` is the kind of interaction that two of them have. Where nothing drives the answer,
    `varies` gives the answer of a call (its number, and luck); None fails.
    """

    name: str
    drivers: int
    says: Callable[[Fact], str]
    together: Literal["either", "both"] | None = None
    varies: Callable[[int, Random], str | None] | None = None
    words: tuple[str, ...] = _WORDS


_ANSWER = "There are forty-two crates of saffron in the northern warehouse."
_UNKNOWN = "I could not find that in the documents."


def _known(enough: Callable[[Fact], bool]) -> Callable[[Fact], str]:
    return lambda seen: _ANSWER if enough(seen) else _UNKNOWN


def _two_facts(seen: Fact) -> str:
    crates = "forty-two crates" if seen[0] else "some crates"
    return f"The warehouse keeps {crates}, and the key hangs {'here' if seen[1] else 'elsewhere'}."


PLANTED = (
    World("one driver", 1, _known(all)),
    World("both of two", 2, _known(all), "both"),
    World("either of two", 2, _known(any), "either"),
    World("any of three", 3, _known(any), "either"),
    World(
        "negation",
        1,
        lambda seen: "No, you may not return it." if seen[0] else "Yes, you may return it.",
        words=("not",),
    ),
    World("two facts", 2, _two_facts),
    World(
        "overlap",
        1,
        lambda seen: f"The museum opens at {'nine' if seen[0] else 'nineteen thirty'}.",
    ),
)

_PARAPHRASES = (
    _ANSWER,
    "In the northern warehouse there are forty-two crates of saffron.",
    "The northern warehouse has forty-two crates of saffron.",
)
_LENGTHS = (
    _ANSWER,
    "Forty-two crates of saffron.",
    "You asked about the warehouse. There are forty-two crates of saffron in the northern "
    "warehouse, all of them on the left as one enters, and none was opened since they arrived.",
)
_LANGUAGES = (_ANSWER, "Im nördlichen Lager stehen zweiundvierzig Kisten Safran.")
_REFUSAL = "I am sorry, but I cannot help with that."


def _mostly(share: float, other: str | None) -> Callable[[int, Random], str | None]:
    return lambda _, random: other if random.random() < share else _ANSWER


def _noise(share: float) -> Callable[[int, Random], str]:
    return lambda _, random: random.choice(OTHERS) if random.random() < share else _ANSWER


def _drift(call: int, random: Random) -> str:
    return random.choice(OTHERS) if random.random() < call / BUDGET / 2 else _ANSWER


def _nothing(name: str, varies: Callable[[int, Random], str | None]) -> World:
    return World(name, 0, lambda _: _ANSWER, varies=varies)


NOTHING = (
    _nothing("noise, a twentieth", _noise(0.05)),
    _nothing("noise, a fifth", _noise(0.2)),
    _nothing("noise, half", _noise(0.5)),
    _nothing("lengths", lambda _, random: random.choice(_LENGTHS)),
    _nothing("paraphrases", lambda _, random: random.choice(_PARAPHRASES)),
    _nothing("languages", lambda _, random: random.choice(_LANGUAGES)),
    _nothing("drift", _drift),
    _nothing("refuses a tenth", _mostly(0.1, _REFUSAL)),
    _nothing("fails a fifth", _mostly(0.2, None)),
)


@dataclass(frozen=True)
class Case:
    """One study."""

    world: World
    size: int
    noise: float
    seed: int
    distance: str | Distance
    budget: int = BUDGET


@dataclass
class Study:
    """One study: what was asked, and what that took."""

    world: str
    size: int
    noise: float
    seed: int
    calls: int
    seconds: float
    status: str

    @classmethod
    def of(cls, case: Case, found: Explanation, seconds: float) -> "Study":
        """That of an explanation."""
        calls, status = found.cost.target_calls, found.fidelity.status
        asked = (case.world.name, case.size, case.noise, case.seed)
        return Study(*asked, calls, seconds, status)


@dataclass
class Seen(Study):
    """What one study found beside the truth."""

    top_right: bool | None
    any_significant: bool
    driver_significant: bool
    false_significant: int
    significant: int
    interactions: int
    true_interactions: int
    driver_right: bool | None = None
    """Of the part that is shown as the driver, where there is one."""
    covered: list[bool] = field(default_factory=list)


@dataclass(frozen=True)
class Planted:
    """A prompt, and where its drivers stand."""

    messages: tuple[Message, ...]
    drivers: tuple[Place, ...]
    texts: tuple[str, ...]
    unit: Unit

    def seen(self, messages: Sequence[Message]) -> Fact:
        """Which drivers these messages hold."""
        if self.unit == "word":
            words = {word for m in messages for word in m.content.split()}
            return tuple(text in words for text in self.texts)
        return tuple(any(text in m.content for m in messages) for text in self.texts)


def planted(world: World, size: int, random: Random) -> Planted:
    """A prompt of so many words, or a chat, with the world's drivers somewhere in it."""
    if size == CHAT:
        return _chat(world, random)
    words = [random.choice(_FILLERS) for _ in range(size)]
    texts = world.words[: world.drivers]
    for place, text in zip(random.sample(range(size), len(texts)), texts, strict=True):
        words[place] = text
    content = " ".join(words)
    found = [next(_word_starts(words, text)) for text in texts]
    places = tuple((0, at, at + len(text)) for at, text in zip(found, texts, strict=True))
    return Planted((Message(role="user", content=content),), places, texts, "word")


def _word_starts(words: Sequence[str], text: str) -> Iterator[int]:
    at = 0
    for word in words:
        if word == text:
            yield at
        at += len(word) + 1


def _chat(world: World, random: Random) -> Planted:
    sentences = [
        f"{random.choice(_SUBJECTS)} {random.choice(_VERBS)} {random.choice(_ENDS)}."
        for _ in range(CHAT)
    ]
    texts = _SENTENCES[: world.drivers]
    for place, text in zip(random.sample(range(CHAT), len(texts)), texts, strict=True):
        sentences[place] = text
    thirds = [" ".join(sentences[k : k + CHAT // 3]) for k in range(0, CHAT, CHAT // 3)]
    roles: tuple[Literal["system", "user"], ...] = ("system", "user", "user")
    messages = tuple(Message(role=r, content=c) for r, c in zip(roles, thirds, strict=True))
    places = tuple(
        next(
            (m, c.index(text), c.index(text) + len(text)) for m, c in enumerate(thirds) if text in c
        )
        for text in texts
    )
    return Planted(messages, places, texts, "sentence")


def ask(case: Case, prompt: Planted) -> tuple[Explanation, float]:
    """The explanation, and the study's own time in seconds."""
    world, random = case.world, Random(f"{case.world.name} {case.size} {case.noise} {case.seed} a")
    study = PerturbationStudy(
        Prompted(messages=prompt.messages),
        ExplanationSettings(
            model="planted",
            unit=prompt.unit,
            budget=case.budget,
            seed=case.seed,
            distance=case.distance if isinstance(case.distance, str) else "words",
        ),
        answer=world.says((True,) * world.drivers),
        signal="text",
        deterministic=case.noise == 0 and world.varies is None,
        remote=False,
        distance=None if isinstance(case.distance, str) else case.distance,
    )
    calls = 0

    def answer(messages: Sequence[Message]) -> Response:
        if world.varies is not None:
            text = world.varies(calls, random)
            return Response(failure="503: busy") if text is None else Response(text=text)
        if random.random() < case.noise:
            return Response(text=random.choice(OTHERS))
        return Response(text=world.says(prompt.seen(messages)))

    before = time.process_time()
    while rows := study.ask():
        told = []
        for row in rows:
            told.append((row, answer(row.messages)))
            calls += 1
        study.tell(told)
    found = study.result()
    return found, time.process_time() - before


class Truth:
    """The enumerated estimand of a world's segments, on the scale of one study."""

    def __init__(self, case: Case, prompt: Planted, found: Explanation) -> None:
        self._prompt = prompt
        self._found = found
        compare = text_comparison(found.answer, None, case.distance, None)
        own = [o.response for o in found.perturbations if o.kind == "baseline" and o.response]
        zero = float(np.mean(list(compare.changes(own))))
        others = case.noise * _mean(_relative(compare, OTHERS, zero))
        self._changes = {
            seen: (1 - case.noise) * _relative(compare, [case.world.says(seen)], zero)[0] + others
            for seen in product((True, False), repeat=case.world.drivers)
        }

    def holds(self, segment: SegmentAttribution) -> list[int]:
        """The drivers that the segment holds."""
        return [
            k
            for k, (message, start, end) in enumerate(self._prompt.drivers)
            if any(m == message and a < end and start < b for m, a, b in segment.places)
        ]

    def effect(self, segment: SegmentAttribution) -> float:
        """Its estimand: the other drivers of its level are removed at random, all else stays."""
        own = self.holds(segment)
        if not own:
            return 0.0
        everything = (*self._found.segments, *self._found.coarser)
        level = next(keys for keys in self._found.partitions if segment.key in keys)
        beside = [self.holds(s) for s in everything if s.key in level and s.key != segment.key]
        groups = Counter(tuple(held) for held in beside if held)
        total = 0.0
        for q in REMOVAL_PROBABILITIES:
            for removed in product((False, True), repeat=len(groups)):
                weight, gone = 1.0, set()
                for (held, pieces), out in zip(groups.items(), removed, strict=True):
                    whole = (1 - q) ** pieces  # without any of its pieces it is gone
                    weight *= 1 - whole if out else whole
                    gone |= set(held) if out else set()
                total += weight * (self._change(gone | set(own)) - self._change(gone))
        return total / len(REMOVAL_PROBABILITIES)

    def _change(self, gone: set[int]) -> float:
        return self._changes[tuple(k not in gone for k in range(len(self._prompt.drivers)))]


def _relative(compare: TextComparison, texts: Sequence[str], zero: float) -> list[float]:
    scale = max(1 - zero, 1e-9)
    return [min(max((d - zero) / scale, 0.0), 1.0) for d in compare.changes(list(texts))]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def covers(segment: SegmentAttribution, effect: float) -> bool:
    """Whether an interval holds the true effect."""
    return segment.ci_low - TOLERANCE <= effect <= segment.ci_high + TOLERANCE


def observe(case: Case) -> Seen:
    """What one study found of a world."""
    world = case.world
    prompt = planted(world, case.size, Random(f"{world.name} {case.size} {case.seed}"))
    found, seconds = ask(case, prompt)
    truth = Truth(case, prompt, found)
    everything = [s for s in (*found.segments, *found.coarser) if not s.protected]
    significant = [s for s in everything if s.significant]
    true = [s for s in significant if truth.holds(s)]
    by_key = {s.key: s for s in everything}
    right = [
        pair
        for pair in found.interactions
        if pair.kind == world.together
        and truth.holds(by_key[pair.first])
        and truth.holds(by_key[pair.second])
    ]
    outermost = outermost_drivers(found.segments, found.coarser)
    named = next(iter(outermost if world.drivers else ()), None)
    effects = {s.key: truth.effect(s) for s in everything}
    covered = [covers(s, effects[s.key]) for s in everything if abs(effects[s.key]) > DRIVES]
    return Seen(
        **vars(Study.of(case, found, seconds)),
        top_right=bool(truth.holds(found.ranked[0])) if world.drivers else None,
        any_significant=bool(significant),
        driver_significant=bool(true),
        false_significant=len(significant) - len(true),
        significant=len(significant),
        interactions=len(found.interactions),
        true_interactions=len(right),
        driver_right=None if named is None else bool(truth.holds(named)),
        covered=covered,
    )


def cases(studies: int, distance: str, worlds: Sequence[str] = ()) -> Iterator[Case]:
    """Every study, one of each world, size and noise before the next of any."""
    for seed in range(studies):
        for size in SIZES:
            for world in PLANTED:
                if not worlds or world.name in worlds:
                    for noise in (0.0, NOISE):
                        yield Case(world, size, noise, seed, distance)
            for world in NOTHING:
                if not worlds or world.name in worlds:
                    yield Case(world, size, 0.0, seed, distance)


@dataclass(frozen=True)
class Limit:
    """A rate that must not be above (`at_most`), or not below, a limit."""

    name: str
    limit: float
    at_most: bool
    counts: Callable[[Seen], tuple[int, int]]

    def fails(self, count: int, of: int, level: float) -> bool:
        """Whether the rate is on the wrong side of the limit by more than luck."""
        side = "greater" if self.at_most else "less"
        return bool(of) and bool(stats.binomtest(count, of, self.limit, side).pvalue < level)


def _when(condition: bool, right: bool) -> tuple[int, int]:
    return int(condition and right), int(condition)


LIMITS = (
    Limit(
        "nothing drives it: some segment significant",
        0.10,
        True,
        lambda s: _when(s.top_right is None, s.any_significant),
    ),
    Limit(
        "nothing drives it: `reliable`",
        0.02,
        True,
        lambda s: _when(s.top_right is None, s.status == "reliable"),
    ),
    Limit(
        "top is a driver when `reliable`",
        0.95,
        False,
        lambda s: _when(s.top_right is not None and s.status == "reliable", s.top_right is True),
    ),
    Limit(
        "top is a driver when `partial`",
        0.90,
        False,
        lambda s: _when(s.top_right is not None and s.status == "partial", s.top_right is True),
    ),
    Limit(
        "the part that is named is a driver when `partial`",
        0.90,
        False,
        lambda s: _when(
            s.driver_right is not None and s.status == "partial", s.driver_right is True
        ),
    ),
    Limit(
        "a named interaction is true", 0.90, False, lambda s: (s.true_interactions, s.interactions)
    ),
    Limit(
        "intervals of drivers cover, no noise",
        0.90,
        False,
        lambda s: (sum(s.covered), len(s.covered)) if s.noise == 0 else (0, 0),
    ),
    Limit(
        "intervals of drivers cover, noise",
        0.90,
        False,
        lambda s: (sum(s.covered), len(s.covered)) if s.noise else (0, 0),
    ),
    Limit(
        "`no_effect` of two or three that replace each other",
        0.02,
        True,
        lambda s: _when(s.world in ("either of two", "any of three"), s.status == "no_effect"),
    ),
    Limit(
        "60 words, noise: a driver is significant",
        0.75,
        False,
        lambda s: _when(s.size == 60 and s.noise > 0, s.driver_significant),
    ),
)


def total(seen: Sequence[Seen], limit: Limit) -> tuple[int, int]:
    """How often, and of how many."""
    counts = [limit.counts(one) for one in seen]
    return sum(count for count, _ in counts), sum(of for _, of in counts)


def table(seen: Sequence[Seen]) -> str:
    """The rates beside their limits, and the figures of each world."""
    lines = [
        "| | limit | rate [95 %] | held | worlds that fail at p < .001 |",
        "|---|---|---|---|---|",
    ]
    names = list(dict.fromkeys(s.world for s in seen))
    for limit in LIMITS:
        count, of = total(seen, limit)
        failing = [
            name
            for name in names
            if limit.fails(*total([s for s in seen if s.world == name], limit), 0.001)
        ]
        held = "no" if limit.fails(count, of, 0.025) else "yes"
        sign = "≤" if limit.at_most else "≥"
        lines.append(
            f"| {limit.name} | {sign} {limit.limit:.2f} | {wilson(count, of)} |"
            f" {held if of else '–'} | {', '.join(failing) or '–'} |"
        )
    lines += [
        "",
        "| world | noise | studies | reliable / partial / no effect | top is a driver | a driver"
        " significant | false among significant | cover | calls | s |",
        "|" + "---|" * 10,
    ]
    for name, noise in dict.fromkeys((s.world, s.noise) for s in seen):
        lines.append(_line(name, [s for s in seen if (s.world, s.noise) == (name, noise)]))
    return "\n".join(lines)


def _line(name: str, seen: Sequence[Seen]) -> str:
    statuses = [s.status for s in seen]
    covered = [inside for s in seen for inside in s.covered]
    return (
        f"| {name} | {seen[0].noise:.0%} | {len(seen)} | {statuses.count('reliable')} /"
        f" {statuses.count('partial')} / {statuses.count('no_effect')} |"
        f" {sum(s.top_right is True for s in seen)} | {sum(s.driver_significant for s in seen)} |"
        f" {sum(s.false_significant for s in seen)} of {sum(s.significant for s in seen)} |"
        f" {sum(covered)} of {len(covered)} | {sum(s.calls for s in seen) / len(seen):.0f} |"
        f" {sum(s.seconds for s in seen) / len(seen):.2f} |"
    )


def kept(path: Path) -> list[Seen]:
    """What the studies of a file found."""
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [Seen(**json.loads(line)) for line in file]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10, help="of each world, size and noise")
    parser.add_argument("--distance", default="content")
    parser.add_argument("--worlds", nargs="*", default=[])
    parser.add_argument("--rows", type=Path, help="JSON Lines (.gz) of studies with one distance")
    options = parser.parse_args()
    seen = kept(options.rows) if options.rows else []
    known = {(s.world, s.size, s.noise, s.seed) for s in seen}
    for case in cases(options.studies, options.distance, options.worlds):
        if (case.world.name, case.size, case.noise, case.seed) in known:
            continue
        seen.append(observe(case))
        if options.rows:
            with gzip.open(options.rows, "at", encoding="utf-8") as file:
                file.write(json.dumps(asdict(seen[-1])) + "\n")
        if len(seen) % 20 == 0:
            print(f"{len(seen)} studies", file=sys.stderr, flush=True)
    print(table(seen))


if __name__ == "__main__":
    main()
