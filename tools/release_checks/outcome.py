"""What a check gave."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """What a check gave: "not checked" is neither good nor bad, and says why."""

    state: Literal["passed", "failed", "not checked"]
    said: str
    findings: tuple[str, ...] = ()
