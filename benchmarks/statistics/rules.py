"""Planted rules: a rule of the system message and a sentence of the mail decide one field of a JSON
answer together, each of their words, beside two fields that are read from the mail.

    python -m benchmarks.statistics.rules --worlds 100

Hardly any random mask retains all these words, so an average sees little of them. Printed is, of
the words without which the answer is another one and of all others, how many are named, excluded
and open. A word that is excluded and flips the field when removed alone is a false statement.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.statistics.records import explained
from smile_trace.records import Message, SegmentAttribution

_INSTRUCTIONS = (
    "You sort the mail of a lamp shop.",
    "Be careful.",
    "Never guess.",
    "Everything else goes to care.",
    "Write nothing around it.",
    "Customers may be angry.",
    "Mails come in many languages.",
)
_CHAT = (
    "It rained all day.",
    "My cat is well.",
    "We have been customers for years.",
    "The parcel was heavy.",
    "Thank you for the nice catalogue.",
)
_RULES = (
    ("Refunds over 100 euros go to finance.", "I want my 120 euros back.", r"\d+ euros back"),
    ("Broken goods are handled by repairs.", "The lamp came broken.", "came broken"),
    ("Letters from lawyers need the board.", "My lawyer will write.", "lawyer"),
)


@dataclass(frozen=True)
class Ruled:
    """A prompt, and what its rule and the cause in the mail are read from."""

    messages: tuple[Message, ...]
    rule: str
    cause: str

    def says(self, messages: Sequence[Message]) -> str:
        """The answer to a perturbed prompt."""
        told, mail = (
            " ".join(m.content for m in messages if m.role == role) for role in ("system", "user")
        )
        if "JSON" not in told:
            return "How can I help you?"
        name, order = re.search(r"Regards, (\w+)", mail), re.search(r"order (\d+)", mail)
        special = self.rule in told and re.search(self.cause, mail)
        return json.dumps(
            {
                "name": name and name[1],
                "order": order and order[1],
                "team": "special" if special else "care",
            }
        )

    def needs(self, segment: SegmentAttribution) -> bool:
        """Whether another answer is given without it alone."""
        changed = list(self.messages)
        text = changed[segment.message].content
        rest = " ".join((text[: segment.start] + text[segment.end :]).split())
        changed[segment.message] = Message(role=segment.role, content=rest)
        return self.says(changed) != self.says(self.messages)


def planted(seed: int) -> Ruled:
    """A system message of three to six sentences, and a mail of three to six."""
    random = Random(seed)
    rule, because, cause = random.choice(_RULES)
    told = [*random.sample(_INSTRUCTIONS, random.randint(1, 4)), rule]
    random.shuffle(told)
    told.insert(random.randint(0, len(told)), "Answer in JSON with the fields name, order, team.")
    mail = [*random.sample(_CHAT, random.randint(0, 3)), because]
    random.shuffle(mail)
    about = f"Dear shop, it is about order {random.randint(1000, 9999)}."
    ends = f"Regards, {random.choice(('Ann', 'Bo', 'Keller', 'Okafor'))}"
    messages = (
        Message(role="system", content=" ".join(told)),
        Message(role="user", content=" ".join([about, *mail, ends])),
    )
    return Ruled(messages, rule.removeprefix("Refunds ").removeprefix("Letters from "), cause)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=80)
    options = parser.parse_args()
    said, statuses = Counter[tuple[bool, str]](), Counter[str]()
    for seed in range(options.worlds):
        world = planted(seed)
        found = explained(
            world.messages,
            world.says(world.messages),
            world.says,
            deterministic=True,
            seed=seed,
            budget=options.budget,
        )
        statuses[found.status] += 1
        said.update((world.needs(s), s.verdict or "protected") for s in found.segments)
    for needed, which in ((True, "words that the answer needs"), (False, "other words")):
        counts = {verdict: n for (one, verdict), n in sorted(said.items()) if one == needed}
        print(f"{which}: {counts}", flush=True)
    print("statuses:", dict(statuses), flush=True)


if __name__ == "__main__":
    main()
