"""Planted answers with true, false and missing citations.

    python -m benchmarks.statistics.citations --answers 200
    python -m benchmarks.statistics.citations --answers 50 --noise .1

A question about five to twelve documents, and an answer of three to six sentences. Most sentences
say what stands in one document: without it the sentence is left out, or says that nothing was
found. Its citation names that document, another one, or is missing; some sentences stand whatever
the documents say, with a citation or without. Half of the answers cite as LangChain's prompts ask
for (`[2]`, documents in the user's message), half as Anthropic's API does. With noise that share
of the sentences of every answer is worded differently.

Printed is how many of the pairs of each class were found, and how many of what was said of a pair
was false.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from smile_trace.attribution import PerturbationStudy
from smile_trace.records import (
    Citation,
    CitedDocument,
    Document,
    Explanation,
    ExplanationSettings,
    Message,
    Prompted,
    Response,
    TextPart,
)

SUBJECTS = {
    "returns": ("Goods may be sent back within {} days of delivery", "the label is free of charge"),
    "warranty": ("Every kettle has a warranty of {} months", "the receipt has to be kept"),
    "delivery": ("Parcels leave the warehouse in Kassel after {} hours", "bulky goods take longer"),
    "members": ("Members collect {} points for every order", "points expire after a year"),
    "repairs": ("The workshop mends a pump for {} euros", "spare parts are charged apart"),
    "vouchers": ("A voucher is valid for {} weeks", "it cannot be paid out in cash"),
    "hours": (
        "The hotline can be reached until {} o'clock in the evening",
        "on Sundays it is closed",
    ),
    "assembly": (
        "Wardrobes are put together at home for {} euros",
        "the fitters bring their tools",
    ),
    "recycling": (
        "Old batteries are taken back in boxes of {} litres",
        "customers need no receipt",
    ),
    "invoices": ("Invoices are due after {} days", "reminders cost five euros"),
    "privacy": ("Addresses are erased after {} months without an order", "nobody else gets them"),
    "samples": ("Up to {} fabric samples are sent without charge", "they need not be returned"),
    "insurance": ("Transport is insured up to {} thousand euros", "damage is reported by phone"),
    "training": ("New assistants are trained for {} days", "the course ends with a test"),
}
FILLERS = (
    "This page was checked by the customer desk last spring.",
    "Ask a colleague if a case is not described here.",
    "The rule holds for all our shops in the country.",
    "Exceptions are decided by the head of the department.",
    "An English version can be found on the intranet.",
)
GENERAL = (
    "Thank you very much for getting in touch with our customer service today",
    "I am always glad to help you with any further question that you have",
    "Please keep in mind that our colleagues decide every case with some goodwill",
)
REWORDED = ("In short: {}", "{}, as far as we know", "To be clear, {}")


@dataclass(frozen=True)
class Said:
    """A sentence of the answer: the document it needs (None: none), the one it cites, and what it
    becomes without the first."""

    text: str
    needs: int | None
    cites: int | None
    otherwise: str


@dataclass(frozen=True)
class PlantedAnswer:
    """A prompt and its answer, of which every pair of sentence and document is known."""

    prompted: Prompted
    documents: tuple[str, ...]
    sentences: tuple[Said, ...]
    shape: str

    def says(
        self, messages: Sequence[Message], random: Random | None = None, noise: float = 0
    ) -> str:
        """The answer to a perturbed prompt."""
        prompt = "\n".join(message.content for message in messages)
        if "What do I have to know" not in prompt:
            return "How can I help you today?"
        kept = [self._is_there(one, prompt) for one in self.sentences]
        texts = [
            _reworded(one.text if there else one.otherwise, random, noise)
            for one, there in zip(self.sentences, kept, strict=True)
        ]
        marks = [
            f" [{one.cites + 1}]"
            if there and one.cites is not None and self.shape == "langchain"
            else ""
            for one, there in zip(self.sentences, kept, strict=True)
        ]
        return " ".join(f"{t}{m}." for t, m in zip(texts, marks, strict=True) if t)

    def _is_there(self, one: Said, prompt: str) -> bool:
        return one.needs is None or _fact(self.documents[one.needs]) in prompt


def _fact(document: str) -> str:
    return document.split("\n")[1].split(", and ")[0]


def _reworded(text: str, random: Random | None, noise: float) -> str:
    if random is None or not text or random.random() >= noise:
        return text
    how = random.choice(REWORDED)
    return how.format(text[0].lower() + text[1:] if how[0] != "{" else text)


def planted(seed: int) -> PlantedAnswer:
    """An answer of that number."""
    random = Random(seed)
    subjects = random.sample(list(SUBJECTS), random.randint(5, 12))
    values = random.sample(range(2, 96), len(subjects))
    facts = [SUBJECTS[s][0].format(v) for s, v in zip(subjects, values, strict=True)]
    documents = tuple(
        f"{subject}.md\n{fact}, and {SUBJECTS[subject][1]}. " + " ".join(random.sample(FILLERS, 2))
        for subject, fact in zip(subjects, facts, strict=True)
    )
    count = random.randint(3, 6)
    used = random.sample(range(len(documents)), min(count, len(documents) - 1))
    others = [k for k in range(len(documents)) if k not in used]
    sentences = [_sentence(random, facts[k], k, others) for k in used[: count - 1]]
    general = random.choice(GENERAL)
    cited = random.choice(others) if random.random() < 0.5 else None
    sentences.insert(random.randrange(len(sentences) + 1), Said(general, None, cited, general))
    shape = "langchain" if seed % 2 else "anthropic"
    return _answered(shape, documents, tuple(sentences))


def _sentence(random: Random, fact: str, needs: int, others: Sequence[int]) -> Said:
    cites = random.choice((needs, needs, random.choice(others), None))
    nothing = f"I could not find anything about {fact.split()[0].lower()} here"
    return Said(fact, needs, cites, random.choice(("", nothing)))


def _answered(shape: str, documents: tuple[str, ...], sentences: tuple[Said, ...]) -> PlantedAnswer:
    question = "What do I have to know about my order?"
    rules = Message(
        role="system",
        content="You are the assistant of a shop. Answer from the documents alone. "
        "Cite the documents that you use. Be brief and friendly.",
    )
    if shape == "anthropic":
        parts = [
            TextPart(
                content=text.partition("\n")[2],
                extra={
                    "type": "document",
                    "title": text.partition("\n")[0],
                    "citations": {"enabled": True},
                    "source": {"type": "text", "media_type": "text/plain"},
                },
            )
            for text in documents
        ]
        user = Message(role="user", parts=(*parts, TextPart(content=question)))
        retrieved: tuple[Document, ...] = ()
    else:
        text, places = "Answer by these documents.\n\n", []
        for number, one in enumerate(documents, 1):
            text += f"[{number}] "
            places.append((len(text), len(text) + len(one)))
            text += f"{one}\n\n"
        user = Message(role="user", content=text + question)
        retrieved = tuple(
            Document(text=one, source=one.partition("\n")[0], place=(1, a, b))
            for one, (a, b) in zip(documents, places, strict=True)
        )
    prompted = Prompted(messages=(rules, user), documents=retrieved)
    whole = PlantedAnswer(prompted, documents, sentences, shape)
    answer = whole.says(prompted.messages)
    citations = tuple(
        Citation(
            start=answer.index(one.text),
            end=answer.index(one.text) + len(one.text),
            document=one.cites,
            passage=_fact(documents[one.cites]),
        )
        for one in sentences
        if one.cites is not None and shape == "anthropic"
    )
    update = {"answer": answer, "citations": citations}
    return PlantedAnswer(prompted.model_copy(update=update), documents, sentences, shape)


def explained(planted: PlantedAnswer, *, calls: int, noise: float, seed: int) -> Explanation:
    """Its explanation."""
    random = Random(seed)
    settings = ExplanationSettings(model="planted", budget=calls)
    answer = planted.prompted.answer or ""
    study = PerturbationStudy(
        planted.prompted,
        settings,
        answer=answer,
        signal="text",
        deterministic=noise == 0,
        remote=True,
    )
    while rows := study.ask():
        study.tell((row, Response(text=planted.says(row.messages, random, noise))) for row in rows)
    return study.result()


def judged(planted: PlantedAnswer, explanation: Explanation) -> tuple[Counter[str], list[str]]:
    """How many pairs there are of each class (`class`), how many were found (`class found`), how
    many statements were made (`said`), and which of them are false."""
    counts, false = Counter[str](), list[str]()
    answer = planted.prompted.answer or ""
    said = {(one.start, _number(planted, one)): one for one in explanation.citations}
    for sentence in planted.sentences:
        for k in range(len(planted.documents)):
            truth = _truth(sentence, k)
            one = said.get((answer.index(sentence.text), k))
            found = None if one is None else f"{'cited' if one.cited else 'uncited'}, {one.use}"
            if truth is not None:
                counts[truth] += 1
                counts[f"{truth} found"] += found == truth
                counts[f"{truth} open"] += found == truth.split(", ")[0] + ", open"
            if found is not None and not found.endswith("open"):
                counts["said"] += 1
                if found != truth:
                    false.append(f"{found} instead of {truth}: {sentence.text}, {k}")
    return counts, false


def _number(planted: PlantedAnswer, one: CitedDocument) -> int | None:
    if one.document is None:
        return None
    message, start, end = one.document.place
    text = planted.prompted.messages[message].content[start:end]
    return next(k for k, document in enumerate(planted.documents) if _fact(document) in text)


def _truth(sentence: Said, k: int) -> str | None:
    if sentence.cites == k:
        return "cited, used" if sentence.needs == k else "cited, not used"
    return "uncited, used" if sentence.needs == k else None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--show", action="store_true", help="what is false")
    given = parser.parse_args()
    counts, false, calls = Counter[str](), list[str](), list[int]()
    for seed in range(given.answers):
        one = planted(seed)
        explanation = explained(one, calls=given.calls, noise=given.noise, seed=seed)
        of_one, wrong = judged(one, explanation)
        counts += of_one
        false += wrong
        calls.append(explanation.cost.target_calls)
        if given.show:
            for line in wrong:
                print(seed, one.shape, line, flush=True)
    for name in ("cited, used", "cited, not used", "uncited, used"):
        found, every, left = counts[f"{name} found"], counts[name], counts[f"{name} open"]
        print(f"{name}: {found} of {every} ({found / max(every, 1):.3f}), open {left}")
    print(f"false: {len(false)} of {counts['said']} ({len(false) / max(counts['said'], 1):.3f})")
    print(f"calls: mean {sum(calls) / len(calls):.0f}, most {max(calls)}")


if __name__ == "__main__":
    main()
