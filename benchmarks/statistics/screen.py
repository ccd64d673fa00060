"""After how many explanations a proxy is dropped, and how often a good one is, on planted pairs.

    make bench-proxy          # or: python -m benchmarks.statistics.screen

The pairs are those of benchmarks/statistics/proxy.py, each asked about EXPLANATIONS times, as
the calls of one prompt are: fresh masks, fresh noise of the target. After each the trust is kept,
and looked at, as the worker does. Prints the tables of benchmarks/families/README.md.
"""

import argparse
from collections.abc import Sequence
from statistics import fmean, median

import numpy as np

from benchmarks.statistics.proxy import NOISES, made
from smile_trace.attribution.estimation.multifidelity import fit_multi_fidelity
from smile_trace.attribution.estimation.proxy_findings import concordance, mistrusted

PAIRS = ("same", "monotone", "wrong on one", "false driver", "useless")
PROMPTS, EXPLANATIONS = 120, 30
CALLS = (16, 8)
NOT_RANDOM = 3
"""Of the calls to a target: the unperturbed prompt and two chosen masks, left aside here."""


def trusts(
    pair: str, number: int, seed: int, *, calls: int = 16, explanations: int = EXPLANATIONS
) -> tuple[float, list[float]]:
    """The noise of one prompt's target, and the trusts in the order of its explanations.

    An explanation in which nothing moved tells none.
    """
    generator = np.random.default_rng([seed, number])
    target, proxy, noise = made(pair, number, generator)
    unperturbed = np.zeros((1, target.segments))
    seen = []
    for _ in range(explanations):
        drawn = target.draw(calls - NOT_RANDOM, generator, noise=noise)
        if concordance(drawn.y, proxy(drawn.x)) is not None:
            x, y = np.vstack([unperturbed, drawn.x]), np.append(0.0, drawn.y)
            seen.append(fit_multi_fidelity(x, proxy(x), y).trust)
    return noise, seen


def dropped_after(seen: Sequence[float]) -> int | None:
    """How many explanations it took; None where the proxy is used to the end."""
    counts = range(1, len(seen) + 1)
    return next((count for count in counts if mistrusted(seen[:count])), None)


def table(prompts: int, calls: int, seed: int = 0) -> str:
    """A table of when proxies are dropped, one line per pair and noise of the target."""
    lines = [
        f"| proxy, {calls} calls to the target | noise of the target | prompts | mean trust |"
        f" dropped within 10 | within {EXPLANATIONS} explanations | after (median) |",
        "|---|---|---|---|---|---|---|",
    ]
    for pair in PAIRS:
        all_seen = [trusts(pair, number, seed, calls=calls) for number in range(prompts)]
        for noise in NOISES:
            seen = [values for of, values in all_seen if of == noise and values]
            after = [count for count in map(dropped_after, seen) if count is not None]
            cells = [
                pair,
                str(noise),
                str(len(seen)),
                f"{fmean(fmean(values) for values in seen):.2f}",
                f"{sum(count <= 10 for count in after) / len(seen):.3f}",
                f"{len(after) / len(seen):.3f}",
                f"{median(after):.0f}" if after else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    options = parser.parse_args()
    for calls in CALLS:
        print(table(options.prompts, calls), flush=True)


if __name__ == "__main__":
    main()
