"""Wrong answers of a real chat model, SmolLM2 135M Instruct: what would have made them right?

    python -m benchmarks.statistics.wrong_chats --ask     # asks the model what is not known yet
    python -m benchmarks.statistics.wrong_chats           # from the stored answers

A chat of `real_chats` is kept if the model does not say its fact, although the document stands in
it. Its target is an answer that says it, in words or digits. Each of the first CHATS is searched by
a CorrectionStudy in at most BUDGET calls, and twice by brute force in at most SEARCHED calls each:
every part alone, every pair, then random sets, each in a random order of its own, until all
removals of one size were tried and some of them were right. Both searches agree if the smallest
removals that they found have one in common, or none found any; the study agrees with them if one
of its corrections lies in such a removal (counted apart: the first one), or it finds none, either.
"""

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from benchmarks.statistics.chats import wilson
from benchmarks.statistics.real_chats import FACTS, Answers, Chat, candidate, finished
from smile_trace.attribution.correction.study import CorrectionStudy
from smile_trace.attribution.correction.target import Target
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.reporting.segments import is_within
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.attribution.segmentation.selections import asks
from smile_trace.records import Explanation, ExplanationSettings, Prompted, Segment

CHATS = 30
BUDGET = 80
SEARCHED = 200
TOKENS = 32
ANSWERS = Path(__file__).parent / "results" / "wrong_chats.json.gz"
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
           "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14, "fifteen": 15, "twenty": 20,
           "thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "sixty": 60, "eighty": 80,
           "ninety": 90}  # fmt: skip

Removal = frozenset[Segment]


def says(fact: str) -> str:
    """The pattern of an answer that says a fact."""
    digits = f"|{NUMBERS[fact.lower()]}" if fact.lower() in NUMBERS else ""
    return rf"/(?i)\b({re.escape(fact)}{digits})\b/"


def wrong_chats(answers: Answers) -> Iterator[tuple[int, Chat, str]]:
    """Numbers, chats and answers that do not say the fact."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    for number in itertools.count():
        chat = candidate(facts, number)
        [said] = answers.say([chat.messages])
        if re.search(says(chat.fact)[1:-1], said) is None:
            yield number, chat, said


def study(chat: Chat, said: str, answers: Answers, seed: int) -> Explanation:
    """What a study finds."""
    wanted = says(chat.fact)
    asked = CorrectionStudy(
        Prompted(messages=chat.messages, form="chat"),
        ExplanationSettings(model="smollm2", budget=BUDGET, seed=seed, contains=wanted),
        Target(contains=wanted),
        answer=said,
        deterministic=True,
        remote=False,
    )
    return finished(asked, answers)


def parts_of(chat: Chat) -> list[Segment]:
    """What brute force removes: documents and messages, but for the question."""
    prompted = Prompted(messages=chat.messages, form="chat")
    question = chat.messages[-1].content.rindex("Question:")
    last = len(chat.messages) - 1
    assert asks(chat.messages[last])
    documents = Segmentation(prompted, "section").segments
    return [
        part for part in documents
        if not part.protected and not any(m == last and b > question for m, _, b in part.places)
    ]  # fmt: skip


def brute_force(chat: Chat, answers: Answers, seed: int) -> set[Removal]:
    """The smallest removals with which an answer is right, of those tried in SEARCHED calls."""
    random, parts = Random(seed), parts_of(chat)
    perturber, asked = Perturber(Prompted(messages=chat.messages, form="chat"), parts), 0
    for removals in _in_sizes(parts, random):
        found = set[Removal]()
        for removal in removals:
            mask = tuple(part not in removal for part in parts)
            if asked == SEARCHED or not perturber.sendable(mask):
                continue
            [said] = answers.say([perturber.messages(mask)])
            asked += 1
            if re.search(says(chat.fact)[1:-1], said):
                found.add(removal)
        if found:
            return found
    return set()


def _in_sizes(parts: Sequence[Segment], random: Random) -> Iterator[list[Removal]]:
    for size in (1, 2):
        removals = [frozenset(some) for some in itertools.combinations(parts, size)]
        random.shuffle(removals)
        yield removals
    larger = {
        frozenset(random.sample(parts, random.randint(3, len(parts)))) for _ in range(3 * SEARCHED)
    }
    yield sorted(larger, key=len)[:SEARCHED]


def agrees(found: Explanation, known: set[Removal], most: int | None = None) -> bool:
    """Whether one of a study's first corrections is such a removal, or a part of it; or none is
    found if there are none."""
    if not found.corrections:
        return not known
    return any(
        all(any(is_within(part, whole) for whole in one) for part in correction.parts)
        for one in known
        for correction in found.corrections[:most]
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ask", action="store_true", help="ask the model what is not stored")
    parser.add_argument("--chats", type=int, default=CHATS)
    options = parser.parse_args()
    answers = Answers(ask=options.ask, file=ANSWERS, tokens=TOKENS)
    corrected, agreed, first, right, calls = 0, 0, 0, 0, []
    for number, chat, said in itertools.islice(wrong_chats(answers), options.chats):
        found = study(chat, said, answers, number)
        one, other = (brute_force(chat, answers, 2 * number + k) for k in range(2))
        both = bool(one & other) or not (one or other)
        agreed += both
        right += both and agrees(found, one & other)
        first += both and agrees(found, one & other, 1)
        corrected += bool(found.corrections)
        calls.append(found.cost.target_calls)
        print(f"{number}: {chat.fact!r}, said {said!r}; {calls[-1]} calls; searches agree {both}, "
              f"{len(one & other)} removals, with the study {agrees(found, one & other)}; "
              f"{found.summary}\n", file=sys.stderr, flush=True)  # fmt: skip
        if options.ask:
            answers.keep()
    answers.close()
    print(f"wrong answers {options.chats}, corrected {corrected}")
    print(f"searches agree {agreed}, the study with them {wilson(right, agreed)}, "
          f"its first correction {wilson(first, agreed)}")  # fmt: skip
    print(f"calls per study: mean {sum(calls) / len(calls):.1f}, most {max(calls)}")


if __name__ == "__main__":
    main()
