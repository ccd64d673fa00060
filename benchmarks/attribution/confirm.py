"""What holds of each case, by the model alone; no explainer is asked.

    python -m benchmarks.attribution.confirm                 # every case of both halves
    python -m benchmarks.attribution.confirm CANDIDATES.json # also halve those that hold

At temperature 0 the packaged model gives the answer; without the marked words it gives another
one; without the decoy it still gives the answer. Of two marked words either each is needed or
each will do. Where nothing matters the answer stays whichever word is removed.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

from benchmarks.attribution.cases import FOLDER, SPLITS, Case, case, load
from benchmarks.attribution.scores import Scores

EACH = {"plain": 7, "decoy": 8, "protected_tail": 6, "two_words": 3, "nothing": 2, "context": 4}
"""Cases of each kind in one half."""

LONG = 300
"""Words from which a context is a long one; one in each half."""

ABOUT = (
    "Prompts on which Gemma-3-270M (base, Q4_K_M, completion, temperature 0) gives the answer as "
    "its next word; without the words in 'drivers' (their last occurrence) it gives another one, "
    "without 'decoy' the same. 'protect' is never removed. benchmarks/attribution/confirm.py."
)


def doubt(one: Case, scores: Scores) -> str:
    """Why the case does not hold; empty where it does."""
    whole = one.without(())
    if not _answers(one, whole, scores):
        return "the answer is not given"
    if one.kind == "nothing":
        alone = [one.without((place,)) for place in range(len(one.words))]
        return "" if all(_answers(one, text, scores) for text in alone) else "a word matters"
    if _answers(one, one.without(one.driving), scores):
        return "the answer is given without the drivers"
    if len(one.driving) > 1:
        each = {_answers(one, one.without((place,)), scores) for place in one.driving}
        if len(each) > 1:
            return "only one of the two words matters"
    if one.sentence and _answers(one, one.without(one.places(one.sentence)), scores):
        return "the answer is given without its sentence"
    if one.decoy and not _answers(one, one.without(one.places(one.decoy)), scores):
        return "the decoy matters"
    return ""


def texts(one: Case) -> list[str]:
    """Everything that `doubt` asks about a case."""
    parts: list[tuple[int, ...]] = [(), one.driving, *((place,) for place in one.driving)]
    parts += [one.places(part) for part in (one.sentence, one.decoy) if part]
    if one.kind == "nothing":
        parts += [(place,) for place in range(len(one.words))]
    return [one.without(part) for part in parts]


def _answers(one: Case, text: str, scores: Scores) -> bool:
    said = (scores.generate([text])[0].text or "").split()
    return bool(said) and said[0].strip(".,;:!?").lower() == one.answer.lower()


def halve(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The two halves: of each kind as many as EACH says, drawn with a fixed seed."""
    draw = random.Random(20261125)
    halves: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    for kind, count in EACH.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        draw.shuffle(of_kind)
        if kind == "context":  # the long ones first, so that each half has one
            of_kind.sort(key=lambda row: len(row["prompt"].split()) < LONG)
            of_kind = of_kind[:2] + [r for r in of_kind if len(r["prompt"].split()) < LONG]
        if len(of_kind) < 2 * count:
            raise SystemExit(f"only {len(of_kind)} cases of the kind {kind} hold")
        for k, row in enumerate(of_kind[: 2 * count]):
            halves[SPLITS[k % 2]].append(row)
    return halves


def _choose(path: Path, scores: Scores) -> None:
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    scores.generate([text for row in rows for text in texts(case(row))])
    confirmed = []
    for row in rows:
        if reason := doubt(case(row), scores):
            print(f"rejected ({reason}): {row['prompt'][:100]}")
        else:
            confirmed.append(row)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for split, chosen in halve(confirmed).items():
        content = {"about": ABOUT, "model": "gemma-3-270m-q4_k_m.gguf", "cases": chosen}
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (FOLDER / f"{split}.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """The command."""
    scores = Scores()
    if len(sys.argv) > 1:
        _choose(Path(sys.argv[1]), scores)
    failed = 0
    for split in SPLITS:
        for one in load(split):
            if reason := doubt(one, scores):
                failed += 1
                print(f"{split}: {reason}: {one.prompt[:100]}")
    scores.close()
    print("every case holds" if not failed else f"{failed} cases do not hold")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
