"""Retrieval chats on a real chat model, SmolLM2 135M Instruct: does the right document come first?

    python -m benchmarks.statistics.real_chats --ask     # asks the model what is not known yet
    python -m benchmarks.statistics.real_chats           # from the stored answers

A candidate is a fact of data/facts.json among documents of other facts, with a question. It is kept
if the model says the fact, and does not say it without its document: two separate calls, before any
study. The first CHATS that are kept are explained by the unit `document` in at most 40 calls.
"""

import argparse
import asyncio
import gzip
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.statistics.chats import wilson
from smile_trace.attribution import PerturbationStudy, Study
from smile_trace.models import Request
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from smile_trace.models.packaged import chat_model_path
from smile_trace.records import Explanation, ExplanationSettings, Message, Prompted, Response

CHATS = 30
BUDGET = 40
TOKENS = 16

FACTS = Path(__file__).parent / "data" / "facts.json"
ANSWERS = Path(__file__).parent / "results" / "real_chats.json.gz"

_LAYOUTS = ("[{k}] {text}", "<document>\n{text}\n</document>", "Document {k}: {text}")
_SYSTEM = Message(role="system", content="Answer from the documents. Be brief.")
_TURNS = (
    Message(role="user", content="Good morning, are you there?"),
    Message(role="assistant", content="Yes, how can I help you?"),
)


@dataclass(frozen=True)
class Chat:
    """A candidate: `document` is the right one, `without` the same chat without it."""

    messages: tuple[Message, ...]
    without: tuple[Message, ...]
    document: str
    fact: str
    documents: int


class Answers:
    """What the model says at temperature 0, from the file; with `ask`, from the model.

    One slot: how questions are batched changes the last digits of this model's probabilities.
    """

    def __init__(self, *, ask: bool, file: Path = ANSWERS, tokens: int = TOKENS) -> None:
        self._known: dict[str, str] = {}
        self._file = file
        if file.exists():
            self._known = json.loads(gzip.decompress(file.read_bytes()))
        self._ask = ask
        settings = LocalSettings(
            kind="local", path=chat_model_path() if ask else None, form="chat", slots=1,
            max_tokens=tokens, context_tokens=2048,
        )  # fmt: skip
        self._model = LocalModel("smollm2", settings) if ask else None
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Stop the model and keep what it said."""
        if self._model is not None:
            self._loop.run_until_complete(self._model.aclose())
            self.keep()
        self._loop.close()

    def keep(self) -> None:
        """Write the file."""
        self._file.parent.mkdir(exist_ok=True)
        text = json.dumps(dict(sorted(self._known.items())), ensure_ascii=False)
        self._file.write_bytes(gzip.compress(text.encode(), mtime=0))

    def say(self, chats: Sequence[Sequence[Message]], *, separately: bool = False) -> list[str]:
        """The answer to each; `separately`: nothing of an earlier prompt is used again.

        Raises:
            KeyError: an answer is not stored, and the model may not be asked.
        """
        missing = {_key(chat): chat for chat in chats if _key(chat) not in self._known}
        if missing and self._model is None:
            raise KeyError("an answer is not stored: add --ask")
        for key, chat in sorted(missing.items(), key=lambda pair: _text(pair[1])):
            request = Request(
                messages=tuple(chat),
                form="chat",
                parameters={"temperature": 0, "cache_prompt": not separately},
            )
            assert self._model is not None
            [response] = self._loop.run_until_complete(self._model.generate([request]))
            self._known[key] = response.text or ""
        return [self._known[_key(chat)] for chat in chats]


def _text(messages: Sequence[Message]) -> str:
    """So sorted, chats follow each other that begin alike."""
    return "\n".join(f"{message.role}: {message.content}" for message in messages)


def _key(messages: Sequence[Message]) -> str:
    return hashlib.sha256(_text(messages).encode()).hexdigest()[:12]


def candidates() -> list[Chat]:
    """One per fact: 5 to 10 documents, no or two turns before the question, three layouts."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    return [candidate(facts, number) for number in range(len(facts))]


def candidate(facts: Sequence[tuple[str, str, str]], number: int) -> Chat:
    """The chat of a number; those of one fact are as many apart as there are facts."""
    document, question, fact = facts[number % len(facts)]
    random = Random(number)
    texts = random.sample([text for text, _, _ in facts if fact not in text], random.randint(4, 9))
    place = random.randint(0, len(texts))
    texts.insert(place, document)
    layout = _LAYOUTS[number % len(_LAYOUTS)]
    shown = [layout.format(k=k, text=text) for k, text in enumerate(texts, 1)]
    history = random.choice(((), _TURNS))

    def chat(documents: Sequence[str]) -> tuple[Message, ...]:
        content = "\n\n".join([*documents, f"Question: {question}"])
        return (_SYSTEM, *history, Message(role="user", content=content))

    without = chat([*shown[:place], *shown[place + 1 :]])
    return Chat(chat(shown), without, document, fact, len(texts))


def explain(chat: Chat, answers: Answers, seed: int) -> Explanation:
    """The explanation of what the model said, by documents and by its text."""
    [answer] = answers.say([chat.messages])
    study = PerturbationStudy(
        Prompted(messages=chat.messages, form="chat"),
        ExplanationSettings(model="smollm2", unit="document", budget=BUDGET, seed=seed),
        answer=answer,
        signal="text",
        deterministic=True,
        remote=False,
    )
    return finished(study, answers)


def finished(study: Study, answers: Answers) -> Explanation:
    """What a study explains when everything that it asks is answered."""
    while rows := study.ask():
        said = answers.say([row.messages for row in rows])
        study.tell([(row, Response(text=text)) for row, text in zip(rows, said, strict=True)])
    return study.result()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ask", action="store_true", help="ask the model what is not stored")
    parser.add_argument("--chats", type=int, default=CHATS)
    options = parser.parse_args()
    answers = Answers(ask=options.ask)
    first, significant, reliable, kept, seen, calls = 0, 0, 0, 0, 0, 0
    false = 0
    for chat in candidates():
        if kept == options.chats:
            break
        seen += 1
        said, without = answers.say([chat.messages, chat.without], separately=True)
        if chat.fact.lower() not in said.lower() or chat.fact.lower() in without.lower():
            continue
        found = explain(chat, answers, seed=seen)
        right = [s for s in found.segments if chat.document in s.text]
        kept += 1
        calls += found.cost.target_calls
        first += found.ranked[0] in right
        significant += any(s.significant for s in right)
        false += sum(s.significant for s in found.segments if s not in right)
        reliable += found.fidelity.status == "reliable"
        print(f"{kept} of {seen}: {chat.documents} documents, {found.ranked[0] in right},"
              f" {found.fidelity.status}, {said!r}", file=sys.stderr, flush=True)  # fmt: skip
        if options.ask:
            answers.keep()
    answers.close()
    print(f"candidates {seen}, kept {kept}, calls per study {calls / max(kept, 1):.1f}")
    print(f"right document first {wilson(first, kept)}")
    print(f"right document significant {wilson(significant, kept)}; others significant {false}")
    print(f"reliable {wilson(reliable, kept)}")


if __name__ == "__main__":
    main()
