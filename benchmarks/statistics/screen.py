"""After how many explanations a proxy is dropped, and how often a good one is, on planted pairs.

    make bench-proxy          # or: python -m benchmarks.statistics.screen

The pairs are those of benchmarks/statistics/proxy.py, each asked about EXPLANATIONS times, as
the calls of one prompt are: fresh masks, fresh noise of the target. After each the agreement is
kept, and looked at, as the worker does. Prints the table of docs/proxy.md.
"""

from collections.abc import Sequence
from statistics import fmean, median

import numpy as np

from benchmarks.statistics.proxy import NOISES, made
from smile_trace.attribution.estimation.proxy_agreement import concordance, disagrees

PAIRS = ("same", "monotone", "wrong on one", "false driver", "useless")
PROMPTS, EXPLANATIONS = 400, 100
RANDOM_ROWS = 13
"""Of the 16 calls to a target: the unperturbed prompt and two chosen masks are the others."""


def agreements(pair: str, number: int, seed: int) -> tuple[float, list[float]]:
    """The noise of one prompt's target, and the agreements in the order of its explanations.

    An explanation in which nothing moved tells none.
    """
    generator = np.random.default_rng([seed, number])
    target, proxy, noise = made(pair, number, generator)
    rows = (target.draw(RANDOM_ROWS, generator, noise=noise) for _ in range(EXPLANATIONS))
    seen = (concordance(drawn.y, proxy(drawn.x)) for drawn in rows)
    return noise, [value for value in seen if value is not None]


def dropped_after(seen: Sequence[float]) -> int | None:
    """How many explanations it took; None where the proxy is believed to the end."""
    counts = range(1, len(seen) + 1)
    return next((count for count in counts if disagrees(seen[:count])), None)


def table(prompts: int, seed: int = 0) -> str:
    """The table of docs/proxy.md, one line per pair and noise of the target."""
    lines = [
        "| proxy | noise of the target | prompts | mean agreement | dropped within"
        f" {EXPLANATIONS} explanations | after (median) |",
        "|---|---|---|---|---|---|",
    ]
    for pair in PAIRS:
        all_seen = [agreements(pair, number, seed) for number in range(prompts)]
        for noise in NOISES:
            seen = [values for of, values in all_seen if of == noise]
            after = [count for count in map(dropped_after, seen) if count is not None]
            mean = fmean(fmean(values) for values in seen)
            share, when = len(after) / len(seen), f"{median(after):.0f}" if after else ""
            lines.append(f"| {pair} | {noise} | {len(seen)} | {mean:.2f} | {share:.3f} | {when} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(PROMPTS))
