"""The command.

    python -m benchmarks.gallery FOLDER            # explain what is missing, build the gallery
    python -m benchmarks.gallery FOLDER --most 20  # no more than so many

`FOLDER.smile.jsonl` beside the folder holds the explanations: two hundred of the 75 prompts of
`benchmarks.attribution` and `benchmarks.drivers`, none chosen by its result.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import smile_trace
from benchmarks.attribution import cases
from benchmarks.drivers import cases as driver_cases
from smile_trace.hub import Entry, build, read_entries

BUDGET = 24
HOW = (("demo-completion", "probability"), ("demo", "probability"), ("demo", "text"))
MOST = 200
LICENCE = "Apache-2.0"


def planned() -> Iterator[tuple[str, str, str, str]]:
    """Model, signal, prompt and set of every explanation, in the order in which they are made."""
    sets = [("driver cases", driver_cases.load())]
    sets += [(split.replace("_", " "), cases.load(split)) for split in cases.SPLITS]
    for model, signal in HOW:
        for name, prompts in sets:
            yield from ((model, signal, case.prompt, name) for case in prompts)


def main() -> None:
    """Explain what is missing, then build."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=MOST)
    given = parser.parse_args()
    file = given.folder.with_suffix(".smile.jsonl")
    file.parent.mkdir(parents=True, exist_ok=True)
    done = [entry for _, entry in read_entries(file)] if file.exists() else []
    with file.open("a", encoding="utf-8") as out:
        for model, signal, prompt, name in list(planned())[len(done) : given.most]:
            found = smile_trace.explain(prompt, model=model, signal=signal, budget=BUDGET)
            entry = Entry.of(found, licence=LICENCE, tags=(name,))
            out.write(entry.line + "\n")
            out.flush()
            done.append(entry)
            print(f"{len(done)} {model} {signal}: {found.status}", flush=True)
    count = build(given.folder, done, title="Explanations of the benchmark's prompts")
    print(f"{count} in {given.folder / 'index.html'}")


if __name__ == "__main__":
    main()
