"""Planted retrieval chats and prompts of sixty words, asked by the real study by their texts.

A chat has 5 to 20 documents of 2 to 6 sentences in one of five layouts, a history of 0 to 6 turns
and a question; one sentence of one document (or two, of two) holds what the answer says. In every
other chat the answer needs the question, too. With noise, a fifth of the answers are others.

    python -m benchmarks.statistics.chats --seeds 30
    python -m benchmarks.statistics.chats --seeds 100 --suites nothing words

prints how often the right document and the right sentence come first, how often anything is
significant where there is nothing to find, with Wilson intervals, and the calls and the time.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from scipy import stats  # type: ignore[import-untyped]

from smile_trace.attribution import PerturbationStudy
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

NOISE = 0.2
"""Share of a noisy model's answers that have nothing to do with the prompt."""

ANSWER = "There are forty-two crates of saffron in the northern warehouse."
FACTS = (
    "The northern warehouse keeps forty-two crates.",
    "What it keeps there is saffron.",
)
QUESTION = "How many crates are in the northern warehouse, and of what?"
UNKNOWN = "I could not find that in the documents."
OTHERS = (
    "Please ask the person at the front desk tomorrow morning.",
    "My favourite colour has always been a deep green.",
    "Trains to the coast leave every hour from platform two.",
    "An error happened, try again later.",
    "Yes.",
)

_SUBJECTS = ("The harbour", "A new bakery", "The old mill", "Our office", "The museum", "A ferry")
_VERBS = ("opens", "was painted", "closes early", "serves tea", "needs repair", "stays open")
_ENDS = (
    "on most days",
    "since last spring",
    "near the river",
    "for its many visitors",
    "when it rains",
    "according to the council",
    "after the long winter",
)
_LAYOUTS = ("numbered", "elements", "labelled", "paragraphs", "tools")
Planted = Callable[[str, Random], str]


@dataclass(frozen=True)
class World:
    """A prompt, what drives the answer, and the model.

    `documents` and `sentences` are where the facts stand; nothing where nothing drives it.
    `also` drives the answer, too, and has no place in the ranking.
    """

    name: str
    messages: tuple[Message, ...]
    says: Planted
    documents: tuple[Place, ...] = ()
    sentences: tuple[Place, ...] = ()
    also: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What one study found."""

    world: str
    unit: Unit
    noise: float
    budget: int
    seed: int
    calls: int
    seconds: float
    status: str
    document_first: bool
    sentence_first: bool
    all_first: bool
    any_significant: bool
    true_significant: bool
    false_significant: int
    significant: int
    levels: int
    shown: int


def _sentence(random: Random) -> str:
    return f"{random.choice(_SUBJECTS)} {random.choice(_VERBS)} {random.choice(_ENDS)}."


def _text(random: Random, low: int, high: int) -> list[str]:
    return [_sentence(random) for _ in range(random.randint(low, high))]


def _laid_out(documents: Sequence[str], layout: str) -> str:
    if layout == "numbered":
        return "\n\n".join(f"[{k}] {text}" for k, text in enumerate(documents, 1))
    if layout == "elements":
        return "\n".join(f"<document>\n{text}\n</document>" for text in documents)
    if layout == "labelled":
        return "\n\n".join(f"Document {k}: {text}" for k, text in enumerate(documents, 1))
    return "\n\n".join(documents)


def retrieval(seed: int, *, facts: int = 1, drives: bool = True, layout: str = "") -> World:
    """A planted retrieval chat; with `drives` False the answer does not depend on it."""
    random = Random(seed)
    layout = layout or _LAYOUTS[seed % len(_LAYOUTS)]
    texts = [_text(random, 2, 6) for _ in range(random.randint(5, 20))]
    chosen = random.sample(range(len(texts)), 2)[:facts]
    said = FACTS if facts == 2 else ("The northern warehouse keeps forty-two crates of saffron.",)
    for place, fact in zip(chosen, said, strict=True):
        texts[place][random.randrange(len(texts[place]))] = fact
    documents = [" ".join(sentences) for sentences in texts]
    messages = [Message(role="system", content="Answer from the documents. Be brief.")]
    for turn in range(random.randint(0, 6)):
        role: Literal["assistant", "user"] = "assistant" if turn % 2 else "user"
        messages.append(Message(role=role, content=" ".join(_text(random, 1, 2))))
    if layout == "tools":
        messages += [Message(role="tool", content=text) for text in documents]
        messages.append(Message(role="user", content=QUESTION))
    else:
        content = f"{_laid_out(documents, layout)}\n\nQuestion: {QUESTION}"
        messages.append(Message(role="user", content=content))
    asked = bool(seed // len(_LAYOUTS) % 2)

    def says(prompt: str, _: Random) -> str:
        knows = all(fact in prompt for fact in said) and (not asked or QUESTION in prompt)
        return ANSWER if knows or not drives else UNKNOWN

    name = ("retrieval", "two facts")[facts - 1] if drives else "nothing"
    if not drives:
        return World(name, tuple(messages), says)
    return World(
        name,
        tuple(messages),
        says,
        documents=tuple(place_of(messages, documents[k]) for k in chosen),
        sentences=tuple(place_of(messages, fact) for fact in said),
        also=(place_of(messages, QUESTION),) if asked else (),
    )


def sixty_words(seed: int) -> World:
    """A prompt of about sixty words, one of which drives the answer."""
    random = Random(seed)
    sentences: list[str] = []
    while sum(len(s.split()) for s in sentences) < 56:
        sentences.append(_sentence(random))
    sentences[random.randrange(len(sentences))] = "The code word of today is Pelican."
    messages = (Message(role="user", content=" ".join(sentences)),)

    def says(prompt: str, _: Random) -> str:
        return ANSWER if "Pelican" in prompt else UNKNOWN

    place = place_of(messages, "Pelican.")
    return World("sixty words", messages, says, documents=(place,), sentences=(place,))


def place_of(messages: Sequence[Message], text: str) -> Place:
    """Where a text stands first."""
    return next(
        (m, start, start + len(text))
        for m, message in enumerate(messages)
        if (start := message.content.find(text)) >= 0
    )


def ask(
    world: World, *, unit: Unit, noise: float, budget: int, seed: int
) -> tuple[Explanation, float]:
    """The explanation, and the study's own time in seconds."""
    study = PerturbationStudy(
        Prompted(messages=world.messages),
        ExplanationSettings(model="planted", unit=unit, budget=budget, seed=seed),
        answer=ANSWER,
        signal="text",
        deterministic=noise == 0,
        remote=False,
    )
    random = Random(seed + 1000)

    def answer(messages: Sequence[Message]) -> str:
        if noise and random.random() < noise:
            return random.choice(OTHERS)
        return world.says("\n".join(m.content for m in messages), random)

    before = time.process_time()
    while rows := study.ask():
        study.tell([(row, Response(text=answer(row.messages))) for row in rows])
    found = study.result()
    return found, time.process_time() - before


def observe(world: World, *, unit: Unit, noise: float, budget: int, seed: int) -> Seen:
    """What one study shows of the world."""
    found, seconds = ask(world, unit=unit, noise=noise, budget=budget, seed=seed)
    ranked = [s for s in found.ranked if not _holds_any(s, world.also)]
    first = ranked[0]
    everything = [*found.segments, *found.coarser]
    significant = [s for s in everything if s.significant]
    true = [s for s in significant if _holds_any(s, (*world.sentences, *world.also))]
    count = len(world.sentences)
    return Seen(
        world=world.name,
        unit=unit,
        noise=noise,
        budget=budget,
        seed=seed,
        calls=found.cost.target_calls,
        seconds=seconds,
        status=found.fidelity.status,
        document_first=_inside_any(first, world.documents),
        sentence_first=_inside_any(first, world.sentences),
        all_first=count > 0
        and all(any(_inside_any(s, (place,)) for s in ranked[:count]) for place in world.sentences),
        any_significant=bool(significant),
        true_significant=any(_holds_any(s, world.sentences) for s in significant),
        false_significant=len(significant) - len(true),
        significant=len(significant),
        levels=len(found.partitions),
        shown=len({_depth(s, found.coarser) for s in found.segments}),
    )


def _depth(segment: SegmentAttribution, coarser: Sequence[SegmentAttribution]) -> int:
    return 0 if segment.parent is None else 1 + _depth(coarser[segment.parent], coarser)


def _inside_any(segment: SegmentAttribution, places: Sequence[Place]) -> bool:
    """Whether all of the segment stands in one of these places, but for its mark or tag."""
    return any(
        all(m == n and c - 16 <= a and b <= d + 16 for m, a, b in segment.places)
        for n, c, d in places
    )


def _holds_any(segment: SegmentAttribution, places: Sequence[Place]) -> bool:
    """Whether the segment shares text with one of these places."""
    return any(m == n and a < d and c < b for m, a, b in segment.places for n, c, d in places)


UNITS: tuple[Unit, ...] = ("auto", "document", "sentence", "word")

Case = tuple[World, Unit, float, int, int]


def cases(suite: str, seeds: range, units: Sequence[Unit] = UNITS) -> Iterator[Case]:
    """The studies of one suite; `units` of the retrieval chats."""
    for seed in seeds:
        if suite == "retrieval":
            for unit in units:
                world = retrieval(seed, layout=_documents_layout(unit, seed))
                yield from ((world, unit, noise, budget, seed) for noise, budget in _SETTINGS)
        elif suite == "two":
            world = retrieval(seed, facts=2)
            yield from ((world, "sentence", noise, budget, seed) for noise, budget in _SETTINGS)
        elif suite == "nothing":
            world = retrieval(seed, drives=False)
            for budget, noise in ((40, NOISE), (80, NOISE), (40, 0.5), (80, 0.5)):
                yield world, "sentence", noise, budget, seed
        else:
            yield from ((sixty_words(seed), "word", noise, 40, seed) for noise in (0.0, NOISE))


_SETTINGS = ((0.0, 40), (0.0, 80), (NOISE, 40), (NOISE, 80))


def _documents_layout(unit: Unit, seed: int) -> str:
    """Paragraphs are no documents by their form: then another layout."""
    layout = _LAYOUTS[seed % len(_LAYOUTS)]
    return "numbered" if unit == "document" and layout == "paragraphs" else layout


def wilson(count: int, of: int) -> str:
    """A rate with its 95 % Wilson interval."""
    if not of:
        return "–"
    low, high = stats.binomtest(count, of).proportion_ci(method="wilson")
    return f"{count}/{of} = {count / of:.2f} [{low:.2f}, {high:.2f}]"


def table(seen: Sequence[Seen]) -> str:
    """One line per world, unit, noise and budget."""
    lines = [
        "| world | unit | noise | calls asked | document first | sentence first | all first |"
        " some true significant | false among significant | any significant | reliable | s |",
        "|" + "---|" * 12,
    ]
    groups = dict.fromkeys((s.world, s.unit, s.noise, s.budget) for s in seen)
    for key in groups:
        of = [s for s in seen if (s.world, s.unit, s.noise, s.budget) == key]
        world, unit, noise, budget = key
        lines.append(
            f"| {world} | {unit} | {noise:.0%} | {sum(s.calls for s in of) / len(of):.0f} of"
            f" {budget} | {sum(s.document_first for s in of)}"
            f" | {sum(s.sentence_first for s in of)} | {sum(s.all_first for s in of)}"
            f" | {sum(s.true_significant for s in of)}"
            f" | {sum(s.false_significant for s in of)}/{sum(s.significant for s in of)}"
            f" | {wilson(sum(s.any_significant for s in of), len(of))}"
            f" | {wilson(sum(s.status == 'reliable' for s in of), len(of))}"
            f" | {max(s.seconds for s in of):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    names = ["retrieval", "two", "words", "nothing"]
    parser.add_argument("--suites", nargs="*", choices=names, default=names)
    parser.add_argument("--units", nargs="*", choices=UNITS, default=UNITS)
    options = parser.parse_args()
    seen: list[Seen] = []
    for suite in options.suites:
        seeds = range(options.first, options.first + options.seeds)
        for case in cases(suite, seeds, options.units):
            world, unit, noise, budget, seed = case
            seen.append(observe(world, unit=unit, noise=noise, budget=budget, seed=seed))
        print(f"{suite}: {len(seen)} studies", file=sys.stderr, flush=True)
    print(table(seen))


if __name__ == "__main__":
    main()
