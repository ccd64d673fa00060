"""How sensitive the answers of a template are to something, call by call."""

from collections.abc import Sequence
from typing import Protocol

from smile_trace.comparison.input_models import Input


class Sensitivity(Protocol):
    """Asks a template in a way that should not matter, and sees of how many calls it does."""

    @property
    def name(self) -> str:
        """That of the probe that it is about."""
        ...

    async def counting(self, template: str, inputs: Sequence[Input]) -> list[bool]:
        """Whether each of the calls that can be varied counts: the same calls for any template."""
        ...
