"""The protocol of every study: ask and tell, which keeps paying for calls apart from solving."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from smile_trace.records import Explanation, Perturbation, Prompted, Response, Signal

Answered = tuple[Perturbation, Response]
"""A perturbation that was asked, and the response to it."""


class Study(Protocol):
    """One explanation under way. The driver repeats `ask()`, has the model answer, and gives
    `tell()` the responses, until `ask()` returns nothing; `result()` is valid after any round. A
    study is pure: the same seed and responses, in any order, give the same Explanation."""

    @property
    def prompted(self) -> Prompted:
        """The request that is explained; its form and parameters apply to every perturbation."""
        ...

    @property
    def answer(self) -> str:
        """The logged answer."""
        ...

    @property
    def signal(self) -> Signal:
        """How responses are compared with the logged answer: by text, or by its probability."""
        ...

    @property
    def proxy_signal(self) -> Signal:
        """The signal of the perturbations whose `asked` is "proxy"."""
        ...

    def ask(self) -> list[Perturbation]:
        """The next round of perturbations; empty when the study is finished."""
        ...

    def texts(self, pairs: Sequence[Answered] = ()) -> list[str]:
        """The texts whose word vectors the study needs once it was told `pairs`. A study with a
        `VectorTable` needs them in it before `tell(pairs)` and, without pairs, before `result()`.
        """
        ...

    def tell(self, pairs: Iterable[Answered]) -> None:
        """Take responses to perturbations that `ask()` gave; a failed one is missing data. Raises
        ValueError if a perturbation was not asked."""
        ...

    def result(self) -> Explanation:
        """The Explanation from the responses so far; `cost` counts only them."""
        ...
