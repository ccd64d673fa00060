"""The pairs of tests/data/answer_pairs by the comparisons of texts, and what that is worth in an
explanation: `python -m benchmarks.answer_change`.

Writes the tables of the README, those of `events` too. SEEDS=20: seeds per world of the last.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

import smile_trace
from benchmarks import pages
from benchmarks.answer_change import events
from tests.support.one_value_worlds import WORLDS, OneValueWorld

PAIRS = Path(__file__).parents[2] / "tests" / "data" / "answer_pairs"
DISTANCES = ("content", "words")


def main() -> None:
    """Measure everything, and write the tables."""
    tables = "\n\n".join((pairs_table(), *events.tables(load, DISTANCES), worlds_table()))
    pages.put(tables, pages.readme(__file__), "answer change")


def pairs_table() -> str:
    """ROC-AUC by class and half, and the time of a pair."""
    scores = {
        (half, distance): measured(half, distance)
        for half in ("tuning", "held_out")
        for distance in DISTANCES
    }
    rows = [
        "| class | held out: content | words | tuning: content | words |",
        "|---|---|---|---|---|",
    ]
    columns = [(half, distance) for half in ("held_out", "tuning") for distance in DISTANCES]
    kinds = sorted({kind for half in ("tuning", "held_out") for kind in kinds_of(half)})
    for kind in (None, *kinds):
        found = [f"{auc(half, scores[half, distance][0], kind):.2f}" for half, distance in columns]
        rows.append(f"| {kind or '**all**'} | {' | '.join(found)} |")
    times = [f"{scores[half, distance][1]:.1f}" for half, distance in columns]
    rows.append(f"| processor ms a pair | {' | '.join(times)} |")
    return "\n".join(rows)


def measured(half: str, distance: str) -> tuple[np.ndarray, float]:
    """The answer change of every pair, and the milliseconds of processor time that one takes."""
    smile_trace.answer_change("warm", "up", distance=distance)
    begin = time.process_time()
    found = [
        smile_trace.answer_change(pair["logged"], pair["response"], distance=distance)
        for pair in load(half)
    ]
    return np.array(found), (time.process_time() - begin) / len(found) * 1000


def auc(half: str, scores: np.ndarray, kind: str | None) -> float:
    """Of all pairs, or of those of a class against those that have the other label."""
    pairs = load(half)
    changed = np.array([pair["changed"] for pair in pairs])
    mine = np.array([kind in (None, pair["kind"]) for pair in pairs])
    counted = mine | (changed != changed[mine][0]) if kind else mine
    return float(roc_auc_score(changed[counted], scores[counted]))


def kinds_of(half: str) -> set[str]:
    """The classes of a half."""
    return {pair["kind"] for pair in load(half)}


def load(half: str) -> list[dict[str, Any]]:
    """The pairs of a half."""
    lines = (PAIRS / f"{half}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def worlds_table() -> str:
    """In how many seeds the driving word is first and significant, at 40 calls."""
    seeds = int(os.environ.get("SEEDS", "20"))
    rows = ["| only this differs | content |", "|---|---|"]
    for world in WORLDS:
        found = sum(is_found(world, seed) for seed in range(seeds))
        rows.append(f"| {world.name} | {found} of {seeds} |")
    return "\n".join(rows)


def is_found(world: OneValueWorld, seed: int) -> bool:
    """Whether the driving word is first and significant."""
    explanation = smile_trace.explain(
        world.prompt, model=world.model, signal="text", distance="content", seed=seed, budget=40
    )
    first = explanation.ranked[0]
    return first.text.strip() == world.word and first.significant


if __name__ == "__main__":
    main()
