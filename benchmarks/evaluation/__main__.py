"""gSMILE's measures on the fifteen driver cases: `python -m benchmarks.evaluation`.

The packaged Gemma 3 270M, probability of the case's answer, 40 calls an explanation, three
repeats with fresh draws. Writes the table of the README. Every prompt's measures are
written to `results.jsonl` as soon as they are there, and are not made again.
"""

from pathlib import Path

from benchmarks import pages
from benchmarks.attribution.cases import Case
from benchmarks.attribution.scores import TOKENS
from benchmarks.drivers import cases
from smile_trace.evaluation import MarkedPrompt, measure
from smile_trace.records.evaluation import Measures, PromptMeasures

RESULTS = Path(__file__).parent / "results.jsonl"
MEASURES = {
    "accuracy": ("accuracy: ROC-AUC against the driving word", "0.88 (Claude 2.1)"),
    "stability": ("stability: Jaccard of the top word after a small change", "0.45 (LLaMA)"),
    "consistency": ("consistency: variance of an attribution over three draws", ""),
    "weighted_r2": (
        "fidelity: weighted R² of the linear surrogate, in-sample",
        "0.72 (Claude 2.1)",
    ),
    "mse": ("fidelity: weighted MSE, in-sample", ""),
    "mae": ("fidelity: weighted MAE, in-sample", ""),
    "heldout_r2": ("held-out R² of the explanation", ""),
    "deletion_auc": ("deletion area (lower is better)", ""),
    "random_deletion_auc": ("deletion area in a random order", ""),
    "insertion_auc": ("insertion area (higher is better)", ""),
    "random_insertion_auc": ("insertion area in a random order", ""),
}
"""What each is called on the page, and the figure that gSMILE publishes."""


def main() -> None:
    """Measure what is not kept yet, the shortest prompts first, and write the table."""
    done = {found.prompt for found in kept()}
    todo = [case for case in cases.load() if case.prompt not in done]
    with RESULTS.open("a", encoding="utf-8") as file:
        for case in sorted(todo, key=lambda case: len(case.words)):
            print(measured(case).model_dump_json(), file=file, flush=True)
            print(case.prompt, flush=True)
    pages.put(table(Measures(prompts=tuple(kept()))), pages.readme(__file__), "evaluation")


def kept() -> list[PromptMeasures]:
    """What has been measured."""
    lines = RESULTS.read_bytes().splitlines() if RESULTS.exists() else []
    return [PromptMeasures.model_validate_json(line) for line in lines]


def measured(case: Case) -> PromptMeasures:
    """One prompt's measures; what drives it is what a person would mark."""
    marked = MarkedPrompt(case.prompt, case.drivers, answer=" " + case.answer)
    parameters = {"temperature": 0, "max_tokens": TOKENS}
    [found] = measure(
        [marked], "demo-completion", parameters=parameters, signal="probability", repeats=3
    ).prompts
    return found


def table(found: Measures) -> str:
    """The means over the prompts where a measure is defined."""
    rows = ["| measure | mean | prompts | gSMILE |", "|---|---|---|---|"]
    for name, (words, published) in MEASURES.items():
        known = [v for p in found.prompts if (v := getattr(p, name)) is not None]
        rows.append(f"| {words} | {found.mean(name):.3g} | {len(known)} | {published} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
