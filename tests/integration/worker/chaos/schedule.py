"""What a seed decides: the lives of the workers, and what goes wrong in each of them."""

import random
from typing import Literal, get_args

from smile_trace.records import Record

CALLS = 3
"""Captured calls; each comes in at the beginning of one worker's life."""
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
"""What can go wrong; `answer lost` is the tracker's, `disk too big` no byte written (EFBIG)."""
_KINDS = get_args(Kind)
_WEIGHTS = [3 if kind == "model killed" else 1 for kind in _KINDS]


class Misfortune(Record):
    """One thing that goes wrong, for `seconds`, once the model got `after` more requests."""

    kind: Kind
    after: int
    seconds: float


class Life(Record):
    """One worker's life, from its start to its end by `kill -9` or by SIGTERM."""

    captured_first: bool
    """Whether the call is there before the worker starts; else it comes while it runs."""
    misfortunes: tuple[Misfortune, ...]
    killed: bool
    ends_after: int
    """Requests after the last misfortune."""


def plan(seed: int) -> list[Life]:
    """The lives of one run, the same for the same seed."""
    draw = random.Random(f"lives {seed}")
    return [_life(draw) for _ in range(CALLS)]


def _life(draw: random.Random) -> Life:
    return Life(
        captured_first=draw.random() < 0.5,
        misfortunes=tuple(
            Misfortune(
                kind=draw.choices(_KINDS, _WEIGHTS)[0],
                after=draw.randrange(6),
                seconds=draw.uniform(0.1, 0.8),
            )
            for _ in range(draw.choice((1, 1, 2, 3)))
        ),
        killed=draw.random() < 0.75,
        ends_after=draw.randrange(1, BUDGET // 2),
    )
