"""A real model and a weaker one as its proxy, on the driver cases.

    make bench-proxy          # or: python -m benchmarks.statistics.pair

The weaker model is the packaged one with its weights more crudely quantised
(tests/support/weaker_model.py); `useless` is the same with two levels in place of five, which
says nothing any more. Per case and number of target calls one study with the proxy and one
without, both by the logged answer's text: does the word that is known to drive the answer come
out first? A target's cases are those whose answer it gives. Prints the table of docs/proxy.md;
`--json` keeps every study's outcome as it comes.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.attribution.cases import Case
from benchmarks.attribution.measures import correlation
from benchmarks.attribution.question import Array, Question
from benchmarks.attribution.scores import CACHE, Scores
from benchmarks.drivers.cases import load, place
from benchmarks.drivers.exact import MOST_WORDS, exact
from benchmarks.drivers.studies import attributions, explain, prompted, text_of, told
from smile_trace.attribution import Proxy, ProxyStudy
from smile_trace.attribution.design.planner import MIN_LEVEL_CALLS
from smile_trace.records import Explanation, ExplanationSettings, Perturbation, Response
from tests.support.weaker_model import weaker_model_path

CALLS = (8, 16)
PROXY_CALLS = 60
LEVELS = {"weaker": 5, "useless": 2}
PAIRS = (("packaged", "weaker"), ("packaged", "useless"))


@dataclass(frozen=True)
class Outcome:
    """One case; places are the driver's among all words, from 1, with the proxy and without.

    Likewise the mean squared errors and the rank correlations, where there are exact values.
    """

    target: str
    proxy: str
    case: str
    calls: int
    seed: int
    with_proxy: float
    alone: float
    errors: tuple[float, float] | None
    correlations: tuple[float, float] | None
    trust: float
    agreement: float | None
    status: str
    status_alone: str
    dropped: str | None


def opened(name: str) -> Scores:
    """The model of that name, with its cache."""
    if name == "packaged":
        return Scores()
    return Scores(CACHE.with_name(f"{name}.db"), weaker_model_path(LEVELS[name]))


def explain_with_proxy(
    case: Case, target: Scores, proxy: Scores, *, answer: str, calls: int, seed: int
) -> Explanation:
    """The explanation by so many calls to the target; the proxy scores its answer."""

    def ask(round_: Sequence[Perturbation]) -> list[Response]:
        of_proxy = [text_of(row) for row in round_ if row.asked == "proxy"]
        of_target = [text_of(row) for row in round_ if row.asked == "target"]
        scored = iter(proxy.score(of_proxy, answer) if of_proxy else ())
        said = iter(target.generate(of_target) if of_target else ())
        return [next(scored if row.asked == "proxy" else said) for row in round_]

    study = ProxyStudy(
        prompted(case.prompt, 0.0),
        ExplanationSettings(model="target", unit="word", proxy="proxy", budget=calls, seed=seed),
        proxy=Proxy("proxy", "probability", deterministic=True, calls=PROXY_CALLS),
        answer=answer,
        signal="text",
        deterministic=True,
        remote=False,
    )
    return told(study, ask)


def measure(
    target: str, proxy: str, seeds: Sequence[int], numbers: Sequence[int] = CALLS
) -> Iterator[Outcome]:
    """All cases of one pair, by each of these numbers of calls to the target."""
    asked, proxy_model = opened(target), opened(proxy)
    for case in load():
        answer = asked.generate([case.prompt])[0].text or ""
        if not answer.split() or answer.split()[0].strip(".,") != case.answer:
            continue
        print(f"{target}, {proxy}: {case.prompt}", file=sys.stderr, flush=True)
        question = Question(case, "text", asked)
        truth = exact(question) if question.size <= MOST_WORDS else None
        for calls, seed in itertools.product(numbers, seeds):
            if question.size > max(calls, MIN_LEVEL_CALLS):
                continue  # the target alone would be asked about passages, not about words
            both = explain_with_proxy(
                case, asked, proxy_model, answer=answer, calls=calls, seed=seed
            )
            alone = explain(case, "text", asked, answer=answer, budget=calls, seed=seed)
            assert both.proxy is not None
            values = [np.array(attributions(one)) for one in (both, alone)]
            yield Outcome(
                target=target,
                proxy=proxy,
                case=case.prompt,
                calls=calls,
                seed=seed,
                with_proxy=place(case, values[0].tolist()).overall,
                alone=place(case, values[1].tolist()).overall,
                **compared(values, truth),
                trust=both.proxy.trust,
                agreement=both.proxy.agreement,
                status=both.fidelity.status,
                status_alone=alone.fidelity.status,
                dropped=both.proxy.dropped,
            )
    asked.close()
    proxy_model.close()


def compared(values: Sequence[Array], truth: Array | None) -> dict[str, Any]:
    """How near attributions come to the exact ones."""
    if truth is None:
        return {"errors": None, "correlations": None}
    return {
        "errors": tuple(float(((found - truth) ** 2).mean()) for found in values),
        "correlations": tuple(correlation(found, truth) or 0.0 for found in values),
    }


def table(outcomes: Sequence[Outcome]) -> str:
    """The table of docs/proxy.md: with the proxy / the target alone, as shares of the studies;
    means of the errors, medians of the correlations."""
    lines = [
        "| target, proxy | calls | driver first | among the first three | MSE ×10³ |"
        " rank correlation | `reliable` | proxy not used | trust | agreement |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for pair in dict.fromkeys((o.target, o.proxy) for o in outcomes):
        for calls in sorted({o.calls for o in outcomes if (o.target, o.proxy) == pair}):
            some = [o for o in outcomes if (o.target, o.proxy, o.calls) == (*pair, calls)]
            errors = np.array([o.errors for o in some if o.errors is not None])
            correlations = np.array([o.correlations for o in some if o.correlations is not None])
            agreements = [o.agreement for o in some if o.agreement is not None]
            places = [(o.with_proxy, o.alone) for o in some]
            statuses = [(o.status == "reliable", o.status_alone == "reliable") for o in some]
            cells = [
                f"{pair[0]}, {pair[1]} ({len(some)} studies)",
                str(calls),
                _both((np.array(places) == 1).mean(axis=0)),
                _both((np.array(places) <= 3).mean(axis=0)),
                _both(1000 * errors.mean(axis=0)),
                _both(np.median(correlations, axis=0)),
                _both(np.array(statuses).mean(axis=0)),
                str(sum(o.dropped is not None for o in some)),
                f"{fmean(o.trust for o in some):.2f}",
                f"{fmean(agreements):.2f}" if agreements else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _both(values: Array) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--calls", type=int, nargs="*", default=CALLS)
    parser.add_argument("--pairs", type=int, nargs="*", default=list(range(len(PAIRS))))
    parser.add_argument("--json", type=Path, help="Keep every study's outcome, one a line.")
    options = parser.parse_args()
    outcomes = []
    with nullcontext() if options.json is None else options.json.open("w") as file:
        for number in options.pairs:
            for outcome in measure(*PAIRS[number], range(options.seeds), options.calls):
                outcomes.append(outcome)
                if file is not None:
                    print(json.dumps(asdict(outcome)), file=file, flush=True)
    print(table(outcomes))


if __name__ == "__main__":
    main()
