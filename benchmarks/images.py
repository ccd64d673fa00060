"""Whether the cell of an image that an answer depends on is found: `python -m benchmarks.images`.

Twenty planted forms (five sizes, PNG, JPEG and WebP) have a coloured stamp in one of 16 cells,
every fourth over both halves of it. A server that refuses what OpenAI's or Anthropic's refuses
decodes the image that it receives and tells the stamp's colour. Counted is how often the strongest
part is that cell. Variables: `IMAGES`, `BUDGET`.
"""

import asyncio
import os
import time

from smile_trace.explaining.driver import run
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.studies import make_study
from smile_trace.records import Explanation
from smile_trace.records.formats.cells import joined, places
from tests.support.planted_images import Planted, planted, prompted, seeing

IMAGES, BUDGET = (int(os.environ.get(n, d)) for n, d in (("IMAGES", "20"), ("BUDGET", "60")))
FORMS = ("chat", "responses", "anthropic")


def explained(image: Planted, form: str, budget: int) -> tuple[Explanation, int, list[str]]:
    """The explanation of a planted image's colour, the requests, and the refusals."""
    options = ExplainOptions(budget=budget)
    with seeing(form) as (server, model):
        question = prompted(image.uri, image.colour, form)
        settings = options.to_record(model.name, None)
        study = make_study(question, model, options, settings, signal="text")
        found = asyncio.run(run(study, model))
        return found, len(server.bodies), server.refused


def strongest_cell(explanation: Explanation) -> tuple[int, int] | None:
    """Row and column of the cell with the largest certain effect."""
    parts = (*explanation.coarser, *explanation.segments)
    cells = [part for part in parts if part.unit == "cell" and part.significant]
    if not cells:
        return None
    text = max(cells, key=lambda part: (part.attribution, len(part.text))).text
    [(_, _, row, column, _)] = joined(places(text))
    return row, column


def main() -> None:
    """Explain them all, and print a line each."""
    right = 0
    for seed in range(IMAGES):
        image, form = planted(seed, across=seed % 4 == 3), FORMS[seed % 3]
        began = time.monotonic()
        found, asked, refused = explained(image, form, BUDGET)
        cell = strongest_cell(found)
        hit = cell == (image.row, image.column)
        right += hit
        print(
            f"{seed:>2} {image.kind:<4} {form:<9} planted {image.row},{image.column} "
            f"found {cell} {'right' if hit else 'WRONG'} {found.fidelity.status} "
            f"{asked} calls, {len(refused)} refused, {time.monotonic() - began:.0f} s",
            flush=True,
        )
    print(f"the right cell in {right} of {IMAGES}")


if __name__ == "__main__":
    main()
