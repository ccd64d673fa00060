"""Answers of a real chat model, SmolLM2 135M Instruct, into which citations were planted.

    python -m benchmarks.statistics.cited_chats --ask     # asks the model what is not known yet
    python -m benchmarks.statistics.cited_chats           # from the stored answers

A chat of `real_chats` is kept if the model says its fact, and does not say it without its document.
Each sentence of the answer gets a citation: the one that says the fact that of its document, or,
in every second chat, of another one; any other sentence one at random. Printed is every sentence
with what it cites and what was found, to be looked at; then how often a citation of the right
document is called used, and one of a wrong document under the fact not used, and the contrary.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.statistics.real_chats import FACTS, Answers, Chat, candidate, finished
from smile_trace.attribution import PerturbationStudy
from smile_trace.attribution.segmentation import boundaries
from smile_trace.records import Explanation, ExplanationSettings, Prompted

CHATS = 11
BUDGET = 60
TOKENS = 48
ANSWERS = Path(__file__).parent / "results" / "cited_chats.json.gz"


def kept_chats(answers: Answers) -> Iterator[tuple[int, Chat, str]]:
    """Numbers, chats and answers that say their fact because of its document."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    for number in range(len(facts)):
        chat = candidate(facts, number)
        said, without = answers.say([chat.messages, chat.without], separately=True)
        if chat.fact.lower() in said.lower() and chat.fact.lower() not in without.lower():
            yield number, chat, said


def cited(chat: Chat, said: str, right: int, random: Random, *, true: bool) -> str:
    """The answer with a citation behind every sentence."""
    others = [k for k in range(1, chat.documents + 1) if k != right]
    found = ""
    for start, end in boundaries.sentences(said):
        sentence = said[start:end]
        told = chat.fact.lower() in sentence.lower()
        number = right if told and true else random.choice(others)
        body = sentence.rstrip(".")
        found += f"{body} [{number}]{sentence[len(body) :]} "
    return found.strip()


def study(chat: Chat, answer: str, answers: Answers, seed: int) -> Explanation:
    """The explanation of that answer."""
    asked = PerturbationStudy(
        Prompted(messages=chat.messages, form="chat", answer=answer),
        ExplanationSettings(model="smollm2", budget=BUDGET, seed=seed),
        answer=answer,
        signal="text",
        deterministic=True,
        remote=False,
    )
    return finished(asked, answers)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ask", action="store_true", help="ask the model what is not stored")
    parser.add_argument("--chats", type=int, default=CHATS)
    options = parser.parse_args()
    answers, counts = Answers(ask=options.ask, file=ANSWERS, tokens=TOKENS), Counter[str]()
    for kept, (number, chat, said) in enumerate(kept_chats(answers)):
        if kept == options.chats:
            break
        content = chat.messages[-1].content
        right = 1 + sum(
            text in content[: content.index(chat.document)]
            for text, _, _ in json.loads(FACTS.read_text(encoding="utf-8"))
        )
        true = kept % 2 == 0
        answer = cited(chat, said, right, Random(number), true=true)
        explanation = study(chat, answer, answers, number)
        print(f"\n{number}: {answer!r}, the fact is of [{right}]; {explanation.status}")
        for one in explanation.citations:
            sentence = answer[one.start : one.end]
            effect = one.document and (
                f"{one.document.attribution:.2f} "
                f"[{one.document.ci_low:.2f}, {one.document.ci_high:.2f}]"
            )
            print(f"  {sentence!r} {one.cited or one.name}: {one.found}, {effect}")
            if chat.fact.lower() in sentence.lower() and one.cited:
                counts[f"{'right' if true else 'wrong'} document, {one.use}"] += 1
        sys.stdout.flush()
        if options.ask:
            answers.keep()
    answers.close()
    print(dict(counts))


if __name__ == "__main__":
    main()
