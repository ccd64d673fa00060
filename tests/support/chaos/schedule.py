"""What a seed decides: the workers of a run, and the faults injected into each."""

import random
from typing import Literal, get_args

from smile_trace.records import Record

CALLS = 3
"""Captured calls; each comes in when one worker starts."""
BUDGET = 20
"""Requests for one explanation."""

Kind = Literal[
    "model killed",
    "model paused",
    "worker paused",
    "tracker down",
    "answer lost",
    "disk full",
    "disk read-only",
    "disk too big",
]
"""The faults; `answer lost` is the tracker's, `disk too big` no byte written (EFBIG)."""
_KINDS = get_args(Kind)
_WEIGHTS = [3 if kind == "model killed" else 1 for kind in _KINDS]


class Fault(Record):
    """One fault, for `seconds`, once the model got `after` more requests."""

    kind: Kind
    after: int
    seconds: float


class WorkerRun(Record):
    """One worker from its start to its end by `kill -9` or by SIGTERM."""

    captured_first: bool
    """Whether the call is there before the worker starts; else it comes while it runs."""
    faults: tuple[Fault, ...]
    killed: bool
    ends_after: int
    """Requests after the last fault."""


def plan(seed: int) -> list[WorkerRun]:
    """The workers of one run, the same for the same seed."""
    draw = random.Random(f"lives {seed}")
    return [_worker_run(draw) for _ in range(CALLS)]


def _worker_run(draw: random.Random) -> WorkerRun:
    return WorkerRun(
        captured_first=draw.random() < 0.5,
        faults=tuple(
            Fault(
                kind=draw.choices(_KINDS, _WEIGHTS)[0],
                after=draw.randrange(6),
                seconds=draw.uniform(0.1, 0.8),
            )
            for _ in range(draw.choice((1, 1, 2, 3)))
        ),
        killed=draw.random() < 0.75,
        ends_after=draw.randrange(1, BUDGET // 2),
    )
