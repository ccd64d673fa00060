"""The sixty prompts: thirty to tune on, thirty held out. The split was made before the first run.

`tests/data/cases/tuning.json` and `held_out.json`; `confirm.py` says what holds of each case.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "cases"
SPLITS = ("tuning", "held_out")

Kind = Literal["plain", "decoy", "protected_tail", "two_words", "nothing", "context"]


@dataclass(frozen=True)
class Case:
    """A prompt, the answer that the packaged model gives, and what drives it.

    `answer` is the first word of the answer, `drivers` the words without which it is another
    one (none where no word matters), `decoy` a word or sentence that looks as if it mattered,
    `protect` the end of the prompt that is never removed, and `sentence` the sentence of a
    context that holds the driver.
    """

    kind: Kind
    prompt: str
    answer: str
    drivers: tuple[str, ...] = ()
    decoy: str = ""
    protect: str = ""
    sentence: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """The words that can be removed, in order."""
        return tuple(self.prompt.removesuffix(self.protect).split())

    @property
    def tail(self) -> tuple[str, ...]:
        """The words that are never removed."""
        return tuple(self.protect.split())

    def places(self, part: str) -> tuple[int, ...]:
        """Where the words of `part` stand among `words`: its last occurrence.

        Raises:
            ValueError: it does not occur.
        """
        wanted, bare = part.split(), [_bare(word) for word in self.words]
        for found in (list(self.words), bare):
            target = wanted if found is not bare else [_bare(word) for word in wanted]
            for start in range(len(found) - len(target), -1, -1):
                if found[start : start + len(target)] == target:
                    return tuple(range(start, start + len(target)))
        raise ValueError(f"{part!r} is not in {self.prompt!r}")

    @property
    def driving(self) -> tuple[int, ...]:
        """The places of the driving words."""
        return tuple(place for driver in self.drivers for place in self.places(driver))

    def without(self, places: tuple[int, ...]) -> str:
        """The prompt without the words at these places."""
        retained = [word for k, word in enumerate(self.words) if k not in places]
        return " ".join([*retained, *self.tail])


def load(split: str) -> list[Case]:
    """The cases of one half, `tuning` or `held_out`."""
    rows = json.loads((FOLDER / f"{split}.json").read_text(encoding="utf-8"))["cases"]
    return [case(row) for row in rows]


def case(row: dict[str, str | list[str]]) -> Case:
    """A case from its JSON."""
    return Case(**{**row, "drivers": tuple(row["drivers"])})  # type: ignore[arg-type]


def _bare(word: str) -> str:
    return word.strip(".,;:!?")
