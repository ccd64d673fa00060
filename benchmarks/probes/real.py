"""Profiles of fifty calls of each of the two packaged models.

    python -m benchmarks.probes.real               # profiles what is missing, writes the table
    python -m benchmarks.probes.real --calls 20    # of the first twenty prompts

Kept in results/real.jsonl.gz as they come, both models in turns and one prompt of each kind after
another, so that wherever it ends all are there; of a probe's answers only the most telling one.
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from benchmarks import pages
from benchmarks.probes.prompts import prompts
from smile_trace import profile
from smile_trace.probes.prompt_profile import together
from smile_trace.records.profile import Profile, Rate
from smile_trace.store.job_results import StoredProfile

PROFILES = Path(__file__).parent / "results" / "real.jsonl.gz"
MODELS = {"demo": "SmolLM2 135M, chat", "demo-completion": "Gemma 3 270M, base"}
PARAMETERS = {"temperature": 0, "max_tokens": 16}
BUDGET = 48


class Kept(NamedTuple):
    """The profile of one prompt and model; `number` is the prompt's place."""

    model: str
    number: int
    profile: Profile


def load() -> list[Kept]:
    """Those that were made so far."""
    if not PROFILES.exists():
        return []
    with gzip.open(PROFILES, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Kept(row["model"], row["number"], Profile.model_validate(row["profile"])) for row in rows
    ]


def keep(made: Kept) -> None:
    """Add a profile to the file."""
    row = {**made._asdict(), "profile": made.profile.model_dump(mode="json")}
    with gzip.open(PROFILES, "at", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def missing(calls: int, made: Sequence[Kept]) -> Iterator[Kept]:
    """Profiles of the first `calls` prompts that are not among those that were made."""
    done = {(one.model, one.number) for one in made}
    for (number, (_, prompt)), model in product(enumerate(prompts()[:calls]), MODELS):
        if (model, number) not in done:
            found = profile(prompt, model=model, parameters=PARAMETERS, budget=BUDGET, seed=number)
            yield Kept(model, number, _short(found))


def table(made: Sequence[Kept]) -> list[str]:
    """A line for each model and probe, over the calls that had something for it."""
    lines = [
        "| model | probe | calls | found in | rate of other answers | beyond its control |",
        "|---|---|---|---|---|---|",
    ]
    for model, title in MODELS.items():
        stored = [_stored(one) for one in made if one.model == model]
        for probe in together(model, stored, since=0.0).probes if stored else ():
            beyond = "" if probe.beyond is None else _told(probe.beyond)
            cells = title, probe.name, probe.calls, probe.found, _told(probe.rate), beyond
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def _short(profile: Profile) -> Profile:
    """Without the answers that are not the most telling of their probe."""
    results = {
        name: result.model_copy(update={"variants": result.variants[:1]})
        for name, result in profile.results.items()
    }
    return profile.model_copy(update={"results": results})


def _stored(one: Kept) -> StoredProfile:
    """As a worker would have stored it."""
    call = f"{one.model} {one.number}"
    return StoredProfile(
        id=one.number,
        call_id=call,
        trace_id=call,
        prompt=one.model,
        version="",
        period="",
        created_at=0.0,
        profile=one.profile,
    )


def _told(rate: Rate) -> str:
    return f"{rate.value:.2f} ({rate.ci_low:.2f} to {rate.ci_high:.2f})"


def main() -> None:
    """Profile what is missing, then write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probes.real")
    parser.add_argument("--calls", type=int, default=50, help="of each model")
    made = load()
    PROFILES.parent.mkdir(exist_ok=True)
    for one in missing(parser.parse_args().calls, made):
        keep(one)
        made.append(one)
        print(one.number, one.model, one.profile.summary, flush=True)
    pages.put("\n".join(table(made)), pages.readme(__file__), "probes of real models")


if __name__ == "__main__":
    main()
