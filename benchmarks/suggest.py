"""Suggestions for planted prompts: `make bench-suggest`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import smile_trace
from tests.support.planted_suggestions import PlantedPrompt, plant_in


def main() -> None:
    """Print a row per prompt; exit with 1 where something is missed, or something else proposed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=10)
    failed = 0
    print("prompt     noise  calls  tokens saved  seconds  not as it should be")
    for number in range(parser.parse_args().prompts):
        prompt = PlantedPrompt.number(number)
        with tempfile.TemporaryDirectory() as folder:
            settings = plant_in(Path(folder), prompt)
            begun = time.process_time()
            found = smile_trace.suggest(prompt.name, model=prompt.model(), settings=settings)
        saved = sum(one.tokens_saved or 0 for one in found.suggestions if one.kind == "no_effect")
        problems = prompt.problems(found)
        failed += bool(problems)
        print(
            f"{prompt.name}   {prompt.noise:5.2f}  {found.calls:5}  {saved:12.1f}  "
            f"{time.process_time() - begun:7.1f}  {'; '.join(problems) or '-'}",
            flush=True,
        )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
