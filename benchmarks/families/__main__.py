"""Each model as the proxy of the other, beside the target alone, on prompts of real words.

    python -m benchmarks.families --split tuning     # or held_out, or useless

From the tables of benchmarks/families/tables.py, so without a model: per target and signal SEEDS
studies of each prompt, beside the exact attributions. `useless` gives each prompt the proxy's
responses to another one. Prints the tables of the README.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import numpy as np

from benchmarks.families.models import NAMES
from benchmarks.families.studies import Outcome, outcomes
from benchmarks.families.tables import Table, load
from benchmarks.statistics.screen import dropped_after
from smile_trace.records import Signal

SEEDS = 5
ALONE = (8, 16, 20, 40)
BESIDE = (8, 16)
SIGNALS: tuple[Signal, Signal] = ("text", "probability")


def stranger(table: Table, tables: Sequence[Table]) -> Table:
    """Another prompt of as many words, whose proxy knows nothing of this one's target."""
    alike = [other for other in tables if len(other.said) == len(table.said)]
    return alike[(alike.index(table) + 1) % len(alike)]


def measure(tables: Sequence[Table], seeds: range, *, useless: bool) -> Iterator[Outcome]:
    """All studies of these tables."""
    for table in tables:
        for signal in SIGNALS:
            proxy = stranger(table, tables) if useless else None
            found = outcomes(
                table, signal, alone=ALONE, beside=BESIDE, seeds=seeds, proxy=proxy
            )  # fmt: skip
            yield from found
        print(table.case.target, table.case.prompt, file=sys.stderr, flush=True)


def report(found: Sequence[Outcome]) -> str:
    """One line per target, signal and number of calls, with the proxy or alone."""
    lines = [
        "| target | signal | calls | first place | correlation | MSE ×10³ | `reliable` | right when"
        " `reliable` | trust | agreement | not used |",
        "|" + "---|" * 11,
    ]
    kinds = sorted({(o.calls, not o.with_proxy) for o in found})
    for target in (*NAMES, None):
        for signal in (*SIGNALS, None):
            for calls, alone in kinds:
                some = [
                    o
                    for o in found
                    if target in (o.target, None)
                    and signal in (o.signal, None)
                    and (o.calls, not o.with_proxy) == (calls, alone)
                ]
                if some and (target is None) == (signal is None):
                    lines.append(_line(target or "both", signal or "both", calls, alone, some))
    return "\n".join(lines)


def _line(target: str, signal: str, calls: int, alone: bool, some: Sequence[Outcome]) -> str:
    reliable = [o.first for o in some if o.status == "reliable"]
    trusts = [o.trust for o in some if o.trust is not None]
    agreements = [o.agreement for o in some if o.agreement is not None]
    cells = [
        target,
        signal,
        f"{calls} alone" if alone else f"**{calls} beside the proxy**",
        f"{fmean(o.first for o in some):.2f}",
        f"{fmean(o.correlation for o in some):.2f}",
        f"{1000 * fmean(o.error for o in some):.1f}",
        f"{len(reliable)} of {len(some)}",
        f"{fmean(reliable):.2f}" if reliable else "",
        f"{fmean(trusts):.2f}" if trusts else "",
        f"{fmean(agreements):.2f}" if agreements else "",
        str(sum(o.dropped is not None for o in some)) if trusts else "",
    ]
    return f"| {' | '.join(cells)} |"


def differences(found: Sequence[Outcome], pairs: Sequence[tuple[int, int]]) -> str:
    """Beside the proxy less alone, with 90 % bootstrap intervals over prompts and signals."""
    measures: dict[str, Callable[[Outcome], float]] = {
        "first place": lambda o: float(o.first),
        "correlation": lambda o: o.correlation,
    }
    generator, lines = np.random.default_rng(0), []
    for beside, alone in pairs:
        for name, of in measures.items():
            means: dict[tuple[str, str, bool], list[float]] = {}
            for o in found:
                if o.calls == (beside if o.with_proxy else alone):
                    means.setdefault((o.prompt, o.signal, o.with_proxy), []).append(of(o))
            keys = sorted({(prompt, signal) for prompt, signal, _ in means})
            prompts = sorted({prompt for prompt, _ in keys})
            per_prompt = np.array(
                [
                    fmean(
                        fmean(means[(*key, True)]) - fmean(means[(*key, False)])
                        for key in keys
                        if key[0] == prompt
                    )
                    for prompt in prompts
                ]
            )
            drawn = generator.choice(per_prompt, (2000, len(per_prompt))).mean(axis=1)
            low, high = np.quantile(drawn, (0.05, 0.95))
            lines.append(
                f"{beside} beside the proxy less {alone} alone, {name}: {per_prompt.mean():+.3f}"
                f" [{low:+.3f}, {high:+.3f}]"
            )
    return "\n".join(lines)


def screened(found: Sequence[Outcome]) -> str:
    """After how many explanations each prompt's proxy would be dropped."""
    lines = []
    for calls in BESIDE:
        after = []
        for key in sorted({(o.prompt, o.signal) for o in found}):
            seen = [
                o.trust
                for o in found
                if (o.prompt, o.signal, o.calls) == (*key, calls)
                and o.trust is not None
                and o.agreement is not None
            ]
            after.append(dropped_after(seen))
        dropped = [count for count in after if count is not None]
        lines.append(f"{calls} calls: dropped {len(dropped)} of {len(after)}, after {dropped}")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=("tuning", "held_out", "useless"), default="tuning")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    tables = [t for t in load() if t.case.held_out == (options.split == "held_out")]
    found = list(measure(tables, range(options.seeds), useless=options.split == "useless"))
    print(report(found))
    print(differences(found, ((8, 8), (8, 20), (16, 16))))
    print(screened(found))


if __name__ == "__main__":
    main()
