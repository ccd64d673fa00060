"""gSMILE's measures on the fifteen driver cases: `python -m benchmarks.evaluation`.

The packaged Gemma 3 270M, probability of the case's answer, 40 calls an explanation, three
repeats with fresh draws. Writes the table of docs/benchmarks.md, and everything as JSON.
"""

import json
import sys
import tempfile
from pathlib import Path

from smile_trace.evaluation import MarkedPrompt, measure
from smile_trace.explaining.named import named_model
from smile_trace.records.evaluation import Measures
from smile_trace.settings import Settings

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results.json"
MEASURES = {
    "accuracy": "ROC-AUC against the driving word",
    "stability": "Jaccard of the top word after a small change",
    "consistency": "variance of an attribution over three draws",
    "weighted_r2": "weighted R² of the linear surrogate, in-sample",
    "mse": "weighted MSE, in-sample",
    "mae": "weighted MAE, in-sample",
    "heldout_r2": "held-out R² of the explanation",
    "deletion_auc": "deletion area (small is good)",
    "random_deletion_auc": "deletion area in a random order",
    "insertion_auc": "insertion area (large is good)",
    "random_insertion_auc": "insertion area in a random order",
    "seconds": "seconds per explanation",
}


def main() -> None:
    """Measure, print the means and keep everything."""
    cases = json.loads((ROOT / "tests" / "data" / "driver_cases.json").read_text())["cases"]
    prompts = [
        MarkedPrompt(case["prompt"], (case["driver"],), answer=" " + case["answer"])
        for case in cases
    ]
    with tempfile.TemporaryDirectory() as home:
        model = named_model("demo", Settings(home=home), None)
        prompts_measured = []
        for prompt in prompts:
            [one] = measure(
                [prompt],
                model,
                parameters={"temperature": 0, "max_tokens": 4},
                signal="probability",
                repeats=3,
            ).prompts
            prompts_measured.append(one)
            print(f"{one.seconds:6.1f} s  {one.prompt}", file=sys.stderr, flush=True)
    found = Measures(prompts=tuple(prompts_measured))
    RESULTS.write_text(found.model_dump_json(indent=1) + "\n")
    print("| measure | mean | prompts |\n|---|---|---|")
    for name, words in MEASURES.items():
        known = [v for p in found.prompts if (v := getattr(p, name)) is not None]
        print(f"| {words} | {found.mean(name):.4g} | {len(known)} |")


if __name__ == "__main__":
    main()
