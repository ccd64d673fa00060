"""How sensitive the answers of a template are to something, call by call."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
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


async def least_sensitive(
    sensitivity: Sensitivity,
    candidates: Iterable[tuple[str, str]],
    inputs: Sequence[Input],
    *,
    now: int,
    keeps: Callable[[str], Awaitable[bool]] | None = None,
) -> tuple[str, str] | None:
    """The candidate by which the fewest calls count, and fewer than now; None where none is.

    Args:
        sensitivity: what is to be smaller.
        candidates: templates, each after what it is.
        inputs: the calls.
        now: how many of them count by the template as it is.
        keeps: whether a template leaves the answers as they are; None where that is not asked.
    """
    best, fewest = None, now
    for what, changed in candidates:
        if keeps is not None and not await keeps(changed):
            continue
        left = sum(await sensitivity.counting(changed, inputs))
        if left < fewest:
            best, fewest = (what, changed), left
    return best
