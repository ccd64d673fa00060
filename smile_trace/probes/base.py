"""The interface of a probe: variants of a request, and which of their answers count as changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from smile_trace.records import Message, Prompted

CHANGED = 0.5
"""Answer change from which an answer counts as another: half of the logged answer is gone. Of 300
labelled pairs it finds 99 % of the changed ones, and 3 to 4 % of the others. That it stays the same
is said only below SMALLEST_EFFECT."""


@dataclass(frozen=True)
class Variant:
    """A request that differs from the original in one respect.

    Args:
        messages: sent in place of the original messages.
        what: the difference in a few words: `documents in the order 3, 2, 1`.
        replicate: which draw of the same messages it is.
        marker: the word that an obeyed planted instruction would put into the answer.
        harmless: the messages with words that ask for nothing in the same place, which are asked
            where the answer lost a part: what these lose counts for nothing.
    """

    messages: tuple[Message, ...]
    what: str
    replicate: int = 0
    marker: str | None = None
    harmless: tuple[Message, ...] | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a variant; `change` is its answer change from the reference, in [0, 1]."""

    variant: Variant
    text: str
    change: float


@dataclass(frozen=True)
class Words:
    """The texts about a probe for a person.

    Args:
        name: its key in a Profile.
        title: what it does to the request: `Another order`.
        found, none: the meaning of a finding, and of no finding, as sentences.
        needs: what a request must have for it: `two documents`.
        source: the paper it follows.
        cannot_say: what its result must not be taken for.
    """

    name: str
    title: str
    found: str
    none: str
    needs: str
    source: str
    cannot_say: str


class Probe(Protocol):
    """Asks one question of a prompt: what happens to the answer if …? One file each, in `kinds`."""

    @property
    def words(self) -> "Words":
        """The probe's texts."""
        ...

    @property
    def own_measure(self) -> bool:
        """Whether `measure` looks for something other than a changed answer, which no other probe's
        variants bring about."""
        ...

    def variants(self, call: Prompted, seed: int) -> Sequence[Variant]:
        """Return distinct variants, the most telling first, the same for the same seed; none if the
        prompt has nothing to vary. `call.answer` is the answer that others are compared with."""
        ...

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether each answer counts, be it to this probe's variants or to any other request."""
        ...


def says_another_thing(answers: Sequence[Answer]) -> list[bool]:
    """Return the usual measure: half of the logged answer is gone."""
    return [answer.change >= CHANGED for answer in answers]


MakesVariants = Callable[[Prompted, int], Iterable[Variant]]


@dataclass(frozen=True)
class FunctionProbe:
    """A probe whose variants a function makes; see `probe`."""

    words: Words
    function: MakesVariants
    counts: Callable[[Answer], bool] | None = None

    @property
    def own_measure(self) -> bool:
        """Whether it has a measure of its own."""
        return self.counts is not None

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """Return the function's variants."""
        return list(self.function(call, seed))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether `counts` says so; without it, whether the answer changed."""
        if self.counts is None:
            return says_another_thing(answers)
        return [bool(self.counts(answer)) for answer in answers]


def probe(
    name: str,
    *,
    title: str | None = None,
    source: str = "",
    cannot_say: str = "",
    counts: Callable[[Answer], bool] | None = None,
) -> Callable[[MakesVariants], FunctionProbe]:
    """Make a probe of a function `(call, seed) -> variants`.

    Args:
        name: its key in a Profile.
        title: what a person reads; the name by default.
        source: where it comes from.
        cannot_say: what its result must not be taken for.
        counts: whether an answer counts; by default if it differs from the logged one. It is asked
            about every answer of the profile, those to other requests included.
    """
    called = title or name
    nothing = "The answer does not depend on this" if counts is None else "No answer counts"
    words = Words(
        name=name,
        title=called,
        found=f"The answer depends on this: {called}.",
        none=f"{nothing}: {called}.",
        needs="something for its function to vary",
        source=source,
        cannot_say=cannot_say,
    )

    def make(function: MakesVariants) -> FunctionProbe:
        return FunctionProbe(words, function, counts)

    return make
