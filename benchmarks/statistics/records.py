"""Planted records: JSON answers whose fields are driven by known words of the prompt.

    python -m benchmarks.statistics.records --records 20
    python -m benchmarks.statistics.records --records 20 --noise .2
    python -m benchmarks.statistics.records --records 20 --extracted

Without `--extracted`, a prompt states six to nine facts, each of which one field of the answer
repeats; one fact can be lost, since all the others are known to the model anyway: its word drives
its field. Printed is in how many records the word comes first, is significant, and is named with
its field and no other.

With `--extracted`, three fields are read from a note, 20 words with the instruction. A field is
null without its value in the note, and missing without its name in the instruction, so that it has
two drivers. Printed is in how many records each value is named with its field, no word with a field
that it does not drive, and the statuses.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
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


def explained(
    messages: tuple[Message, ...],
    answer: str,
    says: Callable[[Sequence[Message]], str],
    *,
    deterministic: bool,
    seed: int,
    budget: int,
) -> Explanation:
    """The explanation of an answer of a simulated model."""
    study = PerturbationStudy(
        Prompted(messages=messages),
        ExplanationSettings(model="planted", budget=budget, seed=seed),
        answer=answer,
        signal="text",
        deterministic=deterministic,
        remote=False,
    )
    while rows := study.ask():
        study.tell([(row, Response(text=says(row.messages))) for row in rows])
    return study.result()


def ask(
    planted: "PlantedRecord | ExtractedRecord", *, noise: float, seed: int, budget: int = 40
) -> Explanation:
    """The explanation; with noise that share of the answers has another field changed."""
    random = Random(seed + 1000)

    def response(messages: Sequence[Message]) -> str:
        said = planted.says(messages[0].content)
        if noise and random.random() < noise:
            said = json.dumps({**json.loads(said), random.choice([*planted.record]): "other"})
        return said

    prompt, answer = Message(role="user", content=planted.prompt), json.dumps(planted.record)
    return explained(
        (prompt,), answer, response, deterministic=noise == 0, seed=seed, budget=budget
    )


_NOTES = (
    "Extract {} as JSON: Mrs {name} ordered two lamps on {date} and will pay {amount} euros now.",
    "Read this and give {} as JSON: on {date} customer {name} paid {amount} euros for chairs.",
    "Return JSON with {}. The carrier charged {amount} when {name} sent the heavy parcel {date}.",
)
_VALUES = {
    "name": ("Keller", "Okafor", "Lindqvist", "Moreau"),
    "date": ("Monday", "Tuesday", "Friday", "Sunday"),
    "amount": ("240", "75", "1300", "18"),
}


@dataclass(frozen=True)
class ExtractedRecord:
    """A prompt, and the record that a model reads from it."""

    prompt: str
    record: dict[str, str]

    def says(self, prompt: str) -> str:
        """The answer to a perturbed prompt."""
        named = {key: value for key, value in self.record.items() if key in prompt}
        return json.dumps({k: v if v in prompt else None for k, v in named.items()})


def extracted(seed: int) -> ExtractedRecord:
    """A record of three fields."""
    random = Random(seed)
    record = {key: random.choice(values) for key, values in _VALUES.items()}
    keys = random.sample(list(_VALUES), 3)
    prompt = _NOTES[seed % len(_NOTES)].format(f"{keys[0]}, {keys[1]} and {keys[2]}", **record)
    return ExtractedRecord(prompt, {key: record[key] for key in keys})


@dataclass(frozen=True)
class SeenFields:
    """What one explanation found of an extracted record."""

    values: bool
    right: bool
    status: str


def observe_fields(record: ExtractedRecord, found: Explanation) -> SeenFields:
    """Whether each value is named with its field, and no word with a field of others."""
    said = {segment.key: segment.name for segment in found.segments}
    named = {(said[change.key], change.path) for change in found.fields if change.key in said}
    values = {(value, f"$.{key}") for key, value in record.record.items()}
    names = {(key, f"$.{key}") for key in record.record}
    values_found = values <= named
    return SeenFields(values_found, values_found and named <= values | names, found.status)


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


def _extracted(records: int, noise: float, budget: int) -> None:
    seen = []
    for seed in range(records):
        record = extracted(seed)
        found = ask(record, noise=noise, seed=seed, budget=budget)
        seen.append(observe_fields(record, found))
        if not seen[-1].right:
            print(seed, found.status, found.summary, flush=True)
    for what in ("values", "right"):
        print(f"{what}: {sum(getattr(one, what) for one in seen)} of {len(seen)}", flush=True)
    print("statuses:", dict(Counter(one.status for one in seen)), flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--extracted", action="store_true")
    parser.add_argument("--budget", type=int, default=40)
    options = parser.parse_args()
    if options.extracted:
        _extracted(options.records, options.noise, options.budget)
        return
    seen: list[Seen] = []
    for seed in range(options.records):
        record = planted(seed)
        found = ask(record, noise=options.noise, seed=seed, budget=options.budget)
        seen.append(observe(record, found))
        if not seen[-1].named:
            print(seed, record.field, record.word, found.summary, flush=True)
    for what in ("first", "significant", "named", "only"):
        print(f"{what}: {sum(getattr(one, what) for one in seen)} of {len(seen)}", flush=True)


if __name__ == "__main__":
    main()
