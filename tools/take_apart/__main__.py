"""Ask for every answer that is not stored, and store what is made of them: `python -m
tools.take_apart`.

The packaged chat model is asked, some ten minutes for all; where nothing is missing it is not, and
the answers are compared and explained anew. `make house` then writes the page.
"""

from smile_trace.demo.application import MODEL
from smile_trace.explaining.driver import wait_for
from smile_trace.models.kinds.local import LocalModel, LocalSettings
from tools.take_apart.answers import FILE, Answered, made, read
from tools.take_apart.prompts import EXAMPLES


def main() -> None:
    """Store a line for each prompt."""
    stored, local = read(), LocalModel(MODEL, LocalSettings())
    lines = []
    for example in EXAMPLES:
        one = made(example, Answered(example, stored.get(example.name), local))
        lines.append(one.model_dump_json(exclude_defaults=True) + "\n")
        said = f"{len(one.given)} answers, {len(one.answers)} different"
        print(f"{example.name}: {said}; {one.explanation.summary}", flush=True)
    wait_for(local.aclose())
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
