"""Planted worlds: is what is called excluded without effect, and what stays open?

    python -m benchmarks.statistics.verdicts --worlds 20            # a minute or two
    python -m benchmarks.statistics.verdicts --worlds 300 --agents 200 --budget 80

Three suites, whose answers are texts and whose truth is enumerated (`texts.Truth`): the worlds of
`texts` in turns of size, with and without noise; agents that had three results of tools, where one
gates the others, each adds its sentence, or either of two is enough; prompts with five instructions
that each add a sentence. The share of the answer's words that is not said again is its change: a
sentence counts by its length.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from benchmarks.statistics.chats import NOISE, place_of, wilson
from benchmarks.statistics.texts import (
    NOTHING,
    PLANTED,
    SIZES,
    Case,
    Fact,
    Planted,
    Study,
    Truth,
    World,
    ask,
    covers,
    planted,
)
from smile_trace.attribution.answer_change.distances import Distance
from smile_trace.attribution.estimation.solver import Array
from smile_trace.records import Message, SegmentAttribution
from smile_trace.records.message import ToolCall, ToolResult
from smile_trace.records.verdicts import SMALLEST_EFFECT

_RESULTS = (
    "Order 4711 was shipped on Monday.",
    "The refund of 35 euros was approved by Ms Hansen.",
    "A new lamp waits in the Bergen store.",
)
_SAID = (
    "Your order 4711 left our warehouse on Monday morning.",
    "Ms Hansen approved the refund, and 35 euros are on their way to your bank account.",
    "If you prefer another lamp, the store in Bergen keeps a new one for you until Friday.",
)
_UNKNOWN = "I am sorry, but I could not find anything about that."
_BESIDE = (
    "Status code 200.",
    "The record was last changed in spring.",
    "No further remarks were found.",
    "The request took two seconds.",
    "Source: the main database.",
)
_INSTRUCTIONS = {
    "Always greet the guest by the name of the hotel.": "Welcome to the Grand Harbour Hotel.",
    "Tell the price in euros.": "A double room costs 120 euros a night.",
    "Mention when breakfast is served.": "Breakfast is served from seven until ten.",
    "Say that pets are not allowed.": "Unfortunately we cannot take any dogs or cats.",
    "End with the address.": "You find us at Quay Street 14 beside the lighthouse.",
}
_KEYS = ("greet", "euros", "breakfast", "pets", "address")
"""The word of each instruction without which it is not followed."""

_TURNS = (
    ("Hello, I am a customer of yours.", "Hello, how may I help you today?"),
    ("Do you speak English?", "Yes, of course, we do."),
    ("I bought something last week.", "Thank you for the order."),
    ("It was raining all day here.", "I hope that the weather will be better soon."),
)
_ROOM = "Yes, we have a room for you next weekend."


def _joined(seen: Fact, said: Sequence[str], otherwise: str) -> str:
    return " ".join(text for text, is_seen in zip(said, seen, strict=True) if is_seen) or otherwise


def _gate(seen: Fact) -> str:
    return _joined(seen, _SAID, _UNKNOWN) if seen[0] else _UNKNOWN


def _either(seen: Fact) -> str:
    return _joined((seen[0] or seen[1], False, seen[2]), _SAID, _UNKNOWN)


AGENTS = (
    World("one gates the others", 3, _gate),
    World("each adds its sentence", 3, lambda seen: _joined(seen, _SAID, _UNKNOWN)),
    World("either of two is enough", 3, _either, "either"),
)
INSTRUCTED = World(
    "five instructions",
    5,
    lambda seen: f"{_ROOM} {_joined(seen, tuple(_INSTRUCTIONS.values()), '')}".strip(),
)


@dataclass(frozen=True)
class Part:
    """What is said of a part that can be removed, beside its true effect."""

    effect: float
    verdict: str
    covered: bool
    shown: bool
    """Whether it is among the finest parts, not one that was partitioned again."""
    holds: tuple[int, ...]
    """The drivers in it."""


@dataclass
class Studied(Study):
    """One study of a suite."""

    suite: str
    top_right: bool
    parts: tuple[Part, ...]
    wanted: int | None = None
    """How many further calls would settle what is open, as the explanation says."""


def unsaid(logged: Array, response: Array) -> float:
    """The share of the logged answer's words (by their vectors) that a response does not say."""
    same = np.all(np.abs(logged[:, None] - response[None]) < 1e-6, axis=2)
    return float(1 - np.any(same, axis=1).mean())


def agent(random: Random) -> Planted:
    """An agent's messages: two to four turns, a question, and three calls of tools with results."""
    messages = [Message(role="system", content="You answer customers. Use the tools.")]
    for asked, answered in _TURNS[: random.randint(2, len(_TURNS))]:
        messages.append(Message(role="user", content=asked))
        messages.append(Message(role="assistant", content=answered))
    question = "What became of my order, my money and the lamp?"
    messages.append(Message(role="user", content=question))
    for number, fact in enumerate(random.sample(_RESULTS, 3)):
        sentences = random.sample(_BESIDE, random.randint(1, 3))
        sentences.insert(random.randint(0, len(sentences)), fact)
        call = ToolCall(id=str(number), name=f"tool_{number}", arguments={"customer": 7})
        result = ToolResult(id=str(number), response=" ".join(sentences))
        messages.append(Message(role="assistant", parts=(call,)))
        messages.append(Message(role="tool", parts=(result,)))
    return _planted(messages, _RESULTS)


def instructed(random: Random) -> Planted:
    """A system prompt with five instructions among others, and a question."""
    texts = [*_INSTRUCTIONS, "You are the receptionist of a hotel.", "Be friendly.", *_BESIDE[1:3]]
    random.shuffle(texts)
    messages = [
        Message(role="system", content=" ".join(texts)),
        Message(role="user", content="Do you have a room next weekend?"),
    ]
    return _planted(messages, _KEYS)


def _planted(messages: Sequence[Message], texts: tuple[str, ...]) -> Planted:
    return Planted(tuple(messages), tuple(place_of(messages, t) for t in texts), texts, "auto")


def _cases(
    suite: str, count: int, budget: int, distance: str | Distance
) -> Iterator[tuple[Case, Planted]]:
    """So many studies of a suite, its worlds in turns."""
    if suite in ("worlds", "nothing"):
        worlds = PLANTED if suite == "worlds" else NOTHING
        for number in range(count):
            world = worlds[number % len(worlds)]
            turn = number // len(worlds)
            size = SIZES[turn % len(SIZES)]
            noise = NOISE * (turn // len(SIZES) % 2) if suite == "worlds" else 0.0
            random = Random(f"{world.name} {size} {number}")
            yield Case(world, size, noise, number, distance, budget), planted(world, size, random)
        return
    of, make = (AGENTS, agent) if suite == "agents" else ((INSTRUCTED,), instructed)
    for seed in range(count):
        for world in of:
            yield Case(world, 0, 0.0, seed, distance, budget), make(Random(f"{world.name} {seed}"))


def studied(suite: str, case: Case, prompt: Planted) -> Studied:
    """What one study found beside the truth."""
    found, seconds = ask(case, prompt)
    truth = Truth(case, prompt, found)

    def part(s: SegmentAttribution, *, shown: bool) -> Part:
        effect = truth.effect(s)
        return Part(effect, str(s.verdict), covers(s, effect), shown, tuple(truth.holds(s)))

    parts = [part(s, shown=True) for s in found.segments if not s.protected]
    parts += [part(s, shown=False) for s in found.coarser if not s.protected]
    return Studied(
        **vars(Study.of(case, found, seconds)),
        suite=suite,
        top_right=bool(truth.holds(found.ranked[0])),
        parts=tuple(parts),
        wanted=found.fidelity.further_calls,
    )


Counts = Callable[[Part], bool]


def _share(parts: Sequence[Part], counts: Counts, among: Counts) -> str:
    some = [p for p in parts if among(p)]
    return wilson(sum(map(counts, some)), len(some))


def table(seen: Sequence[Studied]) -> str:
    """The figures of a suite, in all and world by world."""
    lines = [
        "| world | studies | reliable / partial / no effect / inconclusive | top is a driver |"
        " excluded with an effect of .1, of .15 | excluded below .1 | ≥ .1 excluded | ≥ .2 open |"
        " ≥ .1 open | none open | intervals cover | calls | s |",
        "|" + "---|" * 13,
    ]
    groups = dict.fromkeys((s.world, s.noise) for s in seen)
    if len(groups) > 1:
        lines.append(_line("all", seen))
    for name, noise in groups:
        some = [s for s in seen if (s.world, s.noise) == (name, noise)]
        lines.append(_line(f"{name}, noise" if noise else name, some))
    return "\n".join(lines)


def _line(name: str, seen: Sequence[Studied]) -> str:
    parts = [p for s in seen for p in s.parts]
    shown = [p for p in parts if p.shown]
    statuses = [s.status for s in seen]
    excluded = [abs(p.effect) for p in parts if p.verdict == "excluded"]
    wrong = [sum(effect >= least for effect in excluded) for least in (0.1, 0.15)]
    settled = [all(p.verdict != "open" for p in s.parts if p.shown) for s in seen]
    cells = (
        f"{len(seen)}",
        " / ".join(
            str(statuses.count(one)) for one in ("reliable", "partial", "no_effect", "inconclusive")
        ),
        wilson(sum(s.top_right for s in seen), len(seen)),
        f"{wrong[0]}, {wrong[1]}",
        _share(parts, lambda p: abs(p.effect) < SMALLEST_EFFECT, lambda p: p.verdict == "excluded"),
        _share(parts, lambda p: p.verdict == "excluded", lambda p: abs(p.effect) >= 0.1),
        _share(shown, lambda p: p.verdict == "open", lambda p: abs(p.effect) >= 0.2),
        _share(shown, lambda p: p.verdict == "open", lambda p: abs(p.effect) >= 0.1),
        wilson(sum(settled), len(seen)),
        _share(parts, lambda p: p.covered, lambda p: abs(p.effect) > 0.01),
        f"{np.mean([s.calls for s in seen]):.1f}",
        f"{np.mean([s.seconds for s in seen]):.2f}",
    )
    return f"| {name} | " + " | ".join(cells) + " |"


def found_all(seen: Sequence[Studied]) -> str:
    """In how many studies a significant part holds each of the drivers."""
    counts = [
        len({k for p in s.parts if p.verdict == "supports" for k in p.holds if p.shown})
        for s in seen
    ]
    return f"all five found in {counts.count(5)} of {len(seen)}, on average {np.mean(counts):.2f}"


def named_all(seen: Sequence[Studied]) -> str:
    """In how many studies a significant part holds each of the three results alone; all of them
    have more than a tenth of the effect."""
    named = [{p.holds for p in s.parts if p.verdict == "supports"} for s in seen]
    count = sum({(0,), (1,), (2,)} <= found for found in named)
    return f"every result named in {wilson(count, len(seen))}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=20, help="studies of planted worlds")
    parser.add_argument("--nothing", type=int, default=0, help="studies in which nothing drives it")
    parser.add_argument("--agents", type=int, default=5, help="seeds of each kind of agent")
    parser.add_argument("--instructions", type=int, default=5, help="seeds")
    parser.add_argument("--budget", type=int, default=80)
    parser.add_argument("--distance", default="unsaid", help="`unsaid`, or a name")
    options = parser.parse_args()
    for suite in ("worlds", "nothing", "agents", "instructions"):
        seen: list[Studied] = []
        distance = unsaid if options.distance == "unsaid" else options.distance
        cases = _cases(suite, getattr(options, suite), options.budget, distance)
        for case, prompt in cases:
            seen.append(studied(suite, case, prompt))
            if len(seen) % 20 == 0:
                print(f"{len(seen)} studies of {suite}", file=sys.stderr, flush=True)
        if seen:
            print(f"\n{suite}, {options.budget} calls\n\n{table(seen)}", flush=True)
        if suite == "agents" and seen:
            print(f"\n{named_all(seen)}")
        if suite == "instructions" and seen:
            print(f"\n{found_all(seen)}")


if __name__ == "__main__":
    main()
