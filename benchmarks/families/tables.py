"""What both models say of every text that a prompt's removals can give; then no model is needed.

    python -m benchmarks.families.tables          # asks the models what is missing, an hour or more

Of each prompt of prompts.json: the target's own answer; for every combination of removed words what
the target answers, the log-probabilities of its tokens of the logged answer, and the proxy's of
the same answer. Kept in results/tables.jsonl.gz as they come, both targets in turns.
"""

import gzip
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from benchmarks.families.models import FORMS, NAMES, Asked, Name
from smile_trace.attribution.design.perturber import Perturber
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.records import Message, Prompted, Response

FOLDER = Path(__file__).parent
TABLES = FOLDER / "results" / "tables.jsonl.gz"

_DIGITS = 3  # of a log-probability


@dataclass(frozen=True)
class Case:
    """A prompt of one target; `protect` is its end, which is never removed."""

    target: Name
    prompt: str
    protect: str
    held_out: bool

    @property
    def proxy(self) -> Name:
        """The other model."""
        return NAMES[1 - NAMES.index(self.target)]

    @property
    def prompted(self) -> Prompted:
        """The prompt as it is asked of the target."""
        message = Message(role="user", content=self.prompt)
        return Prompted(messages=(message,), form=FORMS[self.target])

    @property
    def protected(self) -> tuple[str, ...]:
        """As a study takes it."""
        return (self.protect,) if self.protect else ()


@dataclass(frozen=True)
class Table:
    """All responses of one case; the lists are in the order of `texts(case)`.

    `said` are places in `answers`, the target's distinct answers, of which the first is the logged
    one; `target` and `proxy` the log-probabilities of its tokens.
    """

    case: Case
    answers: tuple[str, ...]
    said: tuple[int, ...]
    target: tuple[tuple[float, ...], ...]
    proxy: tuple[tuple[float, ...], ...]

    @property
    def answer(self) -> str:
        """The logged one."""
        return self.answers[0]

    @cached_property
    def places(self) -> dict[str, int]:
        """Where a text stands in the lists."""
        return {text: k for k, text in enumerate(texts(self.case))}

    def generated(self, place: int) -> Response:
        """The target's answer to the text at this place."""
        return Response(text=self.answers[self.said[place]])

    def scored(self, place: int, of: tuple[tuple[float, ...], ...]) -> Response:
        """The log-probabilities of the logged answer there, of `target` or `proxy`."""
        gap = 0.0 if of is self.target and place == 0 else None  # the target's own answer
        return Response(text=self.answer, logprobs=of[place], likeliest_by=gap)


def cases(target: Name) -> list[Case]:
    """The thirty of a target; from the fourth every second one is held out."""
    rows = json.loads((FOLDER / "prompts.json").read_text(encoding="utf-8"))[target]
    return [
        Case(target, row["prompt"], row["protect"], held_out=k % 2 == 1 and k > 1)
        for k, row in enumerate(rows)
    ]


def texts(case: Case) -> list[str]:
    """Every text that can be sent, the whole prompt first."""
    segments = Segmentation(case.prompted, "word", case.protected).segments
    perturber = Perturber(case.prompted, segments)
    kept = [(True,) if segment.protected else (True, False) for segment in segments]
    return list(
        dict.fromkeys(
            perturber.messages(mask)[0].content
            for mask in product(*kept)
            if perturber.sendable(mask)
        )
    )


def load() -> list[Table]:
    """Those that were asked so far."""
    if not TABLES.exists():
        return []
    known = {(case.target, case.prompt): case for name in NAMES for case in cases(name)}
    with gzip.open(TABLES, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Table(
            known[row["of"], row["prompt"]],
            tuple(row["answers"]),
            tuple(row["said"]),
            tuple(map(tuple, row["target"])),
            tuple(map(tuple, row["proxy"])),
        )
        for row in rows
    ]


def keep(table: Table) -> None:
    """Add a table to the file."""
    row = {"of": table.case.target, "prompt": table.case.prompt, **asdict(table)}
    del row["case"]
    with gzip.open(TABLES, "at", encoding="utf-8") as file:
        file.write(json.dumps(row, separators=(",", ":")) + "\n")


def measure(case: Case, target: Asked, proxy: Asked) -> Table | None:
    """Asks both models; None where the target says nothing to the prompt."""
    sent, form = texts(case), FORMS[case.target]
    answers = [response.text or "" for response in target.generate(sent)]
    distinct = list(dict.fromkeys(answers))
    if not answers[0].strip():
        return None
    return Table(
        case,
        tuple(distinct),
        tuple(map(distinct.index, answers)),
        _logprobs(target.score(sent, answers[0], form)),
        _logprobs(proxy.score(sent, answers[0], form)),
    )


def _logprobs(responses: Sequence[Response]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(p, _DIGITS) for p in r.logprobs or (-math.inf,)) for r in responses)


def in_turns() -> Iterator[Case]:
    """All cases, both targets in turns, so that wherever it ends both are there."""
    for both in zip(*(cases(name) for name in NAMES), strict=True):
        yield from both


def main() -> None:
    """The command."""
    known = {(table.case.target, table.case.prompt) for table in load()}
    models = {name: Asked(name) for name in NAMES}
    TABLES.parent.mkdir(exist_ok=True)
    for case in in_turns():
        if (case.target, case.prompt) in known:
            continue
        table = measure(case, models[case.target], models[case.proxy])
        print(case.target, case.prompt, "->", table and table.answer, file=sys.stderr, flush=True)
        if table is not None:
            keep(table)
    for model in models.values():
        model.close()


if __name__ == "__main__":
    main()
