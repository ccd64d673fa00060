"""Long contexts: is the right document first, and what does the study itself take?

`python -m benchmarks.worker.long_contexts` (variable `STUDIES`). Prompts of 60 documents and some
15,600 words, about 20,000 tokens; one sentence of one document decides the answer of a planted
model, which repeats itself or (`sampled`) words a fifth of its answers otherwise. Each study in a
process of its own, at most 60 calls, by the unit `document` and by `auto`.
"""

import json
import multiprocessing
import os
import random
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.worker.study_time import VOCABULARY

DOCUMENTS, WORDS, CALLS = 60, 250, 60
STUDIES = int(os.environ.get("STUDIES", "10"))
CASES = [(unit, noise) for unit in ("document", "auto") for noise in (0.0, 0.2)]
RESULT = Path(__file__).parent / "results" / "long_contexts.json"


def prompt(seed: int) -> tuple[str, str]:
    """The prompt, and the sentence that decides."""
    chosen = random.Random(seed)
    texts: list[list[str]] = []
    for _ in range(DOCUMENTS):
        sentences: list[str] = []
        while len(" ".join(sentences).split()) < WORDS:
            words = chosen.choices(VOCABULARY, k=chosen.randint(8, 18))
            sentences.append(" ".join(words).capitalize() + ".")
        texts.append(sentences)
    day = chosen.choice(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"))
    fact = f"The parcel arrives on {day}."
    right = chosen.choice(texts)
    right.insert(chosen.randrange(len(right)), fact)
    shown = (f"<document>\n{' '.join(sentences)}\n</document>" for sentences in texts)
    documents = "\n".join(shown)
    return f"Answer from these documents.\n\n{documents}\n\nWhen does it arrive?", fact


def study(unit: str, noise: float, seed: int) -> dict[str, Any]:
    """One study in this process: what it found, and what it took beside the model."""
    import smile_trace
    from tests.support.peak_memory import peak_megabytes
    from tests.support.planted import PlantedModel

    text, fact = prompt(seed)
    chance, spent = random.Random(seed), [0.0]

    def answer(asked: str) -> str:
        began = time.perf_counter()
        said = f"It arrives {fact.split()[-1]}" if fact in asked else "The documents do not say."
        if chance.random() < noise:
            said = f"Well: {said}"
        spent[0] += time.perf_counter() - began
        return said

    def explain(asked: str, budget: int) -> smile_trace.Explanation:
        model = PlantedModel(answer, deterministic=not noise)
        return smile_trace.explain(asked, model=model, unit=unit, budget=budget)

    explain("The parcel arrives today, or so they say.", 14)  # start-up
    began, used, spent[0] = time.perf_counter(), time.process_time(), 0.0
    found = explain(text, CALLS)
    place, best = text.index(fact), found.ranked[0]
    begin, end = text.rindex("<document>", 0, place), text.index("\n</document>", place) + 12
    return {
        "first": begin <= best.start and best.end <= end,
        "status": found.status,
        "calls": found.cost.target_calls,
        "seconds": time.perf_counter() - began - spent[0],
        "cpu": time.process_time() - used - spent[0],
        "peak_mb": peak_megabytes(),
    }


def main() -> None:
    """Measure, keep and print."""
    kept: dict[str, list[dict[str, Any]]] = {}
    context = multiprocessing.get_context("spawn")
    print("| unit | sampled | right document first | calls | s | CPU s, most | MB, most |")
    print("|---|---|---|---|---|---|---|")
    for unit, noise in CASES:
        rows = []
        for seed in range(STUDIES):
            with context.Pool(1) as pool:
                rows.append(pool.apply(study, (unit, noise, seed)))
        kept[f"{unit} {noise}"] = rows
        seconds = statistics.median(row["seconds"] for row in rows)
        most = {name: max(row[name] for row in rows) for name in ("calls", "cpu", "peak_mb")}
        first = sum(row["first"] for row in rows)
        cells = f"{first} of {len(rows)} | {most['calls']} | {seconds:.1f}"
        print(
            f"| {unit} | {'yes' if noise else 'no'} | {cells} | {most['cpu']:.1f} | "
            f"{most['peak_mb']:.0f} |",
            flush=True,
        )
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
