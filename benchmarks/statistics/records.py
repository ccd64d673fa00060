"""Planted records: a JSON answer with fields, one of which is driven by one word of the prompt.

A prompt states six to nine facts, each of which one field of the answer repeats; one fact can be
lost, since all the others are known to the model anyway: its word drives its field.

    python -m benchmarks.statistics.records --records 20
    python -m benchmarks.statistics.records --records 20 --noise .2

prints in how many the word comes first, is significant, and is named with its field and no other.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from smile_trace.attribution import PerturbationStudy
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Prompted,
    Response,
)

FACTS = {
    "city": ("lives in", ("Berlin", "Porto", "Turin", "Ghent")),
    "job": ("works as a", ("baker", "pilot", "tailor", "nurse")),
    "pet": ("owns a", ("parrot", "terrier", "turtle", "pony")),
    "colour": ("likes", ("green", "violet", "orange", "white")),
    "drink": ("drinks", ("tea", "cocoa", "cider", "milk")),
    "sport": ("plays", ("chess", "tennis", "hockey", "golf")),
    "month": ("was born in", ("March", "July", "October", "May")),
    "size": ("wears size", ("38", "42", "44", "36")),
    "language": ("speaks", ("Finnish", "Basque", "Welsh", "Greek")),
}


@dataclass(frozen=True)
class PlantedRecord:
    """A prompt, its record, and the word that drives a field."""

    prompt: str
    record: dict[str, str]
    field: str
    word: str

    def says(self, prompt: str) -> str:
        """The answer to a perturbed prompt."""
        word = self.record[self.field] if self.word in prompt else "unknown"
        return json.dumps({**self.record, self.field: word})


def planted(seed: int) -> PlantedRecord:
    """A record of six to nine fields."""
    random = Random(seed)
    names = random.sample(list(FACTS), random.randint(6, 9))
    record = {name: random.choice(FACTS[name][1]) for name in names}
    sentences = [f"Ann {FACTS[name][0]} {record[name]}." for name in names]
    field = random.choice(names)
    prompt = f"{' '.join(sentences)} Answer with a JSON record of Ann."
    return PlantedRecord(prompt, record, field, record[field])


def ask(planted: PlantedRecord, *, noise: float, seed: int, budget: int = 40) -> Explanation:
    """The explanation; with noise that share of the answers has another field changed."""
    random = Random(seed + 1000)
    study = PerturbationStudy(
        Prompted(messages=(Message(role="user", content=planted.prompt),)),
        ExplanationSettings(model="planted", budget=budget, seed=seed),
        answer=json.dumps(planted.record),
        signal="text",
        deterministic=noise == 0,
        remote=False,
    )

    def response(messages: Sequence[Message]) -> str:
        said = planted.says(messages[0].content)
        if noise and random.random() < noise:
            said = json.dumps({**json.loads(said), random.choice([*planted.record]): "other"})
        return said

    while rows := study.ask():
        study.tell([(row, Response(text=response(row.messages))) for row in rows])
    return study.result()


@dataclass(frozen=True)
class Seen:
    """What one explanation found of a planted record."""

    first: bool
    significant: bool
    named: bool
    only: bool


def observe(record: PlantedRecord, found: Explanation) -> Seen:
    """Whether the word is found, and the sentence names it with its field and no other."""
    sentence = f"“{record.word}” the field `{record.field}` changes"
    also = {change.path for change in found.fields} - {f"$.{record.field}"}
    return Seen(
        first=record.word in found.ranked[0].text,
        significant=any(s.significant and record.word in s.text for s in found.segments),
        named=sentence in found.summary,
        only=not also,
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--noise", type=float, default=0.0)
    options = parser.parse_args()
    seen: list[Seen] = []
    for seed in range(options.records):
        record = planted(seed)
        found = ask(record, noise=options.noise, seed=seed)
        seen.append(observe(record, found))
        if not seen[-1].named:
            print(seed, record.field, record.word, found.summary, flush=True)
    for what in ("first", "significant", "named", "only"):
        print(f"{what}: {sum(getattr(one, what) for one in seen)} of {len(seen)}", flush=True)


if __name__ == "__main__":
    main()
