"""The answer change on long answers of a real model: `python -m benchmarks.answer_change.natural`.

SmolLM2 135M Instruct answers twelve requests, and each with words removed at random. Its answers
are stored beside this file (`--ask` asks again); the table goes into docs/benchmarks.md.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import smile_trace
from benchmarks import pages
from smile_trace.attribution import word_vectors
from smile_trace.attribution.answer_change.text_comparison import text_comparison

ANSWERS = Path(__file__).parent / "natural_answers.json"
PROMPTS = (
    "Explain in a few sentences why the sky looks blue during the day.",
    "My order of three red lamps arrived broken on Monday. Write a short polite reply from the"
    " shop.",
    "Give me a recipe for a simple tomato soup with five steps.",
    "What should I pack for a two day hiking trip in the mountains in October?",
    "Summarize the story of Romeo and Juliet for a child.",
    "List four advantages of riding a bicycle to work instead of driving a car.",
    "Write a Python function that returns the largest number in a list and explain it.",
    "How does a bank decide whether to give a customer a loan?",
    "Describe the difference between a virus and a bacterium for a school class.",
    "I have 12 apples and give away 5, then buy 8 more. How many apples do I have? Explain.",
    "Write three sentences about the history of the city of Rome.",
    "Tell a customer named Peter that his appointment on Friday at 3 pm is cancelled.",
)
ROWS, SAMPLES, TOKENS = 12, 3, 130
DISTANCES = ("content", "words")


def main() -> None:
    """Measure what is stored, and write the table."""
    if "--ask" in sys.argv:
        ask()
    stored = json.loads(ANSWERS.read_text(encoding="utf-8"))
    rows = [
        "| | content | words |",
        "|---|---|---|",
        *(f"| {name} | {' | '.join(f(stored, d) for d in DISTANCES)} |" for name, f in _MEASURES),
    ]
    pages.put("\n".join(rows), "benchmarks.md", "long natural answers")


Stored = list[dict[str, Any]]


def _few_removed(stored: Stored, distance: str) -> str:
    return _spread(_changes(stored, distance, few=True))


def _half_removed(stored: Stored, distance: str) -> str:
    return _spread(_changes(stored, distance, few=False))


def _unrelated(stored: Stored, distance: str) -> str:
    following = zip(stored, [*stored[1:], stored[0]], strict=True)
    return _spread(_change(one["answer"], other["answer"], distance) for one, other in following)


def _doubled(stored: Stored, distance: str) -> str:
    """Two answers one after the other, and the second replaced by an unrelated one."""
    thirds = zip(stored, [*stored[1:], stored[0]], [*stored[2:], *stored[:2]], strict=True)
    return _spread(
        _change(f"{a['answer']}\n{b['answer']}", f"{a['answer']}\n{c['answer']}", distance)
        for a, b, c in thirds
    )


def _floor(stored: Stored, distance: str) -> str:
    return _spread(
        _change(one, other, distance)
        for case in stored
        for one, other in combinations(case["samples"], 2)
    )


def _milliseconds(stored: Stored, distance: str) -> str:
    """Processor time of a pair, no vector known before."""
    word_vectors._vector.cache_clear()
    texts = [[text for _, text in case["rows"]] for case in stored]
    begin = time.process_time()
    for case, responses in zip(stored, texts, strict=True):
        text_comparison(case["answer"], None, distance).changes(responses)
    return f"{(time.process_time() - begin) / sum(map(len, texts)) * 1000:.0f}"


_MEASURES: tuple[tuple[str, Callable[[Stored, str], str]], ...] = (
    ("a fifth of the prompt's words removed", _few_removed),
    ("half of them removed", _half_removed),
    ("the same prompt at temperature .8, two answers", _floor),
    ("the answer to another prompt", _unrelated),
    ("twice as long, the second half to another prompt", _doubled),
    ("processor ms a pair", _milliseconds),
)


def _changes(stored: Stored, distance: str, *, few: bool) -> Iterator[float]:
    for case in stored:
        for keep, text in case["rows"]:
            if few == (keep > 0.5):
                yield _change(case["answer"], text, distance)


def _change(logged: str, response: str, distance: str) -> float:
    return smile_trace.answer_change(logged, response, distance=distance)


def _spread(changes: Iterator[float]) -> str:
    low, middle, high = np.quantile(list(changes), (0.1, 0.5, 0.9))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def ask() -> None:
    """Ask the model, and store its answers."""
    asyncio.run(_ask())


async def _ask() -> None:
    from smile_trace.models import Request
    from smile_trace.models.kinds.local import LocalModel, LocalSettings
    from smile_trace.models.packaged import chat_model_path
    from smile_trace.records import Message

    settings = LocalSettings(kind="local", path=chat_model_path(), form="chat", slots=1)
    model = LocalModel("smollm2", settings)
    model.start()

    async def answer(prompt: str, temperature: float = 0.0, replicate: int = 0) -> str:
        request = Request(
            messages=(Message(role="user", content=prompt),),
            form="chat",
            parameters={"temperature": temperature, "max_tokens": TOKENS},
            replicate=replicate,
        )
        [response] = await model.generate([request])
        return response.text or ""

    stored = json.loads(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.exists() else []
    for prompt in PROMPTS[len(stored) :]:
        case = {
            "prompt": prompt,
            "answer": await answer(prompt),
            "samples": [await answer(prompt, 0.8, k) for k in range(SAMPLES)],
            "rows": [[keep, await answer(text)] for keep, text in _perturbed(prompt)],
        }
        stored.append(case)
        ANSWERS.write_text(json.dumps(stored, ensure_ascii=False, indent=1), encoding="utf-8")
        print(prompt, flush=True)
    model.close()


def _perturbed(prompt: str) -> Iterator[tuple[float, str]]:
    """The prompt with words removed, by turns half and a fifth of them."""
    draw = Random(prompt)
    words = prompt.split()
    for k in range(ROWS):
        keep = 0.8 if k % 2 else 0.5
        kept = [word for word in words if draw.random() < keep]
        if kept:
            yield keep, " ".join(kept)


if __name__ == "__main__":
    main()
